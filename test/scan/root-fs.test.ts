import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RootFs } from '../../src/scan/root-fs.ts';
import { FakeRoot } from './fake-root.ts';

let outside: FakeRoot;
let root: FakeRoot;
let fs: RootFs;
beforeEach(() => {
  outside = new FakeRoot().file('secret', 'outside');
  root = new FakeRoot().file('secret', 'inside').file('etc/passwd', 'root of the image');
  fs = new RootFs(root.path);
});
afterEach(() => {
  root.remove();
  outside.remove();
});

test('links are followed as the system itself would', () => {
  root.link('absolute', '/secret').link('etc/relative', '../secret').link('lib', 'etc');
  expect(fs.readText('/absolute', 100)).toBe('inside');
  expect(fs.readText('/etc/relative', 100)).toBe('inside');
  expect(fs.readText('/lib/relative', 100)).toBe('inside');
  expect(fs.resolve('/lib/../secret')).toBe('/secret');
});

test('no link and no path leads out of the root', () => {
  root.link('up', '../../../../../../../../secret').link('away', outside.path).link('deep', '/etc/../../../etc/passwd');
  expect(fs.readText('/up', 100)).toBe('inside');
  expect(fs.readText('/away/secret', 100)).toBeNull();
  expect(fs.readText('/deep', 100)).toBe('root of the image');
  expect(fs.readText('/../../etc/passwd', 100)).toBe('root of the image');
  expect(fs.readText(`/../${outside.path}/secret`, 100)).toBeNull();
  expect(fs.list('/away').entries).toEqual([]);
});

test('links in a circle end', () => {
  root.link('a', 'b').link('b', 'a').link('self', 'self/x');
  expect([fs.resolve('/a'), fs.resolve('/self')]).toEqual([null, null]);
});

test('only regular files are read, and no more of them than asked for', () => {
  mkdirSync(join(root.path, 'folder'));
  writeFileSync(join(root.path, 'long'), 'x'.repeat(10_000));
  root.link('tty', '/dev/zero');
  expect(fs.readText('/folder', 100)).toBeNull();
  expect(fs.readText('/nothing', 100)).toBeNull();
  expect(fs.readText('/tty', 100)).toBeNull();
  expect(fs.readStart('/long', 100)?.length).toBe(100);
});

// Its link says "/", which is the root of whoever reads it.
test.skipIf(process.getuid?.() !== 0)('the root of a process in another mount namespace is its own', async () => {
  for (const folder of ['old', 'usr']) mkdirSync(join(root.path, folder));
  root.link('bin', 'usr/bin').link('lib', 'usr/lib').link('lib64', 'usr/lib64').link('up', '/secret');
  const script = `mount --bind ${root.path} ${root.path}; cd ${root.path}; mount --bind /usr usr; pivot_root . old;
    umount -l old; echo ready; exec cat`;
  const container = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script]);
  try {
    await once(container.stdout, 'data');
    const other = new RootFs(`/proc/${container.pid}/root`);
    expect(other.isLive).toBe(false);
    expect(other.readText('/etc/passwd', 100)).toBe('root of the image');
    expect(other.readText('/up', 100)).toBe('inside');
    expect(new RootFs(`/proc/${container.pid}/root/etc`).readText('/passwd', 100)).toBe('root of the image');
  } finally {
    container.stdin.end();
    await once(container, 'exit');
  }
});
