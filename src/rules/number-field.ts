import { DIGIT_0, HYPHEN, PLUS } from '../base/ascii.ts';
import { LOWER_CASE, u8 } from '../base/bytes.ts';

/** How a number is written in the traffic. */
export interface NumberFormat {
  /** Digits of text; else binary. */
  readonly isText: boolean;
  /** Of text: 8, 10, 16, or 0 for C's rule (0x is hexadecimal, a leading 0 octal). */
  readonly base: 0 | 8 | 10 | 16;
  readonly isLittleEndian: boolean;
}

/**
 * Reads unsigned 64-bit numbers without allocating: the last one read is `high` * 2^32 + `low`. Bytes that are no
 * number give 0 bytes read.
 */
export class NumberField {
  high = 0;
  low = 0;

  /** Exact up to 2^53. */
  get value(): number {
    return this.high * TWO_32 + this.low;
  }

  /** How many bytes the number takes, 0 if there is none. The caller has checked that `count` bytes are there. */
  read(bytes: Uint8Array, at: number, count: number, format: NumberFormat): number {
    if (format.isText) return this.#readText(bytes, at, at + count, format.base);
    this.high = 0;
    this.low = 0;
    for (let i = 0; i < count; i++) {
      this.#append(8, u8(bytes, format.isLittleEndian ? at + count - 1 - i : at + i));
    }
    return count;
  }

  /** As strtoull in C: blanks and a sign first, ends at the first character that is no digit. */
  #readText(bytes: Uint8Array, start: number, end: number, givenBase: number): number {
    let at = start;
    while (at < end && isSpace(u8(bytes, at))) at++;
    const isNegative = at < end && u8(bytes, at) === HYPHEN;
    if (at < end && (isNegative || u8(bytes, at) === PLUS)) at++;

    let base = givenBase;
    if ((base === 0 || base === 16) && hasHexPrefix(bytes, at, end)) {
      base = 16;
      at += 2;
    } else if (base === 0) {
      base = at < end && u8(bytes, at) === DIGIT_0 ? 8 : 10;
    }

    const digitsAt = at;
    this.high = 0;
    this.low = 0;
    for (; at < end; at++) {
      const digit = digitOf(u8(bytes, at));
      if (digit >= base) break;
      const low = this.low * base + digit;
      const high = this.high * base + Math.floor(low / TWO_32);
      if (high >= TWO_32) return 0;
      this.high = high;
      this.low = low % TWO_32;
    }
    if (at === digitsAt) return 0;
    if (isNegative) this.#negate();
    return at - start;
  }

  #append(bits: number, byte: number): void {
    this.high = ((this.high << bits) | (this.low >>> (32 - bits))) >>> 0;
    this.low = ((this.low << bits) | byte) >>> 0;
  }

  #negate(): void {
    this.low = -this.low >>> 0;
    this.high = (~this.high + (this.low === 0 ? 1 : 0)) >>> 0;
  }

  /** Only the bits of the mask, moved right until the mask's lowest one is the first. */
  applyMask(high: number, low: number): void {
    this.high = (this.high & high) >>> 0;
    this.low = (this.low & low) >>> 0;
    let shift = low !== 0 ? trailingZeros(low) : 32 + trailingZeros(high);
    if (shift >= 32) {
      this.low = this.high;
      this.high = 0;
      shift -= 32;
    }
    if (shift > 0) {
      this.low = ((this.low >>> shift) | (this.high << (32 - shift))) >>> 0;
      this.high >>>= shift;
    }
  }
}

export const TWO_32 = 2 ** 32;

const trailingZeros = (word: number): number => (word === 0 ? 32 : 31 - Math.clz32(word & -word));
const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
const NO_DIGIT = 99;

function digitOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = LOWER_CASE[byte]!;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : NO_DIGIT;
}

/** `0x` with a digit behind it; a lone `0x` is the number 0. */
const hasHexPrefix = (bytes: Uint8Array, at: number, end: number): boolean =>
  at + 2 < end && bytes[at] === DIGIT_0 && LOWER_CASE[u8(bytes, at + 1)] === 0x78 && digitOf(u8(bytes, at + 2)) < 16;
