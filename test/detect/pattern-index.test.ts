import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { Candidates } from '../../src/detect/candidates.ts';
import { PatternIndex } from '../../src/detect/pattern-index.ts';

const entry = (index: number, text: string, isCaseless = false) => ({
  index,
  pattern: { buffer: null, bytes: fromLatin1(text), isCaseless },
});

function found(index: PatternIndex, text: string, start = 0, end = text.length): number[] {
  const candidates = new Candidates(100);
  candidates.clear();
  index.search(fromLatin1(text), start, end, candidates);
  return [...candidates.indexes.subarray(0, candidates.count)].sort((a, b) => a - b);
}

test('finds every rule that shares a pattern, and no other', () => {
  const index = PatternIndex.of([entry(3, 'abc'), entry(5, 'abc'), entry(7, 'abd'), entry(9, 'ABC', true)]);
  expect(found(index, 'xabcx')).toEqual([3, 5, 9]);
  expect(found(index, 'xAbCx')).toEqual([9]);
  expect(index.longestBytes).toBe(3);
});

test('of a long pattern, looks for the end', () => {
  const end = 'z'.repeat(30);
  const index = PatternIndex.of([entry(1, `${'a'.repeat(50)}bc${end}`), entry(2, `bd${end}`)]);
  expect(index.longestBytes).toBe(32);
  expect(found(index, `${'a'.repeat(50)}bc${end}`)).toEqual([1]);
  expect(found(index, `${'a'.repeat(50)}bd${end}`)).toEqual([2]);
  expect(found(index, `${'a'.repeat(50)}${end}`)).toEqual([]);
});

test('looks into the range only', () => {
  const index = PatternIndex.of([entry(1, 'abc')]);
  expect(found(index, 'abcabc', 1, 5)).toEqual([]);
  expect(found(index, 'abcabc', 1, 6)).toEqual([1]);
});

test('letters beyond ASCII keep their case', () => {
  const index = PatternIndex.of([entry(1, '\xc0bc', true), entry(2, '\xe0bc', true)]);
  expect(found(index, '\xc0BC')).toEqual([1]);
  expect(found(index, '\xe0BC')).toEqual([2]);
});

test('agrees with a plain search', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'A', 'b', '\xe4', '\xc4', '\0'), minLength: 1, maxLength: 4 });
  const patterns = fc.array(fc.record({ text, isCaseless: fc.boolean() }), { minLength: 1, maxLength: 8 });
  const lower = (value: string): string => value.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  fc.assert(
    fc.property(patterns, fc.array(text, { maxLength: 10 }), (specs, pieces) => {
      const index = PatternIndex.of(specs.map((spec, i) => entry(i, spec.text, spec.isCaseless)));
      const input = pieces.join('');
      const expected = specs.flatMap((spec, i) => {
        const isThere = spec.isCaseless ? lower(input).includes(lower(spec.text)) : input.includes(spec.text);
        return isThere ? [i] : [];
      });
      expect(found(index, input)).toEqual(expected);
    }),
  );
});

test('finds the same in bytes that come again, and in others that look alike', () => {
  const words = ['a', 'ab', 'ba', 'aa', 'b', 'abab', 'bb', 'aab', 'baa', 'bba'];
  const index = PatternIndex.of(words.map((word, i) => entry(i, word)));
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'x'), maxLength: 40 });
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 30 }), (texts) => {
      for (const each of [...texts, ...texts]) {
        const expected = words.flatMap((word, i) => (each.includes(word) ? [i] : []));
        expect(found(index, each)).toEqual(expected);
      }
    }),
  );
});
