import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeFolder } from '../../src/base/make-folder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-folder-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('makes what is missing, and leaves what is there', () => {
  makeFolder(join(folder, 'a/b/c'), 0o700);
  makeFolder(join(folder, 'a/b'), 0o755);
  expect(['a', 'a/b', 'a/b/c'].map((path) => statSync(join(folder, path)).mode & 0o777)).toEqual([0o700, 0o700, 0o700]);
});

test('says what stands in the way, also where nothing can be made', () => {
  writeFileSync(join(folder, 'file'), '');
  expect(() => makeFolder(join(folder, 'file/x'), 0o700)).toThrow('ENOTDIR');
  expect(() => makeFolder('/proc/nowhere/x', 0o700)).toThrow('ENOENT');
});
