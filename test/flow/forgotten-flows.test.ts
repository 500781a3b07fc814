import { expect, test } from 'vitest';
import { FORGOTTEN, ForgottenFlows } from '../../src/flow/forgotten-flows.ts';

test('what was put in is found, once, whatever its hash', () => {
  const forgotten = new ForgottenFlows(4);
  [0, 1, -1, 0x7fff_ffff, -0x8000_0000].forEach((hash, n) => {
    expect(forgotten.take(hash), `${hash}`).toBe(0);
    forgotten.add(hash, n + 1);
    expect(forgotten.take(hash), `${hash}`).toBe(n + 1);
    expect(forgotten.take(hash), `${hash}`).toBe(0);
  });
});

test('ends are forgotten, and what was condemned is not', () => {
  const forgotten = new ForgottenFlows(4);
  forgotten.add(1, FORGOTTEN.firstEnded);
  forgotten.add(2, FORGOTTEN.condemned);
  forgotten.forgetEnds();
  expect(forgotten.take(1)).toBe(0);
  expect(forgotten.take(2)).toBe(FORGOTTEN.condemned);
});

test('of those that do not fit, the oldest are gone', () => {
  const forgotten = new ForgottenFlows(4);
  // All of one set.
  const hashes = Array.from({ length: 10 }, (_, i) => (i + 1) * 0x1_0000);
  hashes.forEach((hash, i) => {
    forgotten.add(hash, i);
  });
  expect(hashes.map((hash) => forgotten.take(hash))).toEqual(hashes.map((_, i) => (i >= 2 ? i : 0)));
});

test('holds eight times the flows that there may be', () => {
  const flows = 1000;
  const forgotten = new ForgottenFlows(flows);
  // Any permutation of all numbers will do for hashes.
  const hashes = Array.from({ length: flows * 8 }, (_, i) => Math.imul(i + 1, 0x9e37_79b1));
  for (const hash of hashes) forgotten.add(hash, 1);
  expect(hashes.filter((hash) => forgotten.take(hash) === 1).length).toBeGreaterThan(flows * 7);
});
