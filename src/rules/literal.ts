import { pooledBytes } from '../base/byte-pool.ts';
import { LOWER_CASE } from '../base/bytes.ts';

/** Below this many places to try, building a shift table costs more than it saves. */
const MIN_PLACES_FOR_TABLE = 64;
/** A shift of more than a byte holds is cut to this; it only moves less far. */
const MAX_SHIFT = 255;
/**
 * Bytes compared in vain before the search changes to one that never looks at a byte twice. Only a pattern that
 * repeats itself, in traffic that does too, gets there: 255 bytes in 1 MiB then take 20 ms instead of 800 (Node 20).
 */
const MAX_WASTED_BYTES = 16_384;

/** A byte string to look for: Horspool's algorithm, and Knuth, Morris and Pratt's where that turns out slow. */
export class Literal {
  /** Lower case where it is caseless. */
  readonly bytes: Uint8Array;
  readonly isCaseless: boolean;
  /** What a byte of the traffic counts as. */
  readonly #fold: Uint8Array;
  /** Both built when first needed: most rules' patterns are never looked for, and 256 bytes each add up. */
  #shifts: Uint8Array | null = null;
  #borders: Uint16Array | null = null;

  constructor(bytes: Uint8Array, isCaseless: boolean) {
    this.bytes = isCaseless ? lowerCase(bytes) : bytes;
    this.isCaseless = isCaseless;
    this.#fold = isCaseless ? LOWER_CASE : SAME;
  }

  get length(): number {
    return this.bytes.length;
  }

  /** Where the first occurrence that lies within `[start, end)` begins, or -1. The caller has checked the bounds. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const last = end - this.bytes.length;
    if (last - start < MIN_PLACES_FOR_TABLE) {
      for (let at = start; at <= last; at++) if (this.isAt(bytes, at)) return at;
      return -1;
    }
    return this.isCaseless ? this.#findCaseless(bytes, start, last) : this.#findExact(bytes, start, last);
  }

  /** Is it at this very place? The caller has checked that it fits. */
  isAt(bytes: Uint8Array, at: number): boolean {
    const pattern = this.bytes;
    const fold = this.#fold;
    for (let i = 0; i < pattern.length; i++) if (fold[bytes[at + i]!] !== pattern[i]) return false;
    return true;
  }

  #findExact(bytes: Uint8Array, start: number, last: number): number {
    const pattern = this.bytes;
    this.#shifts ??= this.#buildShifts();
    const shifts = this.#shifts;
    const tail = pattern.length - 1;
    const tailByte = pattern[tail]!;
    let wasted = 0;
    for (let at = start; at <= last; ) {
      const byte = bytes[at + tail]!;
      if (byte === tailByte) {
        let i = 0;
        while (i < tail && bytes[at + i] === pattern[i]) i++;
        if (i === tail) return at;
        wasted += i;
        if (wasted > MAX_WASTED_BYTES) return this.#findLinear(bytes, at, last);
      }
      at += shifts[byte]!;
    }
    return -1;
  }

  /** The same for folded bytes; apart from the other, which folds nothing. */
  #findCaseless(bytes: Uint8Array, start: number, last: number): number {
    const pattern = this.bytes;
    this.#shifts ??= this.#buildShifts();
    const shifts = this.#shifts;
    const tail = pattern.length - 1;
    const tailByte = pattern[tail]!;
    let wasted = 0;
    for (let at = start; at <= last; ) {
      const byte = bytes[at + tail]!;
      if (LOWER_CASE[byte] === tailByte) {
        let i = 0;
        while (i < tail && LOWER_CASE[bytes[at + i]!] === pattern[i]) i++;
        if (i === tail) return at;
        wasted += i;
        if (wasted > MAX_WASTED_BYTES) return this.#findLinear(bytes, at, last);
      }
      at += shifts[byte]!;
    }
    return -1;
  }

  #findLinear(bytes: Uint8Array, start: number, last: number): number {
    const pattern = this.bytes;
    const fold = this.#fold;
    this.#borders ??= this.#buildBorders();
    const borders = this.#borders;
    const end = last + pattern.length;
    let matched = 0;
    for (let at = start; at < end; at++) {
      const byte = fold[bytes[at]!]!;
      while (matched > 0 && pattern[matched] !== byte) matched = borders[matched - 1]!;
      if (pattern[matched] === byte && ++matched === pattern.length) return at + 1 - matched;
    }
    return -1;
  }

  /** For each byte of the traffic under the pattern's last one: how far the pattern may move. */
  #buildShifts(): Uint8Array {
    const length = this.bytes.length;
    const shifts = new Uint8Array(256).fill(Math.min(length, MAX_SHIFT));
    for (let i = 0; i < length - 1; i++) shifts[this.bytes[i]!] = Math.min(length - 1 - i, MAX_SHIFT);
    if (this.isCaseless) for (let byte = 0x41; byte <= 0x5a; byte++) shifts[byte] = shifts[byte + 0x20]!;
    return shifts;
  }

  /** For each beginning of the pattern: how long a shorter beginning it ends in. */
  #buildBorders(): Uint16Array {
    const pattern = this.bytes;
    const borders = new Uint16Array(pattern.length);
    let matched = 0;
    for (let i = 1; i < pattern.length; i++) {
      while (matched > 0 && pattern[i] !== pattern[matched]) matched = borders[matched - 1]!;
      if (pattern[i] === pattern[matched]) matched++;
      borders[i] = matched;
    }
    return borders;
  }
}

function lowerCase(bytes: Uint8Array): Uint8Array {
  if (bytes.every((byte) => LOWER_CASE[byte] === byte)) return bytes;
  const folded = pooledBytes(bytes);
  for (let i = 0; i < folded.length; i++) folded[i] = LOWER_CASE[folded[i]!]!;
  return folded;
}

const SAME = Uint8Array.from({ length: 256 }, (_, byte) => byte);
