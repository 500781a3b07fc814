/** RFC 1951 §3.2.7. */
export const MAX_CODE_BITS = 15;
const SHORT_BITS = 9;
export const SHORT_MASK = (1 << SHORT_BITS) - 1;

/** A canonical Huffman code, RFC 1951 §3.2.2: codes of up to nine bits by one look-up, longer ones by counting. */
export class Huffman {
  readonly short = new Uint16Array(SHORT_MASK + 1);
  readonly counts = new Uint16Array(MAX_CODE_BITS + 1);
  readonly symbols: Uint16Array;
  /** False if more codes are given out than there are. Too few is allowed: their use is then an error. */
  readonly isUsable: boolean;

  constructor(lengths: Uint8Array, start: number, end: number) {
    this.symbols = new Uint16Array(end - start);
    for (let i = start; i < end; i++) this.counts[lengths[i]!]!++;
    this.counts[0] = 0;
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
      for (let at = reversed(code, bits); at <= SHORT_MASK; at += 1 << bits) this.short[at] = ((i - start) << 4) | bits;
    }
  }
}

function reversed(code: number, bits: number): number {
  let result = 0;
  for (let i = 0; i < bits; i++) result |= ((code >> i) & 1) << (bits - 1 - i);
  return result;
}
