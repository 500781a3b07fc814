import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { Matcher } from '../../src/base/native/matcher.ts';
import { PatternCache } from '../../src/service/pattern-cache.ts';

const patternsOf = (count: number, prefix = 'pattern') =>
  Array.from({ length: count }, (_, i) => ({ bytes: fromLatin1(`${prefix} ${i}`), flags: 0 }));
const MANY = patternsOf(600);
const OTHERS = patternsOf(600, 'another');

let folder = '';
let file = '';
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'vpatch-cache-')), 'cache');
  file = join(folder, 'patterns.cache');
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

/** Builds with a cache that reads what is there, and says how often it had to compile. */
function build(...lists: (typeof MANY)[]): { compiled: number; found: number[] } {
  const compile = vi.spyOn(Matcher, 'compile');
  const cache = new PatternCache(folder);
  const found = lists.map((patterns) => {
    const text = fromLatin1('.. another 7. pattern 3.');
    return cache.make(patterns).scan(text, 0, text.length);
  });
  cache.save();
  const compiled = compile.mock.calls.length;
  compile.mockRestore();
  return { compiled, found };
}

describe('a cache of patterns', () => {
  test('spares the next start the work, and finds the same', () => {
    expect(build(MANY, OTHERS)).toEqual({ compiled: 2, found: [1, 1] });
    expect(build(MANY, OTHERS)).toEqual({ compiled: 0, found: [1, 1] });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder)).toEqual(['patterns.cache']);
  });

  test('knows patterns by what they are, and forgets what is no longer used', () => {
    build(MANY, OTHERS);
    expect(build(MANY, patternsOf(601)).compiled).toBe(1);
    expect(build(OTHERS).compiled).toBe(1);
  });

  test('is not written for a few patterns', () => {
    build(patternsOf(20));
    expect(() => readdirSync(folder)).toThrow();
  });

  const harm: [string, () => void][] = [
    ['changed', () => writeFileSync(file, readFileSync(file).fill(0x41, 2000, 2001))],
    ['cut', () => writeFileSync(file, readFileSync(file).subarray(0, 5000))],
    ['empty', () => writeFileSync(file, '')],
    ['of another form', () => writeFileSync(file, readFileSync(file).fill('other', 0, 5))],
    ['writable by others', () => chmodSync(file, 0o622)],
    ['in a folder that others can write', () => chmodSync(folder, 0o777)],
    [
      'a link',
      () => {
        renameSync(file, join(folder, 'elsewhere'));
        symlinkSync('elsewhere', file);
      },
    ],
  ];
  if (process.geteuid?.() === 0) harm.push(["another user's", () => chownSync(file, 12_345, 12_345)]);

  test.each(harm)('that is %s is as if it were not there', (_, doHarm) => {
    build(MANY);
    doHarm();
    expect(build(MANY)).toEqual({ compiled: 1, found: [1] });
  });

  test('that cannot be written costs nothing but the time', () => {
    writeFileSync(folder, 'a file where the folder should be');
    expect(build(MANY)).toEqual({ compiled: 1, found: [1] });
  });
});
