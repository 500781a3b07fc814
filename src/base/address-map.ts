import type { AddressRange } from './address-range.ts';
import { SortedRanges } from './sorted-ranges.ts';

/** A number for each network. Of several networks that hold an address the smallest decides. Nobody changes it. */
export class AddressMap {
  readonly #ranges: SortedRanges;
  readonly #valuesV4: Uint32Array;
  readonly #valuesV6: Uint32Array;

  /**
   * Networks lie within each other or apart, as prefixes do; of two equal ones the later counts. Values fit 32 bits.
   */
  constructor(entries: readonly (readonly [network: AddressRange, value: number])[]) {
    const v4 = flattened(entries.filter(([{ version }]) => version === 4));
    const v6 = flattened(entries.filter(([{ version }]) => version === 6));
    this.#ranges = new SortedRanges(
      v4.map(([range]) => range),
      v6.map(([range]) => range),
    );
    this.#valuesV4 = Uint32Array.from(v4, ([, value]) => value);
    this.#valuesV6 = Uint32Array.from(v6, ([, value]) => value);
  }

  /** -1: no network holds the address. `words` as in Packet.source. */
  get(version: 4 | 6, words: Uint32Array): number {
    const at = this.#ranges.find(version, words);
    return at < 0 ? -1 : (version === 4 ? this.#valuesV4 : this.#valuesV6)[at]!;
  }
}

type Entry = readonly [network: AddressRange, value: number];

const BEHIND_ALL = 2n ** 128n;

/** Cuts out of each network those within it, so that what is left does not overlap. Ascending. */
function flattened(entries: readonly Entry[]): Entry[] {
  const outerFirst = entries.toSorted(([a], [b]) => {
    if (a.first !== b.first) return a.first < b.first ? -1 : 1;
    return a.last === b.last ? 0 : a.last > b.last ? -1 : 1;
  });
  const result: Entry[] = [];
  /** Networks that hold the place in hand, the innermost last. */
  const open: Entry[] = [];
  let next = 0n;
  const fillTo = (last: bigint): void => {
    const [network, value] = open.at(-1)!;
    if (next > last) return;
    result.push([{ ...network, first: next, last }, value]);
    next = last + 1n;
  };
  const closeBefore = (first: bigint): void => {
    for (let top = open.at(-1); top !== undefined && top[0].last < first; top = open.at(-1)) {
      fillTo(top[0].last);
      open.pop();
    }
  };
  for (const entry of outerFirst) {
    const { first } = entry[0];
    closeBefore(first);
    if (open.length > 0) fillTo(first - 1n);
    next = first;
    open.push(entry);
  }
  closeBefore(BEHIND_ALL);
  return result;
}
