import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeRoot, mavenJar } from '../scan/fake-root.ts';
import { generatedRules } from '../soak/generated-rules.ts';
import { type Finished, Testbed, until, whyNoTestbed } from '../support/netns.ts';
import { PROGRAM, VpatchProcess } from '../support/vpatch-process.ts';
import { HTTP_PORT, WebServer } from '../support/web-server.ts';

const reason = whyNoTestbed();
if (reason !== null) console.warn(`SKIPPED, WHAT OTHER USERS MAY SEE IS NOT TESTED: ${reason}`);

const RULES =
  'drop http any any -> any any (msg:"evil"; flow:established,to_server; http.uri; content:"/evil"; sid:1;)\n' +
  'alert http any any -> any any (http.user_agent; dataset:set,agents,type string,state agents.lst; sid:2;)\n';
const FETCHED = 'alert http any any -> any any (msg:"fetched"; http.uri; content:"/fetched"; sid:100; rev:1;)\n';
const NOBODY = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
/** Root may be as careless as it likes. */
const LAX = ['sh', '-c', 'umask 000; exec "$@"', 'sh'];
/** From so many on they are kept compiled. */
const CACHED_RULES = 500;
const LONG_MS = 120_000;

describe.skipIf(reason !== null)('an unprivileged user of the host', () => {
  let testbed: Testbed;
  let web: WebServer;
  let folder: string;
  let vpatch: VpatchProcess;
  let scanned: FakeRoot;

  beforeAll(async () => {
    testbed = new Testbed();
    web = await WebServer.start(testbed);
    folder = mkdtempSync(join(tmpdir(), 'vpatch-privacy-'));
    // As /var/lib, /var/cache and the folder of the socket: everybody may look into what is above ours.
    chmodSync(folder, 0o755);
    // The folder is there: what the history asks for.
    mkdirSync(join(folder, 'state'), { mode: 0o755 });
    const source = join(folder, 'fetched.rules');
    writeFileSync(source, FETCHED, { mode: 0o600 });
    vpatch = await VpatchProcess.start(testbed, {
      rules: RULES + generatedRules(CACHED_RULES),
      args: ['-m', 'prevent'],
      config: `
        state: { folder: ${folder}/state }
        rules: { cache-folder: ${folder}/cache, sources: [{ name: own, path: ${source} }] }
        outputs: { eve: { records: all } }
        log: { level: info }`,
      wrapper: LAX,
    });
    chmodSync(dirname(vpatch.control), 0o755);
    const url = `http://${testbed.addresses.server[4]}:${HTTP_PORT}/evil`;
    await testbed.finish('client', 'curl', ['-s', '-m', '1', url]);
    await until('the attack is told', () => vpatch.events('alert').length > 0);
    // In a new file, as behind a rotation.
    renameSync(vpatch.eveFile, `${vpatch.eveFile}.1`);
    vpatch.signal('SIGUSR1');
    await until('it goes on in a new file', () => existsSync(vpatch.eveFile));

    const config = ['-c', join(dirname(vpatch.control), 'vpatch.yaml')];
    const control = ['--control', vpatch.control];
    const exploited = join(folder, 'kev.json');
    const catalogue = '{"catalogVersion":"1","vulnerabilities":[{"cveID":"CVE-2021-44228","dateAdded":"2021-12-10"}]}';
    writeFileSync(exploited, catalogue, { mode: 0o600 });
    scanned = new FakeRoot()
      .debian(11)
      .file('srv/app.jar', mavenJar('org.apache.logging.log4j', 'log4j-core', '2.14.1'));
    for (const args of [
      ['except', 'add', '--sid', '1', '--source', '192.0.2.7', ...control],
      ['rules', 'update', ...config],
      ['advisories', 'import', exploited, ...config],
      [
        'scan',
        '--root',
        scanned.path,
        '--apply',
        '--html',
        join(folder, 'report.html'),
        '--state',
        join(folder, 'state'),
      ],
      ['policy', 'pin', '1:100', 'detect', ...config],
      ['replay', 'fixtures/readme/shellshock.pcap', '--eve', join(folder, 'replay.json'), ...config],
      ['reload', ...control],
    ]) {
      const { status, error } = await asRoot(...args);
      expect({ args, status, error }).toEqual({ args, status: 0, error: expect.anything() });
    }
  }, LONG_MS);
  afterAll(async () => {
    await VpatchProcess.killAll();
    web?.close();
    testbed?.close();
    scanned?.remove();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  const asRoot = (...args: readonly string[]): Promise<Finished> =>
    testbed.finish('server', LAX[0]!, [...LAX.slice(1), process.execPath, PROGRAM, ...args]);
  const asNobody = (program: string, ...args: readonly string[]): Promise<Finished> =>
    testbed.finish('server', 'setpriv', [...NOBODY, program, ...args]);
  /** Files and sockets below a folder for which a test of find(1) holds. */
  const found = async (below: string, test: string): Promise<string[]> => {
    const { output } = await asNobody('find', below, '!', '-type', 'd', '!', '-type', 'l', test);
    return output.split('\n').flatMap((path) => (path === '' ? [] : [relative(below, path)]));
  };

  /** Save for fetched rules, which their publisher has shown to everybody. */
  const readable = async (): Promise<string[]> =>
    (await found(folder, '-readable')).filter((path) => !path.startsWith('state/rules/sets/'));

  test('reads nothing of what was captured, nor of what is kept', async () => {
    expect(readdirSync(folder, { recursive: true })).toEqual(expect.arrayContaining(MADE));
    expect(readdirSync(join(folder, 'cache')).length).toBeGreaterThan(0);
    expect(await readable()).toEqual([]);
    // The test itself wrote these two, as a package installs them.
    expect((await found(dirname(vpatch.control), '-readable')).sort()).toEqual(['test.rules', 'vpatch.yaml']);
    for (const name of ['mem', 'environ', 'maps', 'fd/1']) {
      expect((await asNobody('cat', `/proc/${vpatch.pid}/${name}`)).status).not.toBe(0);
    }
  });

  test('finds no file, socket or shared memory that the service has made elsewhere', async () => {
    const opened = readdirSync(`/proc/${vpatch.pid}/fd`).flatMap((fd) => writtenFile(vpatch.pid, fd));
    expect(opened).toEqual(expect.arrayContaining([vpatch.eveFile, join(folder, 'state/history.db')]));
    for (const file of opened) expect({ file, mode: statSync(file).mode & FOR_OTHERS }).toEqual({ file, mode: 0 });
    const sockets = readFileSync(`/proc/${vpatch.pid}/net/unix`, 'utf8').match(/[/@]\S+$/gm);
    expect(sockets).toEqual([vpatch.control]);
    expect(statSync(vpatch.control).mode & 0o777).toBe(0o600);
    const mapped = readFileSync(`/proc/${vpatch.pid}/maps`, 'utf8').match(/\/dev\/shm\S*|\/SYSV\S*/g);
    expect(mapped).toBeNull();
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

  test('nor reads what the service writes when it ends', async () => {
    expect(await vpatch.stop()).toBe(0);
    expect(existsSync(join(folder, 'state/datasets/agents.lst'))).toBe(true);
    expect(await readable()).toEqual([]);
    expect(await found(folder, '-writable')).toEqual([]);
  });
});

/** Of what the service and the commands write, some of each. */
const MADE = [
  'replay.json',
  'report.html',
  'state/advisories/kev.json',
  'state/exceptions.json',
  'state/history.db',
  'state/history.db-wal',
  'state/policy/current.rules',
  'state/policy/history.jsonl',
  'state/policy/pins.json',
  'state/rules/current',
  'state/rules/sets',
];
/** Read or write. */
const FOR_OTHERS = 0o006;
const O_ACCMODE = 0o3;

/** The file that a descriptor is open on for writing; none for what is no file. */
function writtenFile(pid: number, fd: string): string[] {
  try {
    const flags = Number.parseInt(/^flags:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))![1]!, 8);
    const file = readlinkSync(`/proc/${pid}/fd/${fd}`);
    return (flags & O_ACCMODE) !== 0 && existsSync(file) && statSync(file).isFile() ? [file] : [];
  } catch {
    // Closed meanwhile.
    return [];
  }
}
