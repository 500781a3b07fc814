import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Load } from '../support/load.ts';
import { until } from '../support/netns.ts';
import { PROGRAM, VpatchProcess } from '../support/vpatch-process.ts';
import { describeWithWebServer } from '../support/web-bed.ts';
import { PAGE } from '../support/web-server.ts';

const RULES =
  'drop http any any -> any any (msg:"evil"; flow:established,to_server; http.uri; content:"/evil"; ' +
  'reference:cve,2021-44228; sid:1;)\n';

describeWithWebServer('the history of a running service', (bed) => {
  const attack = () => bed.testbed.finish('client', 'curl', ['-s', '-m', '1', bed.url('/evil')]);
  const events = async (...args: readonly string[]) => {
    const all = [PROGRAM, 'events', '--state', bed.folder, ...args];
    const { status, output } = await bed.testbed.finish('server', process.execPath, all);
    return { status, output };
  };

  test('an attack is shown while the service runs, and after it was killed', async () => {
    const vpatch = await VpatchProcess.start(bed.testbed, {
      rules: RULES,
      args: ['-m', 'prevent'],
      // The folder is there: what the default asks for.
      config: `state: { folder: ${bed.folder} }\n`,
    });
    const load = await Load.start(bed.testbed, { url: bed.url(), page: PAGE });
    await attack();
    await until('the attack is kept', async () => (await events('--type', 'alert')).output.includes('evil'));
    expect((await load.stop()).failures).toEqual([]);

    const { output } = await events('--rule', '1', '--cve', 'CVE-2021-44228', '--action', 'blocked', '--type', 'alert');
    expect(output).toMatch(/alert +blocked +prevent .* 1:1 +evil \(CVE-2021-44228\)/);
    expect(output).toContain(bed.testbed.addresses.client[4]);
    const [line = ''] = (await events('--rule', '1', '--type', 'alert', '--json')).output.split('\n');
    expect(vpatch.events('alert')).toContainEqual(JSON.parse(line));
    expect((await events('--summary', 'hour')).output).toMatch(/ 1 +1 +0 +\d+ +\S/);
    expect(statSync(join(bed.folder, 'history.db')).mode & 0o077).toBe(0);

    vpatch.signal('SIGKILL');
    await vpatch.exited;
    expect((await events('--type', 'alert')).output).toContain('evil');
    bed.testbed.run('server', process.execPath, [PROGRAM, 'cleanup']);
  });
});
