import type { AddressRange } from '../base/address-range.ts';
import { AddressSet } from '../base/address-set.ts';
import type { Rule } from '../rules/rule.ts';
import type { Packet } from '../wire/packet.ts';

/** Where bytes come from (bit 0) and go to (bit 1): 1 is inside of the perimeter. */
export type Crossing = 0 | 1 | 2 | 3;

const CROSSINGS: readonly Crossing[] = [0, 1, 2, 3];
const FROM_INSIDE = 1;
const TO_INSIDE = 2;

/** For `#sidesOf`. */
const OUTSIDE = 1;
const INSIDE = 2;

/** Of the same bytes, seen from the other end. */
export const turned = (crossing: Crossing): Crossing => (((crossing & FROM_INSIDE) << 1) | (crossing >> 1)) as Crossing;

/**
 * The line between the addresses that a rule set protects and all others, as most of its rules draw it: $HOME_NET here,
 * $EXTERNAL_NET there. Rules for one crossing of it need not be looked for in what crosses it otherwise.
 */
export class Perimeter {
  readonly inside: AddressSet;
  readonly #outside: AddressSet;
  /** Rules share most of their sets. */
  readonly #sides = new Map<AddressSet, number>();

  constructor(inside: readonly AddressRange[]) {
    this.inside = AddressSet.of(inside);
    this.#outside = AddressSet.of([], inside);
  }

  /** The set that rules name most often, or its complement, which draws the same line; null where they name none. */
  static of(rules: readonly Rule[]): Perimeter | null {
    const uses = new Map<AddressSet, number>();
    for (const { source, destination } of rules) {
      for (const set of [source, destination]) if (!set.isAny) uses.set(set, (uses.get(set) ?? 0) + 1);
    }
    const bySpace = new Map<string, { readonly set: AddressSet; readonly uses: number }>();
    for (const [set, count] of uses) {
      const space = set.ranges.map(({ version, first, last }) => `${version}:${first}-${last}`).join();
      bySpace.set(space, { set, uses: count + (bySpace.get(space)?.uses ?? 0) });
    }
    const [most] = [...bySpace.values()].sort((a, b) => b.uses - a.uses);
    return most === undefined ? null : new Perimeter(most.set.ranges);
  }

  /** As the packet travels. */
  crossingOf({ ipVersion, source, destination }: Packet): Crossing {
    // Nothing but rules for any addresses is for packets that have none, and these are everywhere.
    if (ipVersion === 0) return 0;
    const from = this.inside.contains(ipVersion, source) ? FROM_INSIDE : 0;
    const to = this.inside.contains(ipVersion, destination) ? TO_INSIDE : 0;
    return (from | to) as Crossing;
  }

  /** All ways to cross it, or not to. */
  get crossings(): readonly Crossing[] {
    return CROSSINGS;
  }

  /** Are there addresses on this way for which the rule is? */
  concerns({ source, destination, isBidirectional }: Rule, crossing: Crossing): boolean {
    const from = (crossing & FROM_INSIDE) === 0 ? OUTSIDE : INSIDE;
    const to = (crossing & TO_INSIDE) === 0 ? OUTSIDE : INSIDE;
    const sources = this.#sidesOf(source);
    const destinations = this.#sidesOf(destination);
    if ((sources & from) !== 0 && (destinations & to) !== 0) return true;
    return isBidirectional && (sources & to) !== 0 && (destinations & from) !== 0;
  }

  #sidesOf(set: AddressSet): number {
    let sides = this.#sides.get(set);
    if (sides === undefined) {
      const outside = AddressSet.overlap(set, this.#outside) ? OUTSIDE : 0;
      sides = outside | (AddressSet.overlap(set, this.inside) ? INSIDE : 0);
      this.#sides.set(set, sides);
    }
    return sides;
  }
}
