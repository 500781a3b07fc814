import { type AddressRange, ALL_IPV4, ALL_IPV6 } from './address-range.ts';
import { SortedRanges } from './sorted-ranges.ts';

/** A set of addresses of both IP versions. Nobody changes it. */
export interface AddressSet {
  readonly isAny: boolean;
  /** All of it: ascending, none touches another; those of IPv4 first. */
  readonly ranges: readonly AddressRange[];
  /** `words` as in Packet.source: an IPv4 address is the last word. */
  contains(version: 4 | 6, words: Uint32Array): boolean;
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
    const sorted = new SortedRanges(v4, v6);
    return { isAny, ranges: [...v4, ...v6], contains: (version, words) => sorted.find(version, words) >= 0 };
  },

  /** Is there an address in both? */
  overlap(a: AddressSet, b: AddressSet): boolean {
    let other = 0;
    for (const range of a.ranges) {
      // Both lists ascend: what ends before this range begins, ends before all the following ones too.
      while (other < b.ranges.length && isBefore(b.ranges[other]!, range)) other++;
      if (other < b.ranges.length && !isBefore(range, b.ranges[other]!)) return true;
    }
    return false;
  },
} as const;

const ANY: AddressSet = { isAny: true, ranges: [ALL_IPV4, ALL_IPV6], contains: () => true };

const isBefore = (a: AddressRange, b: AddressRange): boolean =>
  a.version === b.version ? a.last < b.first : a.version < b.version;

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
