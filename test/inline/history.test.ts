import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Load } from '../support/load.ts';
import { Testbed, until, whyNoTestbed } from '../support/netns.ts';
import { PROGRAM, VpatchProcess } from '../support/vpatch-process.ts';
import { HTTP_PORT, PAGE, WebServer } from '../support/web-server.ts';

const reason = whyNoTestbed();
if (reason !== null) console.warn(`SKIPPED, NO HISTORY OF A RUNNING SERVICE IS TESTED: ${reason}`);

const RULES =
  'drop http any any -> any any (msg:"evil"; flow:established,to_server; http.uri; content:"/evil"; ' +
  'reference:cve,2021-44228; sid:1;)\n';

describe.skipIf(reason !== null)('the history of a running service', () => {
  let testbed: Testbed;
  let web: WebServer;
  let state: string;

  beforeAll(async () => {
    testbed = new Testbed();
    web = await WebServer.start(testbed);
    // The folder is there: what the default asks for.
    state = mkdtempSync(join(tmpdir(), 'vpatch-state-'));
  });
  afterEach(() => VpatchProcess.killAll());
  afterAll(() => {
    web?.close();
    testbed?.close();
    rmSync(state, { recursive: true, force: true });
  });

  const url = (path = '/'): string => `http://${testbed.addresses.server[4]}:${HTTP_PORT}${path}`;
  const attack = () => testbed.finish('client', 'curl', ['-s', '-m', '1', url('/evil')]);
  const events = async (...args: readonly string[]) => {
    const all = [PROGRAM, 'events', '--state', state, ...args];
    const { status, output } = await testbed.finish('server', process.execPath, all);
    return { status, output };
  };

  test('an attack is shown while the service runs, and after it was killed', async () => {
    const vpatch = await VpatchProcess.start(testbed, {
      rules: RULES,
      args: ['-m', 'prevent'],
      config: `state: { folder: ${state} }\n`,
    });
    const load = await Load.start(testbed, { url: url(), page: PAGE });
    await attack();
    await until('the attack is kept', async () => (await events('--type', 'alert')).output.includes('evil'));
    expect((await load.stop()).failures).toEqual([]);

    const { output } = await events('--rule', '1', '--cve', 'CVE-2021-44228', '--action', 'blocked', '--type', 'alert');
    expect(output).toMatch(/alert +blocked +prevent .* 1:1 +evil \(CVE-2021-44228\)/);
    expect(output).toContain(testbed.addresses.client[4]);
    const [line = ''] = (await events('--rule', '1', '--type', 'alert', '--json')).output.split('\n');
    expect(vpatch.events('alert')).toContainEqual(JSON.parse(line));
    expect((await events('--summary', 'hour')).output).toMatch(/ 1 +1 +0 +\d+ +\S/);
    expect(statSync(join(state, 'history.db')).mode & 0o077).toBe(0);

    vpatch.signal('SIGKILL');
    await vpatch.exited;
    expect((await events('--type', 'alert')).output).toContain('evil');
    testbed.run('server', process.execPath, [PROGRAM, 'cleanup']);
  });
});
