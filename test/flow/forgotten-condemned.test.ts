import { expect, test } from 'vitest';
import { ForgottenCondemned } from '../../src/flow/forgotten-condemned.ts';

test('what was put in is found, once, whatever its hash', () => {
  const forgotten = new ForgottenCondemned(4);
  for (const hash of [0, 1, -1, 0x7fff_ffff, -0x8000_0000]) {
    expect(forgotten.take(hash), `${hash}`).toBe(false);
    forgotten.add(hash);
    expect(forgotten.take(hash), `${hash}`).toBe(true);
    expect(forgotten.take(hash), `${hash}`).toBe(false);
  }
});

test('of those that do not fit, the oldest are gone', () => {
  const forgotten = new ForgottenCondemned(4);
  // All of one set.
  const hashes = Array.from({ length: 10 }, (_, i) => (i + 1) * 0x1_0000);
  for (const hash of hashes) forgotten.add(hash);
  expect(hashes.map((hash) => forgotten.take(hash))).toEqual(hashes.map((_, i) => i >= 2));
});

test('holds eight times the flows that there may be', () => {
  const flows = 1000;
  const forgotten = new ForgottenCondemned(flows);
  // Any permutation of all numbers will do for hashes.
  const hashes = Array.from({ length: flows * 8 }, (_, i) => Math.imul(i + 1, 0x9e37_79b1));
  for (const hash of hashes) forgotten.add(hash);
  expect(hashes.filter((hash) => forgotten.take(hash)).length).toBeGreaterThan(flows * 7);
});
