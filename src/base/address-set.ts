import { parseAddress } from './address.ts';
import { SortedRanges } from './sorted-ranges.ts';

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
    if (isAny) return ANY;
    const ranges = new SortedRanges(v4, v6);
    return { isAny, contains: (version, words) => ranges.find(version, words) >= 0 };
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

const ANY: AddressSet = { isAny: true, contains: () => true };

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
