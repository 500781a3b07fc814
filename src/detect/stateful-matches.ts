import type { AppProtocol, Transaction } from '../app/protocol.ts';
import type { Rule } from '../rules/rule.ts';

/** Reused for the next packet. */
export interface StatefulMatch {
  rule: Rule;
  order: number;
  transaction: Transaction | null;
  protocol: AppProtocol | null;
  isInStream: boolean;
}

/** Rules that fit a packet save for state. On most packets state then says no, so that nothing is made for them. */
export class StatefulMatches {
  /** The first `count` are this packet's. */
  readonly entries: StatefulMatch[] = [];
  count = 0;

  clear(): void {
    this.count = 0;
  }

  add(
    rule: Rule,
    order: number,
    transaction: Transaction | null,
    protocol: AppProtocol | null,
    isInStream: boolean,
  ): void {
    const entry = this.entries[this.count];
    if (entry === undefined) {
      this.entries.push({ rule, order, transaction, protocol, isInStream });
    } else {
      entry.rule = rule;
      entry.order = order;
      entry.transaction = transaction;
      entry.protocol = protocol;
      entry.isInStream = isInStream;
    }
    this.count++;
  }

  /** Among those that concern no transaction. */
  has(order: number): boolean {
    for (let i = 0; i < this.count; i++) {
      const entry = this.entries[i]!;
      if (entry.order === order && entry.transaction === null) return true;
    }
    return false;
  }

  /** As Suricata meets them: rules on packets and streams, then transaction by transaction. */
  sort(): void {
    if (this.count > FEW) this.#sortMany();
    else this.#sortFew();
  }

  #sortFew(): void {
    const { entries } = this;
    for (let i = 1; i < this.count; i++) {
      const entry = entries[i]!;
      let at = i;
      for (; at > 0 && compare(entry, entries[at - 1]!) < 0; at--) entries[at] = entries[at - 1]!;
      entries[at] = entry;
    }
  }

  /** One packet can bring thousands of transactions to their end, the last first. */
  #sortMany(): void {
    const sorted = this.entries.slice(0, this.count).sort(compare);
    for (let i = 0; i < sorted.length; i++) this.entries[i] = sorted[i]!;
  }
}

/** So many are sorted without making anything. */
const FEW = 16;

function compare(a: StatefulMatch, b: StatefulMatch): number {
  const transaction = a.transaction?.id ?? -1;
  const other = b.transaction?.id ?? -1;
  return transaction !== other ? transaction - other : a.order - b.order;
}
