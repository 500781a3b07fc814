import type { Steps } from '../base/steps.ts';

/** How long packets may wait for one piece of it. */
const SLICE_MS = 1;

/** Work of a worker beside its packets: goes on a little between two batches, until its result is there. */
export class Preparation<T> {
  #steps: Steps<T> | null = null;
  #result: T | null = null;
  readonly #now: () => number;

  /** `now` is in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** There is something to do: do not sleep. */
  get isBusy(): boolean {
    return this.#steps !== null;
  }

  /** Whatever was there before is forgotten. */
  begin(steps: Steps<T>): void {
    this.#steps = steps;
    this.#result = null;
  }

  /** Works for a slice of time. True: with this slice it is done. Throws what the work throws, and forgets it. */
  goOn(): boolean {
    const steps = this.#steps;
    if (steps === null) return false;
    const endMs = this.#now() + SLICE_MS;
    try {
      do {
        const { done, value } = steps.next();
        if (done !== true) continue;
        this.#steps = null;
        this.#result = value;
        return true;
      } while (this.#now() < endMs);
    } catch (error) {
      this.#steps = null;
      throw error;
    }
    return false;
  }

  /** The result, once. Null: there is none. */
  take(): T | null {
    const result = this.#result;
    this.#result = null;
    return result;
  }

  discard(): void {
    this.#steps = null;
    this.#result = null;
  }
}
