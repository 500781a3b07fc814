import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Finished, Testbed, until, whyNoTestbed } from '../support/netns.ts';
import { PROGRAM, VpatchProcess } from '../support/vpatch-process.ts';
import { HTTP_PORT, WebServer } from '../support/web-server.ts';

const reason = whyNoTestbed();
if (reason !== null) console.warn(`SKIPPED, WHAT OTHER USERS MAY SEE IS NOT TESTED: ${reason}`);

const RULES =
  'drop http any any -> any any (msg:"evil"; flow:established,to_server; http.uri; content:"/evil"; sid:1;)\n';
const NOBODY = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
const LONG_MS = 120_000;

describe.skipIf(reason !== null)('an unprivileged user of the host', () => {
  let testbed: Testbed;
  let web: WebServer;
  let folder: string;
  let vpatch: VpatchProcess;

  beforeAll(async () => {
    testbed = new Testbed();
    web = await WebServer.start(testbed);
    folder = mkdtempSync(join(tmpdir(), 'vpatch-privacy-'));
    // As /var/lib, /var/cache and the folder of the socket: everybody may look into what is above ours.
    chmodSync(folder, 0o755);
    // The folder is there: what the history asks for.
    mkdirSync(join(folder, 'state'), { mode: 0o755 });
    vpatch = await VpatchProcess.start(testbed, {
      rules: RULES,
      args: ['-m', 'prevent'],
      config: `state: { folder: ${folder}/state }\nrules: { cache-folder: ${folder}/cache }\nlog: { level: info }\n`,
    });
    chmodSync(dirname(vpatch.control), 0o755);
    const url = `http://${testbed.addresses.server[4]}:${HTTP_PORT}/evil`;
    await testbed.finish('client', 'curl', ['-s', '-m', '1', url]);
    await until('the attack is told', () => vpatch.events('alert').length > 0);
    await asRoot('except', 'add', '--sid', '1', '--source', '192.0.2.7');
  }, LONG_MS);
  afterEach(() => expect(statSync(vpatch.control).mode & 0o777).toBe(0o600));
  afterAll(async () => {
    await VpatchProcess.killAll();
    web?.close();
    testbed?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  const asRoot = (...args: readonly string[]): Promise<Finished> =>
    testbed.finish('server', process.execPath, [PROGRAM, ...args, '--control', vpatch.control]);
  const asNobody = (program: string, ...args: readonly string[]): Promise<Finished> =>
    testbed.finish('server', 'setpriv', [...NOBODY, program, ...args]);
  /** Files and sockets below a folder for which a test of find(1) holds. */
  const found = async (below: string, test: string): Promise<string[]> => {
    const { output } = await asNobody('find', below, '!', '-type', 'd', test);
    return output.split('\n').flatMap((path) => (path === '' ? [] : [relative(below, path)]));
  };

  test('reads nothing of what was captured, nor of what is kept', async () => {
    const kept = readdirSync(folder, { recursive: true });
    expect(kept).toEqual(expect.arrayContaining(['state/exceptions.json', 'state/history.db']));
    expect(await found(folder, '-readable')).toEqual([]);
    // The test itself wrote these two, as a package installs them.
    expect((await found(dirname(vpatch.control), '-readable')).sort()).toEqual(['test.rules', 'vpatch.yaml']);
    for (const name of ['mem', 'environ', 'maps']) {
      expect((await asNobody('cat', `/proc/${vpatch.pid}/${name}`)).status).not.toBe(0);
    }
  });

  test('writes to nothing, and makes nothing', async () => {
    expect(await found(folder, '-writable')).toEqual([]);
    expect(await found(dirname(vpatch.control), '-writable')).toEqual([]);
    const folders = await asNobody('find', folder, dirname(vpatch.control), '-type', 'd', '-writable');
    expect(folders.output).toBe('');
  });

  test.each([
    ['status'],
    ['mode', 'detect'],
    ['reload'],
    ['except', 'add', '--sid', '1', '--port', '80'],
    ['except', 'list'],
    ['stop'],
  ])('is not heard: %s', async (...command) => {
    const result = await asNobody(process.execPath, PROGRAM, ...command, '--control', vpatch.control);
    expect(result).toMatchObject({ status: 3, output: '' });
  });

  test('changes neither the process nor the firewall', async () => {
    expect((await asNobody('kill', '-TERM', String(vpatch.pid))).status).not.toBe(0);
    expect((await asNobody('iptables', '-t', 'mangle', '-F')).status).not.toBe(0);
    const { mode, interception } = await vpatch.status();
    expect({ mode, isActive: interception.isActive }).toEqual({ mode: 'prevent', isActive: true });
  });
});
