import { Huffman } from './huffman.ts';

// RFC 1951 §3.2.5 to §3.2.7.

/** Code lengths of literals and distances together. */
export const MAX_LENGTHS = 286 + 30;
/** In which order the lengths of the code for code lengths come. */
export const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/** By symbol, counted from 257. */
export const LENGTH_EXTRA_BITS = [
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];
export const LENGTH_BASE = [...runs(3, LENGTH_EXTRA_BITS.slice(0, 28)), 258];
export const DISTANCE_EXTRA_BITS = Array.from({ length: 30 }, (_, symbol) => Math.max(0, (symbol >> 1) - 1));
export const DISTANCE_BASE = runs(1, DISTANCE_EXTRA_BITS);
export const FIXED_LITERALS = new Huffman(
  Uint8Array.from({ length: 288 }, (_, symbol) => (symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8)),
  0,
  288,
);
export const FIXED_DISTANCES = new Huffman(new Uint8Array(30).fill(5), 0, 30);

/** The first value of each symbol where a symbol with n extra bits covers 2^n values. */
export function runs(start: number, extraBits: readonly number[]): number[] {
  let next = start;
  return extraBits.map((bits) => {
    const base = next;
    next += 1 << bits;
    return base;
  });
}
