import type { DnsTransaction } from './transaction.ts';

/**
 * Queries without an answer, found by the id of their message; oldest first. Nearly all flows have one at a time, or
 * two, and none has many (MAX_OPEN_QUERIES): a map would not be worth the table that it brings with it.
 */
export class OpenQueries {
  #oldest: DnsTransaction | null = null;
  /** Null until there were two at a time. */
  #others: DnsTransaction[] | null = null;

  get oldest(): DnsTransaction | null {
    return this.#oldest;
  }

  get size(): number {
    return this.#oldest === null ? 0 : 1 + (this.#others?.length ?? 0);
  }

  /** Null: nobody asked. */
  find(messageId: number): DnsTransaction | null {
    if (this.#oldest?.messageId === messageId) return this.#oldest;
    const others = this.#others;
    if (others === null) return null;
    for (let i = 0; i < others.length; i++) if (others[i]!.messageId === messageId) return others[i]!;
    return null;
  }

  /** There is none of its id. */
  add(tx: DnsTransaction): void {
    if (this.#oldest === null) this.#oldest = tx;
    else if (this.#others === null) this.#others = [tx];
    else this.#others.push(tx);
  }

  delete(tx: DnsTransaction): void {
    if (this.#oldest === tx) {
      this.#oldest = this.#others?.shift() ?? null;
      return;
    }
    const at = this.#others?.indexOf(tx) ?? -1;
    if (at >= 0) this.#others!.splice(at, 1);
  }

  clear(): void {
    this.#oldest = null;
    this.#others = null;
  }

  *[Symbol.iterator](): Iterator<DnsTransaction> {
    if (this.#oldest !== null) yield this.#oldest;
    if (this.#others !== null) yield* this.#others;
  }
}
