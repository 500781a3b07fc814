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

  /** As Suricata meets them: rules on packets and streams, then transaction by transaction. There are few. */
  sort(): void {
    const { entries } = this;
    for (let i = 1; i < this.count; i++) {
      const entry = entries[i]!;
      let at = i;
      for (; at > 0 && isBefore(entry, entries[at - 1]!); at--) entries[at] = entries[at - 1]!;
      entries[at] = entry;
    }
  }
}

function isBefore(a: StatefulMatch, b: StatefulMatch): boolean {
  const transaction = a.transaction?.id ?? -1;
  const other = b.transaction?.id ?? -1;
  return transaction !== other ? transaction < other : a.order < b.order;
}
