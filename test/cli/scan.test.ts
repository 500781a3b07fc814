import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeRoot, mavenJar } from '../scan/fake-root.ts';
import { vpatch } from '../support/command-line.ts';

let root: FakeRoot;
let state: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'vpatch-state-'));
  root = new FakeRoot()
    .debian(11)
    .dpkg({ Package: 'redis-server', Source: 'redis', Version: '5:6.0.15-1' })
    .file('srv/app.jar', mavenJar('org.apache.logging.log4j', 'log4j-core', '2.14.1'));
});
afterEach(() => {
  root.remove();
  rmSync(state, { recursive: true });
});

function replaceBy(program: 'mkdir' | 'mkfifo', path: string): void {
  rmSync(path);
  execFileSync(program, [path]);
}

describe('scan --root', () => {
  test('shows weaknesses with their evidence, and the patches', async () => {
    const { exitCode, stdout, stderr } = await vpatch('scan', '--state', state, '--root', root.path);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(
      /^ {2}CVE-2022-0543 +10\.0 +exploited +redis 5:6\.0\.15-1 +fixed in 5:6\.0\.16-1\+deb11u2 +cve-2022-0543\n {6}Debian:11: redis-server$/m,
    );
    expect(stdout).toMatch(/^ {6}\/srv\/app\.jar \(pom\.properties\)$/m);
    expect(stdout).toMatch(/^ {2}cve-2022-0543 +new +recommended +redis 5:6\.0\.15-1 +\S/m);
    expect(stdout).toMatch(/^Debian GNU\/Linux 11: 1 package, 1 other component in \d+ files, /m);
  });

  test('in JSON', async () => {
    const result = JSON.parse((await vpatch('scan', '--state', state, '--root', root.path, '--json')).stdout) as {
      findings: { cves: string[]; package: { name: string } }[];
      recommendations: { id: string }[];
    };
    expect(result).toMatchObject({ root: root.path, live: false, system: { ecosystem: 'Debian:11' } });
    expect(result.findings.map(({ package: { name } }) => name)).toContain('redis');
    expect(result.recommendations.map(({ id }) => id)).toContain('cve-2021-44228');
  });

  test('in a few lines, with what became of the policy', async () => {
    const quietly = () => vpatch('scan', '--state', state, '--root', root.path, '--apply', '--quiet');
    const { stdout } = await quietly();
    expect(stdout).toMatch(
      /^Debian GNU\/Linux 11: .*\n\d+ weaknesses found.*\npolicy [0-9a-f]+ is in force: \d+ assigned, \d+ new, 0 taken back\n$/,
    );
    expect((await quietly()).stdout).toMatch(/\npolicy [0-9a-f]+ stays in force: \d+ assigned, nothing has changed\n$/);
  });

  test('that ended early takes back no patch of what it has not seen', async () => {
    const apply = (...more: string[]) =>
      vpatch('scan', '--state', state, '--root', root.path, '--apply', '-q', ...more);
    const whole = /policy ([0-9a-f]+) /.exec((await apply()).stdout)?.[1];
    expect(whole).toBeDefined();
    const { stdout } = await apply('--time-limit', '0s');
    expect(stdout).toContain(`policy ${whole} stays in force`);
    expect(stdout).toMatch(
      /^note: not everything was looked at, so what earlier scans have assigned stays: [1-9]\d* patch(es)?$/m,
    );
  });

  test.each<[string, (status: string) => void]>([
    ['cut off', (status) => truncateSync(status, 40)],
    ['empty', (status) => truncateSync(status)],
    ['full of what a lost block leaves', (status) => writeFileSync(status, Buffer.alloc(4096))],
    ['gone', (status) => rmSync(status)],
    ['a folder', (status) => replaceBy('mkdir', status)],
    ['a pipe', (status) => replaceBy('mkfifo', status)],
  ])('takes back no patch where the list of packages is %s', async (_, damage) => {
    const apply = () => vpatch('scan', '--state', state, '--root', root.path, '--apply');
    const whole = /policy ([0-9a-f]+) is in force/.exec((await apply()).stdout)?.[1];
    expect(whole).toBeDefined();
    const list = join(root.path, 'var/lib/dpkg/status');
    damage(list);
    const { stdout } = await apply();
    expect(stdout).toContain(`policy ${whole} stays in force`);
    expect(stdout).toContain('/var/lib/dpkg/status is damaged or cannot be read: packages of dpkg may be missing\n');
    expect(stdout).not.toContain('not needed');
    // The next one that sees everything compares with what was there before.
    rmSync(list, { recursive: true, force: true });
    root.file('var/lib/dpkg/status', 'Package: bash\nStatus: install ok installed\nVersion: 5.1-2\n\n');
    expect((await apply()).stdout).toMatch(
      /cve-2022-0543 +not needed .*\n +redis is not there any more\n(?:.*\n)*.*1 taken back/,
    );
  });

  test('leaves nothing where no folder for it is named', async () => {
    const config = join(state, 'vpatch.yaml');
    writeFileSync(config, `state: { folder: ${state}/own }\n`);
    const { exitCode, stderr } = await vpatch('scan', '-c', config, '--root', root.path);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(existsSync(join(state, 'own'))).toBe(false);
  });

  test('with a time limit that has a unit', async () => {
    const limited = (limit: string) => vpatch('scan', '--state', state, '--root', root.path, '--time-limit', limit);
    expect((await limited('10m')).exitCode).toBe(0);
    expect(await limited('5')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('expected a duration such as 60s or 5m'),
    });
  });

  test('in a report', async () => {
    const file = join(state, 'report.html');
    expect((await vpatch('scan', '--state', state, '--root', root.path, '--html', file)).exitCode).toBe(0);
    expect(readFileSync(file, 'utf8')).toContain('CVE-2022-0543');
    expect(await vpatch('scan', '--state', state, '--root', root.path, '--html', '/nowhere/x')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('--html /nowhere/x: cannot be written'),
    });
  });

  test('answers with 1 for what it finds only where asked', async () => {
    expect((await vpatch('scan', '--state', state, '--root', root.path, '--fail-on-finding')).exitCode).toBe(1);
    const clean = new FakeRoot().debian(12);
    expect((await vpatch('scan', '--state', state, '--root', clean.path, '--fail-on-finding')).exitCode).toBe(0);
    clean.remove();
  });

  test('shows no control bytes of what it finds', async () => {
    root.file('srv/\x1b[2J/log4j-core-2.10.0.jar', mavenJar('org.apache.logging.log4j', 'log4j-core', '2.10.0'));
    const { stdout } = await vpatch('scan', '--state', state, '--root', root.path);
    expect(stdout).toContain('/srv/\\x1b[2J/log4j-core-2.10.0.jar');
    expect(stdout).not.toContain('\x1b');
  });

  test('of a folder that there is not', async () => {
    expect(await vpatch('scan', '--root', '/nowhere')).toMatchObject({
      exitCode: 2,
      stderr: 'vpatch: --root /nowhere: there is no such file\n',
    });
  });
});
