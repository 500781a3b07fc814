import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Candidates } from '../../src/detect/candidates.ts';

test('holds each once, also before it is cleared for the first time', () => {
  const candidates = new Candidates(3);
  candidates.add(2);
  candidates.add(2);
  expect(candidates.count).toBe(1);
});

test('holds what was added since it was cleared, each once and in the order of adding', () => {
  const round = fc.array(fc.nat(19), { maxLength: 60 });
  fc.assert(
    fc.property(fc.array(round, { maxLength: 20 }), (rounds) => {
      const candidates = new Candidates(20);
      for (const added of rounds) {
        candidates.clear();
        candidates.addAll(Int32Array.from(added.slice(0, 5)));
        for (const index of added.slice(5)) candidates.add(index);
        expect([...candidates.indexes.subarray(0, candidates.count)]).toEqual([...new Set(added)]);
      }
    }),
  );
});
