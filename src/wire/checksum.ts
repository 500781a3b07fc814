import { u8, u16 } from '../base/bytes.ts';

/**
 * Adds `bytes[start, end)` as big-endian 16-bit words to `sum`, RFC 1071. Sums can be chained where all but the last
 * range have an even length. The result is below 2^32 as long as `sum` is below 2^31.
 */
export function addWords(sum: number, bytes: Uint8Array, start: number, end: number): number {
  let total = sum;
  let at = start;
  while (at < end) {
    // Folding now and then keeps the sum in 32 bits, which the machine adds without converting to floating point.
    const chunkEnd = end - at > CHUNK_BYTES ? at + CHUNK_BYTES : end;
    const unrolledEnd = chunkEnd - 15;
    let chunk = 0;
    for (; at < unrolledEnd; at += 16) {
      chunk +=
        u16(bytes, at) +
        u16(bytes, at + 2) +
        u16(bytes, at + 4) +
        u16(bytes, at + 6) +
        u16(bytes, at + 8) +
        u16(bytes, at + 10) +
        u16(bytes, at + 12) +
        u16(bytes, at + 14);
    }
    for (; at < chunkEnd - 1; at += 2) chunk += u16(bytes, at);
    if (at < chunkEnd) chunk += u8(bytes, at++) << 8;
    total = (total & 0xffff) + (total >>> 16) + (chunk & 0xffff) + (chunk >>> 16);
  }
  return total;
}

/** The checksum as it stands in a header: over data that includes a right checksum it is 0. */
export function finish(sum: number): number {
  let folded = (sum & 0xffff) + (sum >>> 16);
  folded = (folded & 0xffff) + (folded >>> 16);
  return ~folded & 0xffff;
}

/** RFC 9293 §3.1, RFC 8200 §8.1. `addressesStart`: the source address in the IP header, the destination follows it. */
export function pseudoHeaderSum(
  bytes: Uint8Array,
  ipVersion: 4 | 6,
  addressesStart: number,
  protocol: number,
  transportBytes: number,
): number {
  const addressesEnd = addressesStart + (ipVersion === 4 ? 8 : 32);
  const sum = addWords(0, bytes, addressesStart, addressesEnd);
  return sum + protocol + (transportBytes & 0xffff) + (transportBytes >>> 16);
}

/** 2^14 words of at most 2^16 each stay below 2^30, the largest small integer where pointers are compressed. */
const CHUNK_BYTES = 2 ** 15;
