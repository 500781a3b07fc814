/** RFC 1951 §3.2.7. */
export const MAX_CODE_BITS = 15;
const SHORT_BITS = 9;

/** A canonical Huffman code, RFC 1951 §3.2.2: codes of up to nine bits by one look-up, longer ones by counting. */
export class Huffman {
  /** By the next bits of input: symbol and length of the code that they begin with, `symbol << 4 | length`. */
  readonly short: Uint16Array;
  readonly shortMask: number;
  readonly counts = new Uint16Array(MAX_CODE_BITS + 1);
  readonly symbols: Uint16Array;
  /** False if more codes are given out than there are. Too few is allowed: their use is then an error. */
  readonly isUsable: boolean;

  constructor(lengths: Uint8Array, start: number, end: number) {
    let longest = 0;
    for (let i = start; i < end; i++) {
      const bits = lengths[i]!;
      this.counts[bits]!++;
      longest = Math.max(longest, bits);
    }
    this.symbols = new Uint16Array(end - start - this.counts[0]!);
    this.counts[0] = 0;
    this.shortMask = (1 << Math.min(longest, SHORT_BITS)) - 1;
    this.short = new Uint16Array(this.shortMask + 1);
    const nextCode = new Uint16Array(MAX_CODE_BITS + 2);
    const nextIndex = new Uint16Array(MAX_CODE_BITS + 2);
    let left = 1;
    for (let bits = 1; bits <= MAX_CODE_BITS; bits++) {
      left = left * 2 - this.counts[bits]!;
      if (left < 0) break;
      nextCode[bits + 1] = (nextCode[bits]! + this.counts[bits]!) << 1;
      nextIndex[bits + 1] = nextIndex[bits]! + this.counts[bits]!;
    }
    this.isUsable = left >= 0;
    if (!this.isUsable) return;
    for (let i = start; i < end; i++) {
      const bits = lengths[i]!;
      if (bits === 0) continue;
      const code = nextCode[bits]!++;
      this.symbols[nextIndex[bits]!++] = i - start;
      if (bits > SHORT_BITS) continue;
      for (let at = reversed(code, bits); at <= this.shortMask; at += 1 << bits)
        this.short[at] = ((i - start) << 4) | bits;
    }
  }
}

function reversed(code: number, bits: number): number {
  let result = 0;
  for (let i = 0; i < bits; i++) result |= ((code >> i) & 1) << (bits - 1 - i);
  return result;
}
