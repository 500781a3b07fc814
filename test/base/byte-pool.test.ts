import { expect, test } from 'vitest';
import { pooledBytes } from '../../src/base/byte-pool.ts';

test('copies stay what they were, however many follow and however long they are', () => {
  const originals = Array.from({ length: 2_000 }, (_, i) => new Uint8Array(i % 700).fill(i));
  const copies = originals.map((bytes) => pooledBytes(bytes));
  expect(copies).toEqual(originals);
});

test('is a copy', () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const copy = pooledBytes(bytes);
  bytes[0] = 9;
  expect(copy).toEqual(Uint8Array.of(1, 2, 3));
});
