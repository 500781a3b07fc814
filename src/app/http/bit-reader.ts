import { EMPTY_BYTES } from '../../base/bytes.ts';
import { type Huffman, MAX_CODE_BITS } from './huffman.ts';

/** No symbol: the input ends within its code. Nothing was taken. */
export const MORE = -1;
/** No symbol: there is no such code. */
export const CORRUPT = -2;

/** Bits of input that comes in pieces, the lowest of each byte first: RFC 1951 §3.1.1, RFC 7932 §1.5.1. */
export class BitReader {
  /** Borrowed, from `feed` to `release`. */
  input: Uint8Array = EMPTY_BYTES;
  /** The next byte of the input. Up to three bytes before it may still be among the bits. */
  at = 0;
  end = 0;
  bitCount = 0;
  #bits = 0;
  #start = 0;
  #takenBytes = 0;

  feed(input: Uint8Array, start: number, end: number): void {
    this.input = input;
    this.#start = start;
    this.at = start;
    this.end = end;
  }

  release(): void {
    this.#takenBytes += this.at - this.#start;
    this.#start = this.at;
    this.input = EMPTY_BYTES;
  }

  /** Whole bytes that were taken of all pieces. */
  get takenBytes(): number {
    return this.#takenBytes + this.at - this.#start - (this.bitCount >> 3);
  }

  /** Are `count` (at most 24) bits there? */
  has(count: number): boolean {
    while (this.bitCount < count) {
      if (this.at >= this.end) return false;
      this.#bits |= this.input[this.at++]! << this.bitCount;
      this.bitCount += 8;
    }
    return true;
  }

  /** The next bits, which `has` has found. */
  peek(count: number): number {
    return this.#bits & ((1 << count) - 1);
  }

  take(count: number): number {
    const value = this.peek(count);
    this.#drop(count);
    return value;
  }

  /** What is left of a byte that was begun. */
  takeRestOfByte(): number {
    return this.take(this.bitCount & 7);
  }

  /** The next symbol, `MORE` or `CORRUPT`. */
  symbol(table: Huffman): number {
    while (this.bitCount < MAX_CODE_BITS && this.at < this.end) {
      this.#bits |= this.input[this.at++]! << this.bitCount;
      this.bitCount += 8;
    }
    const entry = table.short[this.#bits & table.shortMask]!;
    if (entry !== 0) {
      const bits = entry & 15;
      if (bits > this.bitCount) return MORE;
      this.#drop(bits);
      return entry >> 4;
    }
    // RFC 1951 §3.2.2: codes of one length are consecutive numbers, so counting finds the long ones.
    let code = 0;
    let first = 0;
    let index = 0;
    for (let bits = 1; bits <= MAX_CODE_BITS; bits++) {
      if (bits > this.bitCount) return MORE;
      code |= (this.#bits >>> (bits - 1)) & 1;
      const count = table.counts[bits]!;
      if (code - first < count) {
        this.#drop(bits);
        return table.symbols[index + code - first]!;
      }
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return CORRUPT;
  }

  #drop(count: number): void {
    this.#bits >>>= count;
    this.bitCount -= count;
  }
}
