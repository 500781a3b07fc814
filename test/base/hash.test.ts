import { expect, test } from 'vitest';
import { halfSipHash } from '../../src/base/hash.ts';

test('agrees with the kernel: lib/siphash_kunit.c, hsiphash on 32-bit machines, key and input 00 01 02 ...', () => {
  const words = Uint32Array.of(0x03020100, 0x07060504);
  expect(halfSipHash(words, 0, 0x03020100, 0x07060504) >>> 0).toBe(0x5814c896);
  expect(halfSipHash(words, 1, 0x03020100, 0x07060504) >>> 0).toBe(0x7e059ea6);
});

test('another key gives another hash, and so does each bit of the input', () => {
  const seen = new Set<number>();
  for (let bit = 0; bit < 96; bit++) {
    const words = new Uint32Array(3);
    words[bit >> 5] = 1 << (bit & 31);
    seen.add(halfSipHash(words, 3, 1, 2));
    seen.add(halfSipHash(words, 3, 1, 3));
  }
  expect(seen.size).toBe(192);
});
