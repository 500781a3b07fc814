/**
 * Tells whether a queue that lets pass what it cannot hold may have done so. The kernel does not count these packets. A
 * full queue is `lengthPackets` that are in hand or wait: as many are then received one batch behind the other, without
 * that nothing waits. A full socket buffer shows, since what it does not take has a number too.
 */
export class Backlog {
  readonly #lengthPackets: number;
  readonly #batchPackets: number;
  #lastId = 0;
  #lastCount = 0;
  /** Behind the last batch, more waited. */
  #isRunning = false;
  /** Received since nothing waited, or since the queue may last have been full. */
  #runPackets = 0;
  #hasRunOverflowed = false;
  /** What the queue did not take came behind what was in it: behind the last batch, too. */
  #isBehind = false;
  #hasOverflowed = false;
  /** How often that began. */
  overflows = 0;

  constructor(lengthPackets: number, batchPackets: number) {
    this.#lengthPackets = lengthPackets;
    this.#batchPackets = batchPackets;
  }

  /**
   * Takes note of a batch, maybe an empty one: may packets have passed before it, or among it? `lastId`: the kernel's
   * number of its last packet.
   */
  hasOverflowed(count: number, lastId: number): boolean {
    const wasBehind = this.#isBehind;
    const hasSkipped = this.#hasSkipped(count, lastId);
    this.#isBehind = this.#hasFilled(count) || hasSkipped;
    const hasOverflowed = this.#isBehind || wasBehind || (this.#hasRunOverflowed && !this.#isRunning);
    if (hasOverflowed && !this.#hasOverflowed) this.overflows++;
    this.#hasOverflowed = hasOverflowed;
    return hasOverflowed;
  }

  /** With this batch, as many have come one behind the other as the queue holds. */
  #hasFilled(count: number): boolean {
    if (!this.#isRunning) {
      // The batch before was in hand while this one came.
      this.#runPackets = this.#lastCount;
      this.#hasRunOverflowed = false;
    }
    this.#runPackets += count;
    this.#lastCount = count;
    this.#isRunning = count === this.#batchPackets;
    if (this.#runPackets < this.#lengthPackets) return false;
    this.#runPackets -= this.#lengthPackets;
    this.#hasRunOverflowed = true;
    return true;
  }

  #hasSkipped(count: number, lastId: number): boolean {
    if (count === 0) return false;
    const skipped = this.#lastId !== 0 && (lastId - this.#lastId) >>> 0 !== count;
    this.#lastId = lastId;
    return skipped;
  }
}
