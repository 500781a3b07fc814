import { expect, test, vi } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { MATCH_CASELESS, type Matcher, MatcherCompiler } from '../../src/base/native/matcher.ts';
import { PatternDatabases } from '../../src/detect/pattern-databases.ts';

const patterns = [
  { bytes: fromLatin1('abc'), flags: 0 },
  { bytes: fromLatin1('DEF'), flags: MATCH_CASELESS },
];

function found(matcher: Matcher, text: string): number[] {
  const count = matcher.scan(fromLatin1(text), 0, text.length);
  return [...matcher.results.subarray(0, count)].sort();
}

test('what was compiled once is only loaded then', () => {
  const first = new PatternDatabases();
  const key = first.add(patterns);
  const known = first.serialize();
  const compile = vi.spyOn(MatcherCompiler.prototype, 'begin');
  const second = new PatternDatabases(structuredClone(known));
  expect(second.add(patterns)).toBe(key);
  expect(compile).not.toHaveBeenCalled();
  for (const text of ['abc', 'xdefx', 'ABC', 'abcdef', '']) {
    expect(found(second.matcher(key), text)).toEqual(found(first.matcher(key), text));
  }

  // Other bytes, other flags, other order: something else.
  const others = [
    [patterns[1]!, patterns[0]!],
    [{ ...patterns[0]!, flags: MATCH_CASELESS }, patterns[1]!],
    [patterns[0]!],
  ];
  expect(new Set([key, ...others.map((other) => new PatternDatabases(known).add(other))]).size).toBe(4);
  expect(compile).toHaveBeenCalledTimes(others.length);
  compile.mockRestore();
});

test('a database that cannot be loaded is compiled', () => {
  const key = new PatternDatabases().add(patterns);
  const databases = new PatternDatabases(new Map([[key, new Uint8Array(100)]]));
  databases.add(patterns);
  expect(found(databases.matcher(key), 'abc')).toEqual([0]);
});
