/** The only file that indexes raw bytes without a check. Callers prove that `at` is in bounds. */

export const EMPTY_BYTES = new Uint8Array(0);

/** What an array or a view of one takes beside its bytes, about (Node 20). */
export const ARRAY_OVERHEAD_BYTES = 128;

export const u8 = (bytes: Uint8Array, at: number): number => bytes[at]!;
/** Big-endian, as every network header is. */
export const u16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
export const u32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
/**
 * As `u32`, but signed. V8 keeps every such number in a register or a small integer, while one above 2^31 becomes an
 * object on its way out of a function that was not inlined. Typed arrays and `>>> 0` make it unsigned again.
 */
export const i32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
/** Little-endian: capture files, loopback link headers, SMB. */
export const u16le = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8);
export const u32le = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
/** Exact up to 2^53; sizes and offsets in files are smaller. */
export const u64le = (bytes: Uint8Array, at: number): number => u32le(bytes, at + 4) * 2 ** 32 + u32le(bytes, at);

/** ASCII upper case to lower case; every other byte is itself. */
export const LOWER_CASE = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte,
);

/** One character per byte, so that no byte is lost or joined with its neighbour. */
export function latin1(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

/** The bytes of a string whose characters are all below 256. */
export const fromLatin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

/** Copies `from[start, end)` to `to[at, ...)`. */
export function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start >= SHORT_BYTES) to.set(from.subarray(start, end), at);
  else for (let i = start; i < end; i++) to[at + i - start] = from[i]!;
}

/** Of `length` bytes in both, the place of the first that is not the same; -1 where all are. */
export function firstDifference(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): number {
  for (let i = 0; i < length; i++) if (a[aStart + i] !== b[bStart + i]) return i;
  return -1;
}

/** A stretch that is copied faster by hand than through a view. */
const SHORT_BYTES = 64;
