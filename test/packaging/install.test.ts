import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';

const isThere = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const LONG_MS = 180_000;

let root: string;
const install = (): void => {
  execFileSync('.packaging/install', { env: { ...process.env, DESTDIR: root, PREFIX: '/usr' }, stdio: 'pipe' });
};
const at = (path: string): string => join(root, path);
const textOf = (path: string): string => readFileSync(at(path), 'utf8');

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'vpatch-root-'));
  install();
}, LONG_MS);
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('the installed program runs, and loads what is installed with it', () => {
  const program = at('usr/lib/vpatch/dist/main.js');
  const version = (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version;
  expect(execFileSync(process.execPath, [program, '--version'], { encoding: 'utf8' })).toBe(`${version}\n`);
  const rules = at('usr/lib/vpatch/signatures/*/*.rules');
  const checked = spawnSync(process.execPath, [program, 'rules', 'list', '-S', rules], { encoding: 'utf8', cwd: root });
  expect(checked.status).toBe(0);
  expect(checked.stdout.split('\n').length).toBeGreaterThan(50);
  const played = spawnSync(process.execPath, [program, 'patches', 'test', 'cve-2021-44228'], { encoding: 'utf8' });
  expect(played.stdout).toMatch(/: all as they should be\n$/);
});

test('what only building needs is not installed', () => {
  expect(existsSync(at('usr/lib/vpatch/node_modules/commander'))).toBe(true);
  for (const name of ['typescript', 'vitest', '@biomejs']) {
    expect(existsSync(at(`usr/lib/vpatch/node_modules/${name}`))).toBe(false);
  }
});

test('of what keeps the history, what runs is installed, and not what was compiled', () => {
  const sqlite = 'usr/lib/vpatch/node_modules/better-sqlite3';
  expect(existsSync(at(`${sqlite}/build/Release/better_sqlite3.node`))).toBe(true);
  expect(existsSync(at(`${sqlite}/deps`))).toBe(false);
  const program = at('usr/lib/vpatch/dist/main.js');
  const { stderr } = spawnSync(process.execPath, [program, 'events', '--state', root], { encoding: 'utf8' });
  expect(stderr).toContain('there is no history');
});

test('the installed configuration is valid, starts in detect mode and names the shipped rules', () => {
  const text = textOf('etc/vpatch/vpatch.yaml').replaceAll('/usr/lib/vpatch', at('usr/lib/vpatch'));
  const file = at('etc/vpatch/tried.yaml');
  writeFileSync(file, text);
  const loaded = loadConfig({ file });
  rmSync(file);
  expect(loaded).toMatchObject({ status: 'ok', config: { mode: 'detect', failure: { engine: 'open' } } });
  expect(loaded.status === 'ok' && loaded.config.rules.files.length).toBeGreaterThan(20);
});

test(
  'installing again keeps the configuration',
  () => {
    writeFileSync(at('etc/vpatch/vpatch.yaml'), 'mode: prevent\n');
    install();
    expect(textOf('etc/vpatch/vpatch.yaml')).toBe('mode: prevent\n');
  },
  LONG_MS,
);

test('nothing that is to be filled in is left', () => {
  for (const path of ['etc/vpatch/vpatch.yaml', 'usr/lib/systemd/system/vpatch.service', 'etc/logrotate.d/vpatch']) {
    expect(textOf(path)).not.toMatch(/@[A-Z]+@/);
  }
});

test.skipIf(!isThere('systemd-analyze'))('systemd understands the unit', () => {
  const unit = at('vpatch.service');
  writeFileSync(unit, textOf('usr/lib/systemd/system/vpatch.service').replaceAll('/usr/bin/vpatch', '/bin/true'));
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
  const ours = stderr.split('\n').filter((line) => line.includes('vpatch.service'));
  expect({ status, ours }).toEqual({ status: 0, ours: [] });
});

describe.skipIf(!isThere('dpkg-deb'))('the Debian package', () => {
  test(
    'has what it needs, and leaves the configuration to its owner',
    () => {
      const file = execFileSync('.packaging/deb', { encoding: 'utf8' }).trim();
      const field = (name: string): string => execFileSync('dpkg-deb', ['-f', file, name], { encoding: 'utf8' }).trim();
      expect(field('Depends')).toMatch(/^nodejs \(>= 20\), .*nftables \| iptables$/);
      expect(field('Depends')).toContain('pcre2');
      const listed = execFileSync('dpkg-deb', ['-c', file], { encoding: 'utf8' });
      for (const path of ['usr/bin/vpatch ->', 'etc/vpatch/vpatch.yaml', 'vpatch.node', 'man1/vpatch-run.1.gz']) {
        expect(listed).toContain(path);
      }
      expect(listed).not.toMatch(/ (?!root\/root)\w+\/\w+ +\d/);
      const conffiles = execFileSync('dpkg-deb', ['--ctrl-tarfile', file]);
      expect(execFileSync('tar', ['-xO', './conffiles'], { input: conffiles, encoding: 'utf8' })).toContain(
        'vpatch.yaml',
      );
    },
    LONG_MS,
  );
});
