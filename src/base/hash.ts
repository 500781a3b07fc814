/**
 * HalfSipHash-1-3 (Aumasson and Bernstein's SipHash on 32-bit words; the kernel's `hsiphash`, lib/siphash.c): a short
 * keyed hash whose collisions nobody can prepare who does not know the key. Hashes `words[0, count)`; the answer is a
 * signed 32-bit integer.
 */
export function halfSipHash(words: Uint32Array | Int32Array, count: number, key0: number, key1: number): number {
  let v0 = key0 | 0;
  let v1 = key1 | 0;
  let v2 = (key0 ^ 0x6c79_6765) | 0;
  let v3 = (key1 ^ 0x7465_6462) | 0;
  // The last block holds the length in its top byte; then three rounds finish. One loop, so that the round is here
  // once.
  const lastRound = count + FINISHING_ROUNDS;
  for (let round = 0; round <= lastRound; round++) {
    const block = round < count ? words[round]! | 0 : round === count ? count << 26 : 0;
    v3 ^= block;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= block;
    if (round === count) v2 ^= 0xff;
  }
  return v1 ^ v3;
}

const FINISHING_ROUNDS = 3;
