import { expect, test } from 'vitest';
import { TRACK_KEY_WORDS, TrackTable } from '../../src/detect/track-table.ts';

function keyOf(number: number): Uint32Array {
  const key = new Uint32Array(TRACK_KEY_WORDS);
  key[5] = number;
  return key;
}

test('finds what was claimed, until it ends', () => {
  const table = new TrackTable([1, 2]);
  expect(table.find(keyOf(1), 0)).toBe(-1);
  const entry = table.claim(keyOf(1), 0);
  table.count[entry] = 7;
  table.endMs[entry] = 100;
  expect(table.find(keyOf(1), 99)).toBe(entry);
  expect(table.find(keyOf(2), 99)).toBe(-1);
  expect(table.find(keyOf(1), 100)).toBe(-1);
  expect(table.count[table.claim(keyOf(1), 100)]).toBe(0);
});

test('grows, keeps what it has, and forgets what ends first when it is full', () => {
  const table = new TrackTable([1, 2]);
  const count = 200_000;
  for (let i = 0; i < count; i++) {
    const entry = table.claim(keyOf(i), 0);
    table.count[entry] = i;
    table.endMs[entry] = 1 + i;
    if (i === 2000) for (let j = 0; j <= i; j++) expect(table.count[table.find(keyOf(j), 0)]).toBe(j);
  }
  const found = Array.from({ length: count }, (_, i) => table.find(keyOf(i), 0)).filter((entry) => entry >= 0);
  expect(found.length).toBe(count - table.evicted);
  expect(table.endMs.length).toBe(131_072);
  expect(table.find(keyOf(count - 1), 0)).toBeGreaterThanOrEqual(0);
});
