/** Longer ones get memory of their own. */
const MAX_POOLED_BYTES = 512;
const BLOCK_BYTES = 16 * 1024;

let block = new Uint8Array(0);
let used = 0;

/**
 * A copy for as long as rules live. Short ones lie side by side in shared blocks: a typed array with a buffer of its
 * own costs some 200 bytes more, and a large set of rules has 50,000 of them. So the copy's `buffer` holds other bytes
 * too.
 */
export function pooledBytes(bytes: ArrayLike<number>): Uint8Array {
  if (bytes.length > MAX_POOLED_BYTES) return Uint8Array.from(bytes);
  if (used + bytes.length > block.length) {
    block = new Uint8Array(BLOCK_BYTES);
    used = 0;
  }
  const copy = block.subarray(used, used + bytes.length);
  copy.set(bytes);
  used += bytes.length;
  return copy;
}
