import { expect, test, vi } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { MATCH_CASELESS, Matcher } from '../../src/base/native/matcher.ts';
import { keepingIn, takingFrom } from '../../src/detect/pattern-databases.ts';

const patterns = [
  { bytes: fromLatin1('abc'), flags: 0 },
  { bytes: fromLatin1('DEF'), flags: MATCH_CASELESS },
];

function found(matcher: Matcher, text: string): number[] {
  const count = matcher.scan(fromLatin1(text), 0, text.length);
  return [...matcher.results.subarray(0, count)].sort();
}

test('what one thread has compiled another only loads', () => {
  const databases = new Map<string, SharedArrayBuffer>();
  const compiled = keepingIn(databases)(patterns);
  const compile = vi.spyOn(Matcher, 'compile');
  const loaded = takingFrom(structuredClone(databases))(patterns);
  expect(compile).not.toHaveBeenCalled();
  for (const text of ['abc', 'xdefx', 'ABC', 'abcdef', '']) expect(found(loaded, text)).toEqual(found(compiled, text));

  // Other bytes, other flags, other order: something else.
  const others = [
    [patterns[1]!, patterns[0]!],
    [{ ...patterns[0]!, flags: MATCH_CASELESS }, patterns[1]!],
    [patterns[0]!],
  ];
  for (const other of others) takingFrom(databases)(other);
  expect(compile).toHaveBeenCalledTimes(others.length);
  compile.mockRestore();
});
