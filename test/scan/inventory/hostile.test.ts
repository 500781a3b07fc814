import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Find } from '../../../src/scan/inventory/find.ts';
import { takeInventory } from '../../../src/scan/inventory/inventory.ts';
import { findInArchive } from '../../../src/scan/inventory/jars.ts';
import { readRpm } from '../../../src/scan/inventory/rpm.ts';
import { type WalkLimits, walk } from '../../../src/scan/inventory/walk.ts';
import { RootFs } from '../../../src/scan/root-fs.ts';
import { fuzzRuns } from '../../support/fuzz.ts';
import { Random } from '../../support/random.ts';
import { FakeRoot, mavenJar, pom, zipOf } from '../fake-root.ts';

let root: FakeRoot;
beforeEach(() => {
  root = new FakeRoot();
});
afterEach(() => root.remove());

const names = (finds: readonly Find[]): string[] => finds.map(({ name, version }) => `${name} ${version}`).sort();
const walked = (limits?: WalkLimits) =>
  walk(new RootFs(root.path), { nowMs: Date.now, ...(limits !== undefined && { limits }) });

test('a folder that links to itself is walked once', async () => {
  root.file('a/b/node_modules/x/package.json', '{"name":"x","version":"1.0.0"}').link('a/b/up', '../..').link('c', 'a');
  expect(names((await walked()).finds)).toEqual(['x 1.0.0']);
});

test('a tree that is too deep is left, and told', async () => {
  let path = root.path;
  for (let depth = 0; depth < 70; depth++) path = join(path, 'd');
  mkdirSync(path, { recursive: true });
  expect((await walked()).notes).toEqual(['1 folders could not be read to their end']);
});

test('limits of number and time end the walk, and are told', async () => {
  for (let at = 0; at < 200; at++) root.file(`f/${at}`, '');
  const limits = { maxMs: 60_000, maxFiles: 100, maxFinds: 100 };
  expect((await walked(limits)).notes).toEqual(['not all files were looked at: there are more than 100']);
  let nowMs = 0;
  const slow = { limits: { ...limits, maxFiles: 1000, maxMs: 50 }, nowMs: () => (nowMs += 30) };
  const { notes } = await walk(new RootFs(root.path), slow);
  expect(notes).toEqual(['not all files were looked at: that would take longer than 0.05 s']);
});

test('files of absurd size are not read whole', async () => {
  root.file('app/node_modules/x/package.json', '{');
  truncateSync(join(root.path, 'app/node_modules/x/package.json'), 8 * 2 ** 30);
  root.file('usr/sbin/nginx', '\x7fELF');
  truncateSync(join(root.path, 'usr/sbin/nginx'), 2 ** 28);
  root.file('huge.jar', 'PK');
  truncateSync(join(root.path, 'huge.jar'), 4 * 2 ** 30);
  const { finds, notes } = await walked();
  expect(finds).toEqual([]);
  expect(notes).toEqual(['1 archives are broken or beyond the limits: /huge.jar']);
});

test('a pipe does not hold the walk up', async () => {
  mkdirSync(join(root.path, 'app/node_modules/x'), { recursive: true });
  execFileSync('mkfifo', [join(root.path, 'app/node_modules/x/package.json')]);
  symlinkSync('/dev/zero', join(root.path, 'app/node_modules/zero.jar'));
  expect((await walked()).finds).toEqual([]);
});

test('broken metadata is no software', async () => {
  root
    .file('a/node_modules/a/package.json', '[1]')
    .file('a/node_modules/b/package.json', '{"name":7,"version":{}}')
    .file('a/node_modules/c/package.json', 'null')
    .file('vendor/composer/installed.json', '{"packages":[null,1,{"name":"x"},{"name":"y/z","version":"1.0"}]}')
    .file('.bitnami_components.json', '{"x":null,"y":{"version":1},"php":{"version":"7.4.1-0"}}')
    .file('x.dist-info/METADATA', 'Version: 1');
  expect(names((await walked()).finds)).toEqual(['php 7.4.1', 'y/z 1.0']);
});

test('a broken package database is an empty one, and is told', async () => {
  root
    .debian(11)
    .file(
      'var/lib/dpkg/status',
      'Package: x\n\nVersion: 1\n\n\0\0\xff: :\n\nPackage:\nVersion:\nStatus: install ok installed\n',
    )
    .file('lib/apk/db/installed', 'P:\n\nV:1\n\nF:a\nR:b\n')
    .file('var/lib/rpm/rpmdb.sqlite', 'SQLite format 3\0'.padEnd(4096, '\xff'));
  const { packages, isComplete, notes } = await takeInventory(new RootFs(root.path), { nowMs: Date.now });
  expect({ packages, isComplete }).toEqual({ packages: 0, isComplete: false });
  expect(notes).toEqual([
    '/var/lib/dpkg/status is damaged or cannot be read: packages of dpkg may be missing',
    '/lib/apk/db/installed is damaged or cannot be read: packages of apk may be missing',
    '/var/lib/rpm/rpmdb.sqlite is damaged or cannot be read: packages of rpm may be missing',
  ]);
});

test('a file that tells of more software than a call takes arguments', async () => {
  const packages = Array.from({ length: 200_000 }, (_, at) => ({ name: `a/${at}`, version: '1' }));
  root.file('vendor/composer/installed.json', JSON.stringify(packages));
  expect((await walked()).finds).toHaveLength(200_000);
});

test('a row of a package database that claims to be larger than memory is left out', () => {
  const page = Buffer.alloc(4096);
  page.write('SQLite format 3\0', 'latin1');
  page.writeUInt16BE(4096, 16);
  page[100] = 0x0d; // A leaf with one cell, whose length is 2^42.
  page.writeUInt16BE(1, 103);
  page.writeUInt16BE(2000, 108);
  Buffer.from([0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 0x01]).copy(page, 2000);
  root.file('var/lib/rpm/rpmdb.sqlite', page);
  truncateSync(join(root.path, 'var/lib/rpm/rpmdb.sqlite'), 2 ** 43);
  expect(readRpm(new RootFs(root.path)).database).toMatchObject({
    packages: [],
    damaged: '/var/lib/rpm/rpmdb.sqlite',
  });
});

// Each takes more than ten seconds where an expression tries every blank as an end.
test('texts of many blanks and names of many numbers cost no time', async () => {
  root.file('wp-content/plugins/x/x.php', '\n'.repeat(65_000));
  root.file(
    'app/x.jar',
    zipOf([
      { name: 'META-INF/MANIFEST.MF', content: `a: x${' '.repeat(65_000)}y\n` },
      { name: `a${'-1.1'.repeat(15_000)}~.jar`, content: zipOf([]) },
    ]),
  );
  expect((await walked()).finds).toEqual([]);
});

test('an archive of texts is not taken into memory', async () => {
  const text = pom('a', 'b', '1');
  const members = Array.from({ length: 600 }, () => ({ ...text, content: `${text.content}#`.padEnd(60_000, 'x') }));
  root.file('x.jar', zipOf(members));
  expect((await walked()).notes).toEqual(['1 archives are broken or beyond the limits: /x.jar']);
});

const archive = (bytes: Uint8Array) => {
  root.file('x.jar', bytes);
  return findInArchive(new RootFs(root.path), '/x.jar');
};

test('names in an archive are no paths', async () => {
  const inner = mavenJar('org.example', 'inner', '1.0');
  const { finds, isIncomplete } = await archive(
    zipOf([
      { name: '../../../../etc/passwd', content: 'x' },
      { name: '/absolute/../lib/inner.jar', content: inner },
      { name: 'constructor.jar', content: mavenJar('__proto__', 'constructor', '1.0') },
    ]),
  );
  expect(names(finds)).toEqual(['__proto__:constructor 1.0', 'org.example:inner 1.0']);
  expect(isIncomplete).toBe(false);
});

test('a jar in a jar in a jar ... ends', async () => {
  let jar = mavenJar('org.example', 'deepest', '1.0');
  for (let depth = 0; depth < 10; depth++)
    jar = mavenJar('org.example', `level${depth}`, '1.0', [{ name: 'in.jar', content: jar }]);
  const { finds, isIncomplete } = await archive(jar);
  expect(finds).toHaveLength(5);
  expect(isIncomplete).toBe(true);
});

test('a bomb is not unpacked', async () => {
  const bomb = zipOf([
    { name: 'lib/bomb.jar', content: Buffer.alloc(65 * 2 ** 20) },
    { name: 'lib/x.jar', content: mavenJar('a', 'b', '1') },
  ]);
  const before = process.memoryUsage().rss;
  const { finds, isIncomplete } = await archive(bomb);
  expect(names(finds)).toEqual(['a:b 1']);
  expect(isIncomplete).toBe(true);
  expect(process.memoryUsage().rss - before).toBeLessThan(50 * 2 ** 20);
});

test('a directory that lies about sizes costs the member only', async () => {
  const { finds, isIncomplete } = await archive(
    zipOf([
      { name: 'lib/liar.jar', content: Buffer.alloc(2 ** 20), claimedBytes: 10 },
      { name: 'lib/x.jar', content: mavenJar('a', 'b', '1') },
    ]),
  );
  expect(names(finds)).toEqual(['a:b 1']);
  expect(isIncomplete).toBe(true);
});

test('a damaged archive is an answer, never an exception', async () => {
  const whole = zipOf([
    { name: 'META-INF/MANIFEST.MF', content: 'Implementation-Version: 1\n' },
    { name: 'WEB-INF/lib/x.jar', content: mavenJar('a', 'b', '1') },
  ]);
  const random = new Random(4);
  for (let round = 0; round < fuzzRuns(200); round++) {
    const broken = Buffer.from(whole);
    for (let edit = 0; edit < 5; edit++) broken[random.below(broken.length)] = random.below(256);
    const { finds } = await archive(broken.subarray(0, random.between(broken.length - 40, broken.length)));
    expect(finds.length).toBeLessThan(5);
  }
});
