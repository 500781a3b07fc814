const FREE = 0;
/** Cells of the shared memory of a lock. */
export const LOCK_CELLS = 1;
/** Looks at a lock that somebody holds, before the thread sleeps: it is held for less than a microsecond. */
const SPINS = 200;
/** Then whoever holds it was put to sleep by the kernel. */
const SLEEP_MS = 1;

/** Lets one thread at a time use memory that several share. */
export class SharedLock {
  readonly #cells: Int32Array;
  readonly #worker: number;

  /** `cells` in shared memory, `LOCK_CELLS` of them, the same for all workers. */
  constructor(cells: Int32Array, worker: number) {
    this.#cells = cells;
    this.#worker = worker;
  }

  /** To be followed by `leave`, whatever happens. Not within itself. */
  enter(): void {
    const cells = this.#cells;
    for (let spins = 0; ; spins++) {
      const holder = Atomics.compareExchange(cells, 0, FREE, this.#worker + 1);
      if (holder === FREE) return;
      if (spins >= SPINS) Atomics.wait(cells, 0, holder, SLEEP_MS);
    }
  }

  leave(): void {
    Atomics.store(this.#cells, 0, FREE);
  }

  /** A worker that was ended within. It must not run any more. */
  forget(worker: number): void {
    Atomics.compareExchange(this.#cells, 0, worker + 1, FREE);
  }
}
