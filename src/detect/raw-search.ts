import type { Candidates } from './candidates.ts';
import type { PatternIndex } from './pattern-index.ts';

/**
 * Finds the rules on transactions whose fast pattern is a content of no buffer: in what is kept of one direction of a
 * stream. Each byte is searched once, and those still kept again where the window has moved.
 */
export class RawSearch {
  /** Rules whose pattern is within `[0, searchedEnd)` of the window. */
  readonly #found: number[] = [];
  #patterns: PatternIndex | null = null;
  #skippedBytes = 0;
  #searchedEnd = 0;

  /** Adds them to `into`, which is empty. What is kept of the stream is `bytes[0, end)`, behind `skippedBytes`. */
  search(patterns: PatternIndex, bytes: Uint8Array, end: number, skippedBytes: number, into: Candidates): void {
    const found = this.#found;
    if (patterns !== this.#patterns || skippedBytes !== this.#skippedBytes || end < this.#searchedEnd) {
      this.#patterns = patterns;
      this.#skippedBytes = skippedBytes;
      this.#searchedEnd = 0;
      found.length = 0;
    }
    for (let i = 0; i < found.length; i++) into.add(found[i]!);
    if (end === this.#searchedEnd) return;
    patterns.search(bytes, Math.max(0, this.#searchedEnd - patterns.longestBytes + 1), end, into);
    for (let i = found.length; i < into.count; i++) found.push(into.indexes[i]!);
    this.#searchedEnd = end;
  }
}
