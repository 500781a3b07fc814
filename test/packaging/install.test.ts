import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { historyFile } from '../../src/config/state-paths.ts';
import { EveLine } from '../../src/output/eve-lines.ts';
import { EventStore } from '../../src/service/history/event-store.ts';
import { historyEvent } from '../../src/service/history/history-event.ts';
import { alertLine, NOW_MS } from '../support/eve-lines.ts';

const isThere = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const LONG_MS = 180_000;

let root: string;
const install = (): void => {
  execFileSync('.packaging/install', { env: { ...process.env, DESTDIR: root, PREFIX: '/usr' }, stdio: 'pipe' });
};
const at = (path: string): string => join(root, path);
const ran = (...args: string[]) =>
  spawnSync(process.execPath, [at('usr/lib/vpatch/dist/main.js'), ...args], { encoding: 'utf8' });
const textOf = (path: string): string => readFileSync(at(path), 'utf8');

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'vpatch-root-'));
  install();
}, LONG_MS);
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('the installed program runs, and loads what is installed with it', () => {
  const version = (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version;
  expect(ran('--version').stdout).toBe(`${version}\n`);
  const checked = ran('rules', 'list', '-S', at('usr/lib/vpatch/signatures/*/*.rules'));
  expect(checked.status).toBe(0);
  expect(checked.stdout.split('\n').length).toBeGreaterThan(50);
  expect(ran('patches', 'test', 'cve-2021-44228').stdout).toMatch(/: all as they should be\n$/);
});

test('of packages only what the program loads is installed', () => {
  const installed = readdirSync(at('usr/lib/vpatch/node_modules'));
  expect(installed.sort()).toEqual(['better-sqlite3', 'bindings', 'cap', 'file-uri-to-path', 'pcap-parser']);
  expect(existsSync(at('usr/lib/vpatch/node_modules/better-sqlite3/deps'))).toBe(false);
});

test('the licences of the packages that are part of the program are installed', () => {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: Record<string, string> };
  const licences = textOf('usr/share/doc/vpatch/licences-of-packages.txt');
  for (const [name, version] of Object.entries(dependencies)) {
    if (existsSync(at(`usr/lib/vpatch/node_modules/${name}`))) continue;
    expect(licences).toContain(`${name} ${version} (`);
  }
  // What `tar` is made of, too: its main file has that within itself, so that nobody would see it.
  expect(licences).toMatch(/^minipass [\d.]+ \(/m);
});

test('what is installed reads captures, listens, and reads the history', () => {
  const capture = ran('replay', 'fixtures/readme/shellshock.pcap', '-S', 'fixtures/readme/shellshock.rules');
  expect(capture.stdout).toContain('10 packets');
  // With the privileges or without them, its own answer: the library was loaded.
  expect(ran('sniff', '-i', 'none-such').stderr).toMatch(/there is no interface "none-such"|needs root or CAP_NET_RAW/);
  const store = EventStore.open(historyFile(root), { maxAgeMs: Number.MAX_SAFE_INTEGER, maxBytes: 2 ** 20 });
  store.add([historyEvent(new EveLine(alertLine({ time: new Date(NOW_MS).toISOString() })))]);
  store.close();
  expect(ran('events', '--state', root, '--since', '2000-01-01').stdout).toContain('rule 9000001');
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
      expect(field('Depends')).toMatch(/^nodejs \(>= 20.19\), .*nftables \| iptables$/);
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
