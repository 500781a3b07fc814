/** What the caps count. `halfOpen` flows are TCP flows too. */
export const FLOW_KIND = { tcp: 0, udp: 1, other: 2, halfOpen: 3 } as const;
export type FlowKind = (typeof FLOW_KIND)[keyof typeof FLOW_KIND];

const KINDS = 4;
/** Of a row: the counts, then of each kind what the worker offers. */
const CELLS = KINDS * 2;

/**
 * Concurrent flows by kind. Workers that are given the same cells share the caps: row 0 is the total, row 1 + n what
 * worker n contributes, so that the flows of a worker that died can be taken out.
 *
 * Each worker can end no flows but its own. Where all that could make room are another one's, as in a flood that one
 * queue gets, a new flow may go beyond the cap for them; their worker then makes room for two when the next one comes.
 */
export class FlowCounts {
  readonly #cells: Int32Array;
  readonly #own: number;

  /** Without cells the counts are private. */
  constructor(cells: Int32Array = new Int32Array(CELLS * 2), worker = 0) {
    if (cells.length < CELLS * (worker + 2)) throw new RangeError(`no row for worker ${worker} in the flow counts`);
    this.#cells = cells;
    this.#own = CELLS * (worker + 1);
  }

  /** Cells in shared memory for as many workers; each worker makes its own FlowCounts over them. */
  static sharedCells(workers: number): Int32Array<SharedArrayBuffer> {
    return new Int32Array(new SharedArrayBuffer(CELLS * (workers + 1) * Int32Array.BYTES_PER_ELEMENT));
  }

  /** Counts one more, unless that were more than `limit`. */
  tryAdd(kind: FlowKind, limit: number): boolean {
    if (Atomics.add(this.#cells, kind, 1) >= limit) {
      Atomics.sub(this.#cells, kind, 1);
      return false;
    }
    Atomics.add(this.#cells, this.#own + kind, 1);
    return true;
  }

  /** Counts one more beyond `limit`, for one that another worker can spare. Never more than `limit` of this worker. */
  tryAddForOffered(kind: FlowKind, limit: number): boolean {
    if (Atomics.load(this.#cells, this.#own + kind) >= limit) return false;
    if (this.total(kind) - limit >= this.#offeredByOthers(kind)) return false;
    this.add(kind);
    return true;
  }

  /** This worker has so many flows that would make room for new ones of the kind. */
  offer(kind: FlowKind, flows: number): void {
    Atomics.store(this.#cells, this.#own + KINDS + kind, flows);
  }

  /** Counts one more whatever the limit: one was ended for it, or a flow that is there already became of this kind. */
  add(kind: FlowKind): void {
    Atomics.add(this.#cells, kind, 1);
    Atomics.add(this.#cells, this.#own + kind, 1);
  }

  remove(kind: FlowKind): void {
    Atomics.sub(this.#cells, kind, 1);
    Atomics.sub(this.#cells, this.#own + kind, 1);
  }

  /** Of all workers. */
  total(kind: FlowKind): number {
    return Atomics.load(this.#cells, kind);
  }

  /** Takes out what a worker left behind that ended without releasing its flows. That worker must not run any more. */
  forget(worker: number): void {
    const row = CELLS * (worker + 1);
    for (let kind = 0; kind < KINDS; kind++) {
      Atomics.sub(this.#cells, kind, Atomics.exchange(this.#cells, row + kind, 0));
      Atomics.store(this.#cells, row + KINDS + kind, 0);
    }
  }

  #offeredByOthers(kind: FlowKind): number {
    let offered = 0;
    for (let row = CELLS; row < this.#cells.length; row += CELLS) {
      if (row !== this.#own) offered += Atomics.load(this.#cells, row + KINDS + kind);
    }
    return offered;
  }
}
