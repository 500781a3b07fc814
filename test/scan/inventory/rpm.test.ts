import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readRpm } from '../../../src/scan/inventory/rpm.ts';
import { sqliteRows } from '../../../src/scan/inventory/sqlite-table.ts';
import { RootFs } from '../../../src/scan/root-fs.ts';
import { Random } from '../../support/random.ts';
import { FakeRoot } from '../fake-root.ts';

const DATABASE = readFileSync('fixtures/scan/rpmdb.sqlite');

let root: FakeRoot;
beforeEach(() => {
  root = new FakeRoot();
});
afterEach(() => root.remove());

test('packages have their source, epoch and maker', () => {
  root.file('var/lib/rpm/rpmdb.sqlite', DATABASE);
  const packages = readRpm(new RootFs(root.path)).database!.packages;
  expect(packages).toHaveLength(34);
  const release = '21.module+el8.2.0+5008';
  expect(packages.slice(0, 4)).toEqual([
    { name: 'httpd', source: 'httpd', version: `2.4.37-${release}`, isDistribution: true },
    { name: 'httpd-tools', source: 'httpd', version: `2.4.37-${release}`, isDistribution: true },
    { name: 'openssl-libs', source: 'openssl', version: '1:1.1.1k-9.el8_6', isDistribution: true },
    { name: 'grafana', source: 'grafana', version: '8.3.0-1', isDistribution: false },
  ]);
});

test('files have owners', () => {
  root.file('usr/lib/sysimage/rpm/rpmdb.sqlite', DATABASE);
  const owners = readRpm(new RootFs(root.path)).database!.ownersOf(
    new Set(['/usr/sbin/httpd', '/usr/bin/ab', '/bin/x']),
  );
  expect([...owners].map(([file, { name }]) => `${file} ${name}`)).toEqual([
    '/usr/sbin/httpd httpd',
    '/usr/bin/ab httpd-tools',
  ]);
});

test('a database of which a part is missing says so', () => {
  const damagedOf = (bytes: Buffer): string | null | undefined => {
    root.file('var/lib/rpm/rpmdb.sqlite', bytes);
    return readRpm(new RootFs(root.path)).database?.damaged;
  };
  expect(damagedOf(DATABASE)).toBeNull();
  for (let bytes = 0; bytes < DATABASE.length; bytes += 4096) {
    expect(damagedOf(DATABASE.subarray(0, bytes))).toBe('/var/lib/rpm/rpmdb.sqlite');
  }
});

test('a database of an older form is told', () => {
  root.file('var/lib/rpm/Packages', 'x');
  expect(readRpm(new RootFs(root.path))).toEqual({ database: null, unread: '/var/lib/rpm/Packages' });
});

test('a broken database ends, and says no more than it has', () => {
  const rowsOf = (bytes: Buffer): number => {
    const file = {
      bytes: bytes.length,
      read: (offset: number, length: number) =>
        offset >= 0 && offset + length <= bytes.length ? bytes.subarray(offset, offset + length) : null,
    };
    return [...sqliteRows(file, 'Packages')].length;
  };
  expect(rowsOf(DATABASE)).toBe(35);
  expect(rowsOf(Buffer.from('SQLite format 3\0'))).toBe(0);
  const random = new Random(3);
  for (let round = 0; round < 300; round++) {
    const broken = Buffer.from(DATABASE);
    for (let edit = 0; edit < 20; edit++)
      broken[random.below(broken.length)] = random.pick([0, 1, 5, 13, 0x7f, 0x80, 0xff]);
    expect(rowsOf(broken.subarray(0, random.between(0, broken.length)))).toBeLessThan(5000);
  }
});
