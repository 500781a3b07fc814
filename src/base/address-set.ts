import { parseAddress } from './address.ts';

/** A set of addresses of both IP versions. Nobody changes it. */
export interface AddressSet {
  readonly isAny: boolean;
  /** `words` as in Packet.source: an IPv4 address is the last word. */
  contains(version: 4 | 6, words: Uint32Array): boolean;
}

/** From `first` to `last`, both included. */
export interface AddressRange {
  readonly version: 4 | 6;
  readonly first: bigint;
  readonly last: bigint;
}

export const AddressSet = {
  /** All addresses of both versions. */
  get any(): AddressSet {
    return ANY;
  },

  /** What is in `includes` (everything, where that is empty) and not in `excludes`. */
  of(includes: readonly AddressRange[], excludes: readonly AddressRange[] = []): AddressSet {
    const v4 = without(includes.length === 0 ? [ALL_IPV4] : ofVersion(includes, 4), ofVersion(excludes, 4));
    const v6 = without(includes.length === 0 ? [ALL_IPV6] : ofVersion(includes, 6), ofVersion(excludes, 6));
    const isAny = v4.length === 1 && isSame(v4[0]!, ALL_IPV4) && v6.length === 1 && isSame(v6[0]!, ALL_IPV6);
    return isAny ? ANY : new SortedRanges(v4, v6);
  },
} as const;

/** Every address of one version. */
export const ALL_IPV4: AddressRange = { version: 4, first: 0n, last: 2n ** 32n - 1n };
export const ALL_IPV6: AddressRange = { version: 6, first: 0n, last: 2n ** 128n - 1n };

/**
 * `a.b.c.d`, `a.b.c.d/24`, `a.b.c.d/255.255.255.0`, `a.b.c.d-e.f.g.h` and the like for IPv6; null for anything else.
 * Bits behind the prefix are ignored.
 */
export function parseAddressRange(text: string): AddressRange | null {
  const [base = '', rest, ...more] = text.split(/[-/]/);
  const address = parseValue(base.trim());
  if (address === null || more.length > 0) return null;
  const { version, value } = address;
  if (rest === undefined) return { version, first: value, last: value };

  if (text.includes('-')) {
    const last = parseValue(rest.trim());
    return last !== null && last.version === version && last.value >= value
      ? { version, first: value, last: last.value }
      : null;
  }
  const hostBits = parseHostBits(version, rest.trim());
  if (hostBits === null) return null;
  const first = (value >> hostBits) << hostBits;
  return { version, first, last: first + (1n << hostBits) - 1n };
}

/** Ranges in ascending order with gaps between them, so that one search finds the only one that can hold an address. */
class SortedRanges implements AddressSet {
  readonly isAny = false;
  readonly #firstV4: Uint32Array;
  readonly #lastV4: Uint32Array;
  /** Four words for each address. */
  readonly #firstV6: Uint32Array;
  readonly #lastV6: Uint32Array;

  constructor(v4: readonly AddressRange[], v6: readonly AddressRange[]) {
    this.#firstV4 = Uint32Array.from(v4, ({ first }) => Number(first));
    this.#lastV4 = Uint32Array.from(v4, ({ last }) => Number(last));
    this.#firstV6 = Uint32Array.from(v6.flatMap(({ first }) => toWords(first)));
    this.#lastV6 = Uint32Array.from(v6.flatMap(({ last }) => toWords(last)));
  }

  contains(version: 4 | 6, words: Uint32Array): boolean {
    return version === 4 ? this.#containsV4(words) : this.#containsV6(words);
  }

  #containsV4(words: Uint32Array): boolean {
    const address = words[3]!;
    let low = 0;
    let high = this.#lastV4.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#lastV4[middle]! < address) low = middle + 1;
      else high = middle;
    }
    return low < this.#firstV4.length && this.#firstV4[low]! <= address;
  }

  #containsV6(words: Uint32Array): boolean {
    let low = 0;
    let high = this.#lastV6.length / 4;
    const count = high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(this.#lastV6, middle * 4, words) < 0) low = middle + 1;
      else high = middle;
    }
    return low < count && compare(this.#firstV6, low * 4, words) <= 0;
  }
}

const ANY: AddressSet = { isAny: true, contains: () => true };

function compare(addresses: Uint32Array, at: number, words: Uint32Array): number {
  for (let i = 0; i < 4; i++) {
    if (addresses[at + i]! !== words[i]!) return addresses[at + i]! < words[i]! ? -1 : 1;
  }
  return 0;
}

const toWords = (value: bigint): number[] =>
  [96n, 64n, 32n, 0n].map((shift) => Number((value >> shift) & 0xffff_ffffn));

const isSame = (a: AddressRange, b: AddressRange): boolean => a.first === b.first && a.last === b.last;

const ofVersion = (ranges: readonly AddressRange[], version: 4 | 6): AddressRange[] =>
  ranges.filter((range) => range.version === version);

/** Ascending, and what overlaps or touches is one. */
function merged(ranges: readonly AddressRange[]): AddressRange[] {
  const result: AddressRange[] = [];
  for (const range of ranges.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))) {
    const previous = result.at(-1);
    if (previous === undefined || range.first > previous.last + 1n) result.push(range);
    else if (range.last > previous.last) result[result.length - 1] = { ...previous, last: range.last };
  }
  return result;
}

function without(ranges: readonly AddressRange[], excluded: readonly AddressRange[]): AddressRange[] {
  const gaps = merged(excluded);
  const result: AddressRange[] = [];
  let firstGap = 0;
  for (const range of merged(ranges)) {
    // Both lists ascend: a gap that ends before this range ends before all the following ones too.
    while (firstGap < gaps.length && gaps[firstGap]!.last < range.first) firstGap++;
    let first = range.first;
    for (let i = firstGap; i < gaps.length && gaps[i]!.first <= range.last; i++) {
      if (gaps[i]!.first > first) result.push({ ...range, first, last: gaps[i]!.first - 1n });
      first = gaps[i]!.last + 1n;
    }
    if (first <= range.last) result.push({ ...range, first });
  }
  return result;
}

function parseValue(text: string): { version: 4 | 6; value: bigint } | null {
  const words = new Uint32Array(4);
  const version = parseAddress(text, words);
  if (version === 0) return null;
  return { version, value: words.reduce((value, word) => (value << 32n) | BigInt(word), 0n) };
}

/** How many bits a prefix length, or an IPv4 mask, leaves to the host. */
function parseHostBits(version: 4 | 6, text: string): bigint | null {
  const allBits = version === 4 ? 32 : 128;
  if (/^\d{1,3}$/.test(text)) return Number(text) <= allBits ? BigInt(allBits - Number(text)) : null;
  const mask = version === 4 ? parseValue(text) : null;
  if (mask === null || mask.version !== 4) return null;
  const hosts = ALL_IPV4.last - mask.value;
  // Only a mask whose ones come before its zeros is one.
  return (hosts & (hosts + 1n)) === 0n ? BigInt(hosts === 0n ? 0 : hosts.toString(2).length) : null;
}
