import type { Candidates } from './candidates.ts';
import type { PatternIndex } from './pattern-index.ts';

/**
 * Finds the rules on transactions whose fast pattern is a content of no buffer: in what is kept of one direction of a
 * stream. Each byte is searched once, wherever the window moves.
 */
export class RawSearch {
  /**
   * Rules whose pattern was found, and how far the stream had got when it was found last: the pattern is not behind
   * that. Null: none was.
   */
  #found: Map<number, number> | null = null;
  #patterns: PatternIndex | null = null;
  #skippedBytes = 0;
  /** In the stream. */
  #searchedUntil = 0;

  /**
   * Adds them to `into`, which is empty, and perhaps some whose pattern has just left the window. What is kept of the
   * stream is `bytes[0, end)`, behind `skippedBytes`.
   */
  search(patterns: PatternIndex, bytes: Uint8Array, end: number, skippedBytes: number, into: Candidates): void {
    const until = skippedBytes + end;
    if (patterns !== this.#patterns || skippedBytes < this.#skippedBytes || until < this.#searchedUntil) {
      this.#patterns = patterns;
      this.#searchedUntil = skippedBytes;
      this.#found = null;
    }
    if (until > this.#searchedUntil) {
      const from = Math.max(0, this.#searchedUntil - skippedBytes - patterns.longestBytes + 1);
      patterns.search(bytes, from, end, into);
      for (let i = 0; i < into.count; i++) {
        this.#found ??= new Map();
        this.#found.set(into.indexes[i]!, until);
      }
      this.#searchedUntil = until;
    }
    const hasMoved = skippedBytes !== this.#skippedBytes;
    this.#skippedBytes = skippedBytes;
    if (this.#found === null) return;
    if (hasMoved) this.#dropPassed(this.#found, skippedBytes);
    for (const order of this.#found.keys()) into.add(order);
  }

  #dropPassed(found: Map<number, number>, skippedBytes: number): void {
    for (const [order, until] of found) if (until <= skippedBytes) found.delete(order);
  }
}
