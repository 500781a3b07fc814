import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { Candidates } from '../../src/detect/candidates.ts';
import { PatternIndex } from '../../src/detect/pattern-index.ts';
import { RawSearch } from '../../src/detect/raw-search.ts';

const patternIndex = PatternIndex.of(
  ['ab', 'bca'].map((text, index) => ({
    index,
    pattern: { bytes: fromLatin1(text), isCaseless: false, buffer: null },
  })),
);

/** Numbers of the rules that are found in this stretch of the stream. */
function search(raw: RawSearch, stream: string, start: number, end: number): number[] {
  const found = new Candidates(2);
  raw.search(patternIndex, fromLatin1(stream.slice(start, end)), end - start, start, found);
  return [...found.indexes.subarray(0, found.count)].sort();
}

test('finds whatever is in the window, wherever that has moved', () => {
  const step = fc.record({ arriving: fc.nat({ max: 6 }), leaving: fc.nat({ max: 6 }) });
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', 'b', 'c', '.'), minLength: 40 }),
      fc.array(step),
      (stream, steps) => {
        const raw = new RawSearch();
        let start = 0;
        let end = 0;
        for (const { arriving, leaving } of steps) {
          end = Math.min(stream.length, end + arriving);
          start = Math.min(end, start + leaving);
          const found = search(raw, stream, start, end);
          expect(found).toEqual(expect.arrayContaining(search(new RawSearch(), stream, start, end)));
        }
      },
    ),
  );
});

test('forgets what has left the window', () => {
  const raw = new RawSearch();
  expect(search(raw, 'ab......', 0, 4)).toEqual([0]);
  expect(search(raw, 'ab......', 1, 6)).toEqual([0]);
  expect(search(raw, 'ab......', 4, 8)).toEqual([]);
});

test('searches each byte once, though the window moves', () => {
  const raw = new RawSearch();
  const scanned = vi.spyOn(PatternIndex.prototype, 'search');
  search(raw, '........', 0, 4);
  search(raw, '........', 2, 8);
  search(raw, '........', 4, 8);
  // Before what is new, as much as the longest pattern may have there.
  expect(scanned.mock.calls.map(([, start, end]) => end - start)).toEqual([4, 6]);
});
