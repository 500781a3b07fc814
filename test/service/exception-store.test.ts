import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ExceptionStore, newExceptionSchema } from '../../src/service/exception-store.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-exceptions-'));
  file = join(folder, 'state', 'exceptions.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

const wanted = (fields: object) => newExceptionSchema.parse(fields);

test('what was added is there after a restart, what was removed is not, and numbers are not used again', () => {
  const store = ExceptionStore.open(file);
  expect(store.all).toEqual([]);
  store.add(wanted({ sid: 1, reason: 'a "reason"\n' }), 0);
  store.add(wanted({ check: 'tcp.syn_fin', source: '10.0.0.0/8' }), 0);
  store.add(wanted({ port: 80 }), 0);
  store.remove([3]);
  const again = ExceptionStore.open(file);
  expect(again.all).toEqual(store.all);
  expect(again.add(wanted({ path: '/a' }), 0).id).toBe(4);
  expect(readdirSync(join(folder, 'state'))).toEqual(['exceptions.json']);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('those that are over are forgotten with the next one', () => {
  const store = ExceptionStore.open(file);
  store.add(wanted({ sid: 1, untilMs: 1_000 }), 0);
  store.add(wanted({ sid: 2 }), 999);
  expect(store.all.map(({ sid }) => sid)).toEqual([1, 2]);
  store.add(wanted({ sid: 3 }), 1_000);
  expect(store.all.map(({ sid }) => sid)).toEqual([2, 3]);
});

test('of several to be removed, all are there or none is removed', () => {
  const store = ExceptionStore.open(file);
  store.add(wanted({ sid: 1 }), 0);
  expect(() => store.remove([1, 9])).toThrow('there is no exception 9');
  expect(store.all).toHaveLength(1);
});

test.each([
  ['no JSON', '{'],
  ['another version', '{"version":2,"nextId":1,"exceptions":[]}'],
  ['an exception for everything', '{"version":1,"nextId":2,"exceptions":[{"id":1}]}'],
  ['a network that is none', '{"version":1,"nextId":2,"exceptions":[{"id":1,"source":"x"}]}'],
])('a file with %s is told, and stays', (_, text) => {
  mkdirSync(join(folder, 'state'));
  writeFileSync(file, text);
  expect(() => ExceptionStore.open(file)).toThrow(`${file} is not what vpatch has written there`);
  expect(readFileSync(file, 'utf8')).toBe(text);
});

test('what cannot be written changes nothing', () => {
  writeFileSync(join(folder, 'state'), 'a file where a folder should be');
  const store = ExceptionStore.open(join(folder, 'nowhere.json'));
  const blocked = ExceptionStore.open(join(folder, 'other.json'));
  expect(store.all).toEqual([]);
  mkdirSync(join(folder, 'other.json.new'));
  expect(() => blocked.add(wanted({ sid: 1 }), 0)).toThrow('cannot be written');
  expect(blocked.all).toEqual([]);
});

test.each([
  ['everything', {}],
  ['a rule and a check', { sid: 1, check: 'tcp.syn_fin' }],
  ['a check and a path', { check: 'tcp.syn_fin', path: '/a' }],
  ['an unknown check', { check: 'tcp.nonsense' }],
  ['a port that is none', { port: 0 }],
  ['a relative path', { path: 'a' }],
  ['an unknown key', { sid: 1, sides: 2 }],
])('an exception for %s is refused', (_, fields) => {
  expect(newExceptionSchema.safeParse(fields).success).toBe(false);
});

test.skipIf(process.getuid?.() !== 0)('a full disk leaves those that are there', () => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32k', 'tmpfs', folder]);
  try {
    const store = ExceptionStore.open(file);
    const addMany = (): void => {
      for (;;) store.add(wanted({ sid: 1, reason: 'x'.repeat(900) }), 0);
    };
    expect(addMany).toThrow('cannot be written');
    expect(ExceptionStore.open(file).all).toEqual(store.all);
  } finally {
    execFileSync('umount', [folder]);
  }
});

test('an end that no calendar has is refused', () => {
  expect(newExceptionSchema.safeParse({ sid: 1, untilMs: 8.64e15 }).success).toBe(true);
  expect(newExceptionSchema.safeParse({ sid: 1, untilMs: 8.64e15 + 1e6 }).success).toBe(false);
});
