import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeHeld } from '../../src/patches/held-store.ts';
import type { ControlAnswer, ParsedRequest } from '../../src/service/control-protocol.ts';
import { ControlServer } from '../../src/service/control-server.ts';
import { FakeRoot, mavenJar } from '../scan/fake-root.ts';
import { vpatch } from '../support/command-line.ts';

let root: FakeRoot;
let state: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'vpatch-state-'));
  root = redisOf('5:6.0.15-1').file('srv/app.jar', mavenJar('org.apache.logging.log4j', 'log4j-core', '2.14.1'));
});
afterEach(() => {
  root.remove();
  rmSync(state, { recursive: true });
});

const redisOf = (version: string): FakeRoot =>
  new FakeRoot().debian(11).dpkg({ Package: 'redis-server', Source: 'redis', Version: version });
const scan = (...args: readonly string[]) => vpatch('scan', '--root', root.path, '--state', state, ...args);
const policy = (...args: readonly string[]) => vpatch('policy', ...args, '--state', state);
const lines = (text: string): string[] => text.trimEnd().split('\n');

interface Shown {
  readonly version: string;
  readonly items: readonly { readonly id: string; readonly mode: string; readonly because: readonly string[] }[];
}
const shown = async (): Promise<Shown> => JSON.parse((await policy('show', '--json')).stdout) as Shown;
const assigned = async (): Promise<string[]> => (await shown()).items.map(({ id, mode }) => `${id} ${mode}`);

test('a patch is assigned, kept, and taken back with the reason once the software is mended', async () => {
  const first = await scan('--apply');
  expect(first.stdout).toMatch(/^ {2}cve-2022-0543 +new +recommended +redis 5:6\.0\.15-1/m);
  expect(first.stdout).toMatch(
    /policy [0-9a-f]{12} is in force: \d+ assigned, \d+ new, 0 taken back\n.*vpatch reload.*\n$/,
  );
  expect((await shown()).items.find(({ id }) => id === 'cve-2022-0543')!.because).toEqual(['redis 5:6.0.15-1']);

  const second = await scan('--apply');
  expect(second.stdout).toMatch(/^ {2}cve-2022-0543 +kept/m);
  expect(second.stdout).toMatch(/stays in force: \d+ assigned, nothing has changed\n$/);

  const upgraded = redisOf('5:6.0.16-1+deb11u2');
  root.file('var/lib/dpkg/status', readFileSync(join(upgraded.path, 'var/lib/dpkg/status')));
  upgraded.remove();
  const third = await scan('--apply');
  expect(third.stdout).toMatch(
    /^ {2}cve-2022-0543 +not needed .*\n {6}redis is 5:6\.0\.16-1\+deb11u2 now, was 5:6\.0\.15-1$/m,
  );
  expect(third.stdout).toMatch(/, 0 new, 1 taken back\n/);
  expect((await assigned()).some((text) => text.startsWith('cve-2022-0543'))).toBe(false);
  expect((await assigned()).some((text) => text.startsWith('cve-2021-44228'))).toBe(true);

  const { stdout } = await policy('diff');
  expect(lines(stdout).slice(1)).toEqual(['-  cve-2022-0543']);
  expect(lines((await policy('list')).stdout)).toHaveLength(2);

  await policy('rollback');
  expect((await assigned()).some((text) => text.startsWith('cve-2022-0543'))).toBe(true);
});

describe('a pin', () => {
  test('wins over every scan', async () => {
    await scan('--apply');
    expect((await policy('pin', 'CVE-2021-44228', 'off')).exitCode).toBe(0);
    await policy('pin', 'cve-2022-0543', 'detect');
    await policy('pin', 'cve-2018-7600', 'on');
    await scan('--apply');
    const now = await assigned();
    expect(now).toContain('cve-2022-0543 detect');
    expect(now).toContain('cve-2018-7600 on');
    expect(now.some((text) => text.startsWith('cve-2021-44228'))).toBe(false);
    expect((await policy('show')).stdout).toMatch(/^cve-2021-44228 +off, pinned$/m);

    await policy('pin', 'cve-2021-44228', 'auto');
    await policy('pin', 'cve-2018-7600', 'auto');
    expect(await assigned()).toContain('cve-2021-44228 on');
    expect((await assigned()).some((text) => text.startsWith('cve-2018-7600'))).toBe(false);
  });

  test('of nothing that there is', async () => {
    expect(await policy('pin', 'cve-2021-44229', 'on')).toMatchObject({
      exitCode: 2,
      stderr: 'vpatch: there is no patch cve-2021-44229; did you mean cve-2021-44228?\n',
    });
    expect((await policy('pin', 'cve-2021-44228', 'maybe')).stderr).toContain('expected on, off, detect, soak or auto');
  });
});

test('rules of others are chosen by the CVEs that they name', async () => {
  const rules = join(state, 'other.rules');
  writeFileSync(
    rules,
    'drop tcp any any -> any 6379 (msg:"other"; content:"package"; reference:cve,2022-0543; sid:77;)\n' +
      'drop tcp any any -> any any (msg:"not here"; content:"x"; reference:cve,1999-0001; sid:78;)\nnonsense\n',
  );
  const { stdout, stderr } = await scan('--apply', '--candidates', rules);
  expect(stdout).toMatch(/^ {2}1:77 +new +recommended +redis 5:6\.0\.15-1 +other$/m);
  expect(stdout).not.toContain('1:78');
  expect(stderr).toMatch(/other\.rules:3:\d+: .* \(1 line left out\)/);
  expect(await assigned()).toContain('1:77 on');
});

describe('the configuration', () => {
  test('loads what the policy has, and says when there is none', async () => {
    const config = join(state, 'vpatch.yaml');
    writeFileSync(config, `rules: { policy: recommended }\nstate: { folder: ${state} }\nscan: { preset: balanced }\n`);
    const before = await vpatch('rules', 'list', '-c', config);
    expect(before).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('run "vpatch scan --apply"') });

    await vpatch('scan', '--root', root.path, '--state', state, '--apply', '-c', config);
    const { stdout } = await vpatch('rules', 'list', '-c', config);
    expect(stdout).toMatch(/^1:9000170:\d+\tdrop\t/m);
    await policy('pin', 'cve-2022-0543', 'detect');
    expect((await vpatch('rules', 'show', '9000170', '-c', config)).stdout).toMatch(
      /^ {2}drop .*vpatch_hold detect cve-2022-0543/m,
    );
  });
});

describe('what is held', () => {
  const RULE = 'drop http any any -> any any (msg:"Shellshock"; http.header; content:"() {"; sid:1000001; rev:1;)\n';
  let config: string;
  beforeEach(() => {
    config = join(state, 'vpatch.yaml');
    writeFileSync(join(state, 'local.rules'), RULE);
    writeFileSync(join(state, 'cve-2014-6271.rules'), RULE.replace('1000001', '1000002'));
    const files = `rules: { files: [local.rules, cve-2014-6271.rules] }`;
    writeFileSync(config, `${files}\nstate: { folder: . }\ncontrol: { socket: none }\nscan: { soak: { flows: 5 } }\n`);
  });
  const withConfig = (...args: readonly string[]) => vpatch(...args, '-c', config);
  /** Of each rule that matched, whether it blocked and what kept it from that. */
  async function outcomes(): Promise<string[]> {
    const eve = join(state, 'eve.json');
    rmSync(eve, { force: true });
    await withConfig('replay', 'fixtures/readme/shellshock.pcap', '-m', 'prevent', '--eve', eve);
    const events = lines(readFileSync(eve, 'utf8')).map((line) => JSON.parse(line) as Alert);
    return events.flatMap(({ alert, vpatch }) =>
      alert === undefined ? [] : [`${alert.signature_id} ${alert.action} ${vpatch.held_by ?? ''}`.trim()],
    );
  }
  interface Alert {
    readonly alert?: { readonly signature_id: number; readonly action: string };
    readonly vpatch: { readonly held_by?: string };
  }

  test('reports, and says why it did not block, until it is promoted', async () => {
    expect(await outcomes()).toEqual(['1000001 blocked', '1000002 blocked']);
    expect((await withConfig('policy', 'pin', '1:1000001', 'soak')).stdout).toContain('1:1000001: soak\n');
    await withConfig('policy', 'pin', 'cve-2014-6271', 'detect');
    expect(await outcomes()).toEqual(['1000001 allowed soak', '1000002 allowed detect']);
    await withConfig('policy', 'promote', '1:1000001');
    expect(await outcomes()).toEqual(['1000001 blocked', '1000002 allowed detect']);
  });

  test('has to be there', async () => {
    expect(await withConfig('policy', 'pin', '1:1000003', 'soak')).toMatchObject({
      exitCode: 2,
      stderr: 'vpatch: there is no rule 1:1000003 among those that the configuration loads\n',
    });
    expect(await withConfig('policy', 'promote', '1:1000001')).toMatchObject({
      exitCode: 2,
      stderr: 'vpatch: 1:1000001 is not held: "vpatch policy report" shows what is\n',
    });
  });

  test('is reported', async () => {
    expect((await withConfig('policy', 'report')).stdout).toContain('nothing is held');
    await withConfig('policy', 'pin', '1:1000001', 'soak');
    await withConfig('policy', 'pin', 'cve-2014-6271', 'detect');
    expect((await withConfig('policy', 'report')).stdout).toMatch(
      /^1:1000001 +soak +the running service has not counted/m,
    );
    const seen = { sinceMs: 0, cleanMs: 5_400_000, cleanFlows: 3, rules: { '1:1000002': 4 } };
    writeHeld(state, {
      '1:1000001': { ...seen, hold: 'soak', hits: 0, lastHitMs: null, rules: {}, sources: {} },
      'cve-2014-6271': {
        ...seen,
        hold: 'detect',
        hits: 4,
        lastHitMs: 60_000,
        sources: { '192.0.2.1': 1, '192.0.2.7': 3 },
      },
    });
    expect(lines((await withConfig('policy', 'report')).stdout)).toEqual([
      '1:1000001      soak    0 since 1970-01-01T00:00Z                          quiet for 1.5 h of 168.0 h, 3 of 5 connections',
      'cve-2014-6271  detect  4 since 1970-01-01T00:00Z  last 1970-01-01T00:01Z',
      '      1:1000002 (4) from 192.0.2.7 (3), 192.0.2.1 (1)',
    ]);
    const { held } = JSON.parse((await withConfig('policy', 'report', '--json')).stdout) as { held: object[] };
    expect(held[1]).toMatchObject({ id: 'cve-2014-6271', hold: 'detect', hits: 4 });
  });
});

describe('what cannot be done is said', () => {
  test('an image is no reason for a policy of this host', async () => {
    expect(await vpatch('scan', '--root', root.path, '--apply')).toMatchObject({ exitCode: 2 });
  });

  test('without a policy', async () => {
    expect(await policy('show')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('there is no policy yet'),
    });
    expect(await policy('rollback')).toMatchObject({ exitCode: 2, stderr: 'vpatch: there is no earlier policy\n' });
  });

  test('a result that cannot be kept is shown all the same', async () => {
    const file = join(state, 'file');
    writeFileSync(file, '');
    const { exitCode, stdout, stderr } = await vpatch('scan', '--root', root.path, '--state', join(file, 'below'));
    expect(exitCode).toBe(0);
    expect(stdout).toContain('CVE-2022-0543');
    expect(stderr).toContain('the next scan cannot compare with this one');
  });
});

describe('a service that runs', () => {
  let server: ControlServer;
  let config: string;
  let answer: ControlAnswer;
  let requests: ParsedRequest[];
  beforeEach(async () => {
    const socket = join(state, 'control.sock');
    config = join(state, 'vpatch.yaml');
    writeFileSync(config, `control: { socket: ${socket} }\nrules: { policy: recommended }\nstate: { folder: . }\n`);
    requests = [];
    server = await ControlServer.claim(socket, pino({ level: 'silent' }));
    server.serve(async (request) => {
      requests.push(request);
      return answer;
    });
  });
  afterEach(() => server.close());
  const pin = (mode: string) => vpatch('policy', 'pin', 'cve-2022-0543', mode, '-c', config);

  test('takes a new policy over, and is left alone where nothing has changed', async () => {
    answer = { status: 'ok', result: { rules: { loaded: 12, refused: [] } } };
    expect((await pin('on')).stdout).toContain('the running vpatch has taken it over: 12 rules, 0 refused\n');
    expect((await pin('on')).stdout).toContain('stays in force');
    expect(requests).toEqual([{ command: 'reload', force: false }]);
  });

  test('that refuses it is a problem, and is told', async () => {
    answer = { status: 'failed', kind: 'problem', lines: ['a.rules:1:1: a mistake'] };
    const { exitCode, stdout, stderr } = await pin('on');
    expect(stdout).toContain('is in force');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: expect.stringContaining('the running vpatch goes on with what it had:\nvpatch: a.rules:1:1: a mistake'),
    });
  });

  test('of another state folder is not touched', async () => {
    answer = { status: 'ok', result: {} };
    await vpatch('policy', 'pin', 'cve-2022-0543', 'on', '-c', config, '--state', join(state, 'other'));
    expect(requests).toEqual([]);
  });
});
