import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import type { Summary } from '../../src/cli/summary.ts';
import { vpatch } from '../support/command-line.ts';
import { buildUdp, writePcap } from '../support/packets.ts';
import { conversation, type Turn } from '../support/play.ts';

const REQUEST = 'GET /cgi-bin/shell?id=1 HTTP/1.1\r\nHost: example.org\r\n\r\n';
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const RULE = 'drop http any any -> any any (msg:"shell"; http.uri; content:"/cgi-bin/shell"; sid:9000001; rev:1;)\n';

let directory: string;
const path = (name: string): string => join(directory, name);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'vpatch-replay-'));
  const turns: Turn[] = [
    { direction: TO_SERVER, bytes: fromLatin1(REQUEST) },
    { direction: TO_CLIENT, bytes: fromLatin1(ANSWER) },
  ];
  writePcap(path('attack.pcap'), conversation(turns));
  writePcap(
    path('benign.pcap'),
    conversation([{ direction: TO_SERVER, bytes: fromLatin1(REQUEST.replace('shell', 'other')) }, turns[1]!]),
  );
  writePcap(path('port-zero.pcap'), [buildUdp({ destinationPort: 0, payload: 'x' })]);
  writePcap(path('bad-checksum.pcap'), [buildUdp({ checksum: 0x1234, payload: 'x' })]);
  writeFileSync(path('cut.pcap'), readFileSync(path('attack.pcap')).subarray(0, -5));
  writeFileSync(path('test.rules'), RULE);
  // A configuration of this machine must not play along.
  writeFileSync(path('empty.yaml'), '');
});
afterAll(() => rmSync(directory, { recursive: true }));

function replay(capture: string, ...args: readonly string[]) {
  return vpatch('replay', '-c', path('empty.yaml'), '-S', path('test.rules'), ...args, path(capture));
}

async function summaryOf(capture: string, ...args: readonly string[]): Promise<Summary> {
  const { exitCode, stdout } = await replay(capture, '--json', ...args);
  expect(exitCode).toBe(0);
  return JSON.parse(stdout) as Summary;
}

describe('replay', () => {
  test('of the same capture twice finds the same twice: connections end with their capture', async () => {
    const all = ['-c', path('empty.yaml'), '-S', path('test.rules'), '-m', 'prevent', '--json'];
    const { stdout } = await vpatch('replay', ...all, path('attack.pcap'), path('attack.pcap'));
    expect((JSON.parse(stdout) as Summary).alerts).toMatchObject([{ count: 2 }]);
  });

  test('tells a person what it found', async () => {
    const { exitCode, stdout, stderr } = await replay('attack.pcap');
    expect(stdout).toMatch(/attack\.pcap: \d+ packets, \d+ bytes, \d+ flows? in \d+\.\d\d s\n/);
    expect(stdout).toContain('mode detect, 1 rule\n1 alert\n        1  1:9000001 shell (allowed)\n0 packets dropped\n');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });

  test('tells a program the same', async () => {
    expect(await summaryOf('attack.pcap')).toMatchObject({
      mode: 'detect',
      rules: { loaded: 1, refused: 0, warnings: 0 },
      alerts: [{ gid: 1, signature_id: 9_000_001, signature: 'shell', action: 'allowed', count: 1 }],
      drops: [],
      stats: { decoder: { pkts: expect.any(Number) } },
    });
  });

  test('blocks in prevent mode, and says why', async () => {
    const { alerts, drops } = await summaryOf('attack.pcap', '-m', 'prevent');
    expect(alerts).toMatchObject([{ signature_id: 9_000_001, action: 'blocked' }]);
    expect(drops[0]).toMatchObject({ packets: expect.any(Number), check: null });
    expect(drops.map(({ reason }) => reason)).toContain('rules');
  });

  test('is silent about what it should not match', async () => {
    expect(await summaryOf('benign.pcap', '-m', 'prevent')).toMatchObject({ alerts: [], drops: [] });
  });

  test('writes events with the number of the packet', async () => {
    expect((await replay('attack.pcap', '-m', 'prevent', '--eve', path('eve.json'))).exitCode).toBe(0);
    const lines = readFileSync(path('eve.json'), 'utf8').split('\n').slice(0, -1);
    const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events[0]).toMatchObject({
      event_type: 'alert',
      pcap_cnt: 4,
      proto: 'TCP',
      app_proto: 'http',
      direction: 'to_server',
      alert: { action: 'blocked', signature_id: 9_000_001 },
      http: { url: '/cgi-bin/shell?id=1', hostname: 'example.org' },
    });
    expect(events[1]).toMatchObject({ event_type: 'drop', pcap_cnt: 4, drop: { reason: 'rules' } });
  });

  test('names the file where there are several', async () => {
    const args = ['-c', path('empty.yaml'), '-S', path('test.rules'), '--eve', path('two.json')];
    await vpatch('replay', ...args, path('attack.pcap'), path('benign.pcap'));
    const [first] = readFileSync(path('two.json'), 'utf8').split('\n');
    expect(JSON.parse(first!)).toMatchObject({ pcap_filename: path('attack.pcap') });
  });

  test('of a folder is one of all captures below it, in order, each named in its events', async () => {
    const folder = path('captures');
    mkdirSync(join(folder, 'b', 'c'), { recursive: true });
    const places = ['z.pcap', join('b', 'c', 'x.PCAP'), join('b', 'y.cap'), 'a.pcapng.pcap', 'v.pcap'];
    for (const place of places) copyFileSync(path('attack.pcap'), join(folder, place));
    // Neither a capture by its name.
    writeFileSync(join(folder, 'README.md'), '# not one');
    const args = ['-c', path('empty.yaml'), '-S', path('test.rules'), '--eve', path('folder.json')];
    const { exitCode, stdout } = await vpatch('replay', ...args, folder);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('5 capture files: ');
    expect(stdout).toContain('5  1:9000001 shell (allowed)');
    const lines = readFileSync(path('folder.json'), 'utf8').split('\n').slice(0, -1);
    const named = lines.map((line) => (JSON.parse(line) as { pcap_filename: string }).pcap_filename);
    expect([...new Set(named)]).toEqual(places.map((place) => join(folder, place)).sort());
  });

  test('of a folder with one capture names it too', async () => {
    mkdirSync(path('one'));
    copyFileSync(path('attack.pcap'), join(path('one'), 'attack.pcap'));
    const args = ['-c', path('empty.yaml'), '-S', path('test.rules'), '--eve', path('one.json')];
    await vpatch('replay', ...args, path('one'));
    const [first] = readFileSync(path('one.json'), 'utf8').split('\n');
    expect(JSON.parse(first!)).toMatchObject({ pcap_filename: join(path('one'), 'attack.pcap') });
  });

  test('of a folder without a capture is refused', async () => {
    mkdirSync(path('none'));
    const { exitCode, stderr } = await replay('none');
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`${path('none')}: no capture file (.pcap, .pcapng, .cap) is below it`);
  });

  test('drops malformed packets in both modes, unless told otherwise', async () => {
    expect((await summaryOf('port-zero.pcap')).drops).toHaveLength(1);
    expect((await summaryOf('port-zero.pcap', '-m', 'prevent')).drops).toHaveLength(1);
    const reported = await summaryOf('port-zero.pcap', '--checks', 'report');
    expect(reported.drops).toEqual([]);
    expect(reported.anomalies).toHaveLength(1);
    expect(await summaryOf('port-zero.pcap', '--checks', 'off')).toMatchObject({ drops: [], anomalies: [] });
  });

  test('judges checksums, unless told otherwise', async () => {
    expect((await summaryOf('bad-checksum.pcap')).drops).toHaveLength(1);
    expect((await summaryOf('bad-checksum.pcap', '--checksums', 'off')).drops).toEqual([]);
  });

  test('--fail-on-alert is 1 when a rule matched, and 0 when not', async () => {
    expect((await replay('attack.pcap', '--fail-on-alert')).exitCode).toBe(1);
    expect((await replay('benign.pcap', '--fail-on-alert')).exitCode).toBe(0);
  });

  test('--fail-on-alert is 1 when nobody can tell whether a rule would have matched', async () => {
    writeFileSync(path('benign-cut.pcap'), readFileSync(path('benign.pcap')).subarray(0, -5));
    const { exitCode, stderr } = await replay('benign-cut.pcap', '--fail-on-alert');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^vpatch: .*benign-cut\.pcap: packet \d+, byte \d+: /);
  });

  test('of a capture that ends in the middle of a packet inspects what is there, and says so', async () => {
    const { exitCode, stdout, stderr } = await replay('cut.pcap', '--eve', path('cut.json'));
    expect(exitCode).toBe(0);
    expect(stdout).toContain('1 alert\n');
    expect(stderr).toMatch(/^vpatch: .*cut\.pcap: packet \d+, byte \d+: .*: the rest was not inspected\n$/);
    expect(readFileSync(path('cut.json'), 'utf8')).toContain('9000001');
  });

  test('shows refused rules in the summary', async () => {
    writeFileSync(path('wrong.rules'), `${RULE}alert tcp any any -> any any (contnt:"x"; sid:2;)\n`);
    const { exitCode, stdout } = await vpatch(
      'replay',
      '-c',
      path('empty.yaml'),
      '-S',
      path('wrong.rules'),
      path('attack.pcap'),
    );
    expect(exitCode).toBe(0);
    expect(stdout).toContain('1 rule, 1 refused (vpatch rules check says why)');
  });
});
