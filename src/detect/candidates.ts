import type { FittingRules } from './port-table.ts';

/** Marks are compared as small integers, and started anew behind this many rounds. */
const MAX_ROUND = 2 ** 30;

/** A set of rule indexes that is emptied in constant time: filled by pattern searches, read by the evaluation. */
export class Candidates {
  readonly indexes: Int32Array;
  count = 0;
  readonly #seen: Int32Array;
  #round = 1;

  constructor(ruleCount: number) {
    this.indexes = new Int32Array(ruleCount);
    this.#seen = new Int32Array(ruleCount);
  }

  clear(): void {
    this.count = 0;
    if (this.#round === MAX_ROUND) {
      this.#seen.fill(0);
      this.#round = 0;
    }
    this.#round++;
  }

  add(index: number): void {
    if (this.has(index)) return;
    this.#seen[index] = this.#round;
    this.indexes[this.count++] = index;
  }

  has(index: number): boolean {
    return this.#seen[index] === this.#round;
  }

  addAll(indexes: Int32Array): void {
    this.addRange(indexes, 0, indexes.length);
  }

  /** Adds `indexes[start, end)`. */
  addRange(indexes: Int32Array, start: number, end: number): void {
    for (let i = start; i < end; i++) this.add(indexes[i]!);
  }

  /** The same, of those whose ports fit. */
  addFitting(indexes: Int32Array, start: number, end: number, fitting: FittingRules): void {
    for (let i = start; i < end; i++) if (fitting.has(indexes[i]!)) this.add(indexes[i]!);
  }
}
