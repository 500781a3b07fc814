import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readTextFile, readWholeFile } from '../../src/base/whole-file.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-whole-'));
  file = join(folder, 'file');
});
afterEach(() => rmSync(folder, { recursive: true }));

test.each([0, 1, 65_535, 65_536, 65_537, 300_000])('reads a file of %i bytes whole', (length) => {
  const bytes = Buffer.alloc(length, 'vpatch');
  writeFileSync(file, bytes);
  expect(readWholeFile(file, length).equals(bytes)).toBe(true);
});

test('reads what does not say how long it is, and what is empty on purpose', () => {
  expect(readTextFile('/proc/self/status')).toMatch(/^Name:/);
  expect(readTextFile('/dev/null')).toBe('');
});

test('reads a pipe to its end', () => {
  execFileSync('mkfifo', [file]);
  const writer = spawn('sh', ['-c', 'head -c 200000 /dev/zero > "$0"', file]);
  expect(readTextFile(file)).toHaveLength(200_000);
  writer.kill();
});

test('refuses a pipe and a device where nothing may wait', async () => {
  vi.resetModules();
  const { readTextFile: read, refusePipes } = await import('../../src/base/whole-file.ts');
  refusePipes();
  execFileSync('mkfifo', [file]);
  expect(() => read(file)).toThrow('it is a pipe: give a file, which can be read again');
  expect(() => read('/dev/zero')).toThrow('it is a device: give a file, which can be read again');
  expect(read('/dev/null')).toBe('');
  expect(read('/proc/self/status')).toMatch(/^Name:/);
});

test('reads no more than it may of what never ends', () => {
  expect(() => readWholeFile('/dev/zero', 2 ** 20)).toThrow('it has more than 1 MiB');
});

test('refuses what is too large, and reads nothing of it', () => {
  writeFileSync(file, '');
  truncateSync(file, 2 ** 20 + 1);
  expect(() => readWholeFile(file, 2 ** 20)).toThrow('it has more than 1 MiB');
  truncateSync(file, 2 ** 20);
  expect(readWholeFile(file, 2 ** 20)).toHaveLength(2 ** 20);
});

test('leaves to the system what it says itself', () => {
  expect(() => readTextFile(file)).toThrow('ENOENT');
  expect(() => readTextFile(folder)).toThrow('EISDIR');
});
