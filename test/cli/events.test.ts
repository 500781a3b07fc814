import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { EveLine } from '../../src/output/eve-lines.ts';
import { vpatch } from '../support/command-line.ts';
import { alertLine } from '../support/eve-lines.ts';

const store = await import('../../src/service/history/event-store.ts').catch(() => null);
if (store === null) console.warn('SKIPPED, NO HISTORY IS SHOWN IN TESTS: better-sqlite3 is not installed');

const NOW_MS = Date.parse('2026-11-22T12:30:00Z');
const line = (fields: object): string =>
  alertLine({
    source: '2001:0db8:0000:0000:0000:0000:0000:0001',
    dest_ip: '2001:0db8:0000:0000:0000:0000:0000:0002',
    alert: {
      action: 'blocked',
      gid: 1,
      signature_id: 9_000_001,
      rev: 1,
      signature: 'Remote code, "quoted", \u001b[31m',
      category: 'x',
      severity: 1,
    },
    ...fields,
  });
const LINES = [
  line({ time: '2026-11-20T12:00:00.000000+0000', vpatch: { mode: 'prevent' } }),
  line({}),
  line({
    time: '2026-11-22T12:01:00.000000+0000',
    event_type: 'drop',
    alert: undefined,
    drop: { reason: 'check' },
    vpatch: { mode: 'prevent', check: 'tcp.syn_fin', folded: { events: 3, several_sources: true } },
  }),
];

describe.skipIf(store === null)('vpatch events', () => {
  let folder: string;
  let state: string;

  beforeAll(async () => {
    const { historyEvent } = await import('../../src/service/history/history-event.ts');
    folder = mkdtempSync(join(tmpdir(), 'vpatch-events-'));
    state = join(folder, 'state');
    const limits = { maxAgeMs: 1e12, maxBytes: 1e8 };
    const made = store!.EventStore.open(join(state, 'history.db'), limits);
    made.add(LINES.map((text) => historyEvent(new EveLine(text))));
    made.close();
  });
  beforeEach(() => {
    vi.useFakeTimers({ now: NOW_MS, toFake: ['Date'] });
    return () => vi.useRealTimers();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const events = (...args: readonly string[]) => vpatch('events', '--state', state, ...args);

  test('lists them for people, without what a terminal obeys', async () => {
    const { exitCode, stdout } = await events('--since', '1d');
    expect(exitCode).toBe(0);
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/^TIME \(UTC\) +TYPE +ACTION +MODE +SOURCE +DESTINATION +PROTOCOL +RULE +WHAT$/),
      '2026-11-22 12:00:00  alert  blocked  prevent  [2001:db8::1]:40000  [2001:db8::2]:80  TCP http      1:9000001  ' +
        'Remote code, "quoted", \\x1b[31m (CVE-2021-44228)',
      '2026-11-22 12:01:00  drop   blocked  prevent  several              [2001:db8::2]:80  TCP http  x3             tcp.syn_fin',
      '',
    ]);
  });

  test('says that there are more', async () => {
    expect((await events('-n', '1')).stdout).toContain('the newest 1: --limit shows more');
    expect((await events('-n', '3')).stdout).not.toContain('--limit');
  });

  test('prints EVE lines as they came', async () => {
    expect((await events('--json', '--until', '2026-11-22')).stdout).toBe(`${LINES[0]}\n`);
    expect((await events('--json', '--patch', 'CVE-2021-44228')).stdout).toBe(`${LINES[0]}\n${LINES[1]}\n`);
  });

  test('prints values for spreadsheets', async () => {
    const { stdout } = await events('--csv', '--cve', 'cve-2021-44228');
    expect(stdout.split('\r\n')[1]).toBe(
      '2026-11-22T12:00:00.000Z,alert,blocked,prevent,1,1,9000001,"Remote code, ""quoted"", \\x1b[31m",1,CVE-2021-44228,' +
        '2001:0db8:0000:0000:0000:0000:0000:0001,40000,2001:0db8:0000:0000:0000:0000:0000:0002,80,TCP,http,1234',
    );
  });

  test('draws hours, also those in which nothing happened', async () => {
    vi.stubEnv('LC_ALL', 'C');
    const { stdout } = await events('--summary', 'hour', '--since', '3h');
    vi.unstubAllEnvs();
    const rows = stdout.trimEnd().split('\n');
    expect(rows.map((row) => row.slice(0, 16).trim())).toEqual([
      'HOUR (UTC)',
      '2026-11-22 09:00',
      '2026-11-22 10:00',
      '2026-11-22 11:00',
      '2026-11-22 12:00',
    ]);
    expect(rows[3]).toMatch(/ 0 +0 +0 +0$/);
    expect(rows[4]).toMatch(/ 1 +1 +0 +3 +#{11}\.{33}$/);
  });

  test('sums up by rule and by source', async () => {
    const byRule = (await events('--summary', 'rule')).stdout;
    expect(byRule).toContain('1:9000001 Remote code');
    expect(JSON.parse((await events('--summary', 'source', '--json')).stdout)).toMatchObject([
      { source: 'several', drops: 3 },
      { source: '2001:db8::1', alerts: 2 },
    ]);
    expect((await events('--summary', 'day', '--csv', '--since', '2026-11-20')).stdout).toContain(
      '2026-11-20,1,1,0,0,2026-11-20T12:00:00.000Z,',
    );
  });

  test.each([
    [['--rule', '5'], 'no events\n'],
    [['--mode', 'detect', '--summary', 'day'], 'no events\n'],
    [['--patch', 'cve-2014-6271', '--json'], ''],
  ])('%j has nothing to show', async (args, expected) => {
    expect(await events(...args)).toEqual({ exitCode: 0, stdout: expected, stderr: '' });
  });

  test.each([
    [['--since', 'yesterday'], 'expected how long ago'],
    [['--rule', 'x'], 'expected the number of a rule'],
    [['--cve', '2021'], 'expected a CVE'],
    [['--address', '300.1.1.1'], 'expected an address'],
    [['--limit', '0'], 'expected a whole number from 1'],
    [['--patch', 'cve-2021-44229'], 'there is no patch cve-2021-44229; did you mean'],
    [['--json', '--csv'], 'cannot be used with'],
  ])('%j is wrong use', async (args, expected) => {
    const { exitCode, stderr } = await events(...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(expected);
  });

  test('explains the events of a connection that no event file has any more', async () => {
    const config = join(folder, 'explained.yaml');
    writeFileSync(config, `state: { folder: ${state} }\n`);
    const explained = await vpatch('explain', '-c', config, '-S', 'fixtures/readme/shellshock.rules', '1234');
    expect(explained.stdout.match(/^what /gm)).toHaveLength(3);
    expect(await vpatch('explain', '-c', config, '5678')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('of flow 5678 is in the history'),
    });
  });

  test('where there is no history, says why', async () => {
    const absent = await vpatch('events', '--state', join(folder, 'other'));
    expect(absent.exitCode).toBe(3);
    expect(absent.stderr).toContain('history.db is not there; "vpatch run" keeps one where');
    const config = join(folder, 'vpatch.yaml');
    writeFileSync(config, `state: { folder: ${join(folder, 'other')} }\nhistory: { enabled: false }\n`);
    expect((await vpatch('events', '-c', config)).stderr).toContain('history.enabled is false');
    mkdirSync(join(folder, 'broken'));
    writeFileSync(join(folder, 'broken', 'history.db'), 'no database at all, whatever its name says. '.repeat(100));
    const broken = await vpatch('events', '--state', join(folder, 'broken'));
    expect(broken).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('cannot be read: file is not a database'),
    });
  });
});
