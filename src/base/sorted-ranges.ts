import type { AddressRange } from './address-range.ts';

/** Ranges of addresses, of which one search finds the only one that holds an address. Nobody changes them. */
export class SortedRanges {
  readonly #firstV4: Uint32Array;
  readonly #lastV4: Uint32Array;
  /** Four words for each address. */
  readonly #firstV6: Uint32Array;
  readonly #lastV6: Uint32Array;

  /** Both ascending, and without overlaps. */
  constructor(v4: readonly AddressRange[], v6: readonly AddressRange[]) {
    this.#firstV4 = Uint32Array.from(v4, ({ first }) => Number(first));
    this.#lastV4 = Uint32Array.from(v4, ({ last }) => Number(last));
    this.#firstV6 = wordsOf(v6.map(({ first }) => first));
    this.#lastV6 = wordsOf(v6.map(({ last }) => last));
  }

  /** The place of the range with this address in the list of its version, or -1. `words` as in Packet.source. */
  find(version: 4 | 6, words: Uint32Array): number {
    return version === 4 ? this.#findV4(words[3]!) : this.#findV6(words);
  }

  #findV4(address: number): number {
    let low = 0;
    let high = this.#lastV4.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#lastV4[middle]! < address) low = middle + 1;
      else high = middle;
    }
    return low < this.#firstV4.length && this.#firstV4[low]! <= address ? low : -1;
  }

  #findV6(words: Uint32Array): number {
    let low = 0;
    let high = this.#lastV6.length / 4;
    const count = high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(this.#lastV6, middle * 4, words) < 0) low = middle + 1;
      else high = middle;
    }
    return low < count && compare(this.#firstV6, low * 4, words) <= 0 ? low : -1;
  }
}

function compare(addresses: Uint32Array, at: number, words: Uint32Array): number {
  for (let i = 0; i < 4; i++) {
    if (addresses[at + i]! !== words[i]!) return addresses[at + i]! < words[i]! ? -1 : 1;
  }
  return 0;
}

function wordsOf(values: readonly bigint[]): Uint32Array {
  const words = new Uint32Array(values.length * 4);
  for (const [at, value] of values.entries()) {
    for (let i = 0; i < 4; i++) words[at * 4 + i] = Number((value >> BigInt(96 - i * 32)) & 0xffff_ffffn);
  }
  return words;
}
