/** What has a place in `vpatch health` while it is new. Each counts from the start of the service. */
export interface Troubles {
  /** Packets that found a queue full, and were dropped. */
  readonly overflowed: number;
  /** Times that a queue may have been full and let packets pass. */
  readonly overflows: number;
  readonly lostLines: number;
  /** Mails and calls of the webhook. */
  readonly lostMessages: number;
  readonly restarts: number;
  readonly lostRules: number;
  readonly failedPackets: number;
}

const WINDOW_MS = 5 * 60_000;
/** Troubles of one second are told together: no more than 300 entries, however often somebody asks. */
const STEP_MS = 1_000;

/** What of them is new: of the last five minutes. */
export class RecentTroubles {
  static readonly windowMinutes = WINDOW_MS / 60_000;
  #last: Troubles = NONE;
  readonly #increases = new Map<number, Troubles>();

  /** Takes down how far the counters are. What they went up since the last call counts as of now. */
  note(nowMs: number, counts: Troubles): void {
    // Those of a queue begin again with its worker.
    const increase = combined((kind) => Math.max(0, counts[kind] - this.#last[kind]));
    this.#last = counts;
    const step = Math.floor(nowMs / STEP_MS);
    for (const old of this.#increases.keys()) {
      if (Math.abs(step - old) * STEP_MS >= WINDOW_MS) this.#increases.delete(old);
    }
    if (KINDS.every((kind) => increase[kind] === 0)) return;
    const sofar = this.#increases.get(step) ?? NONE;
    this.#increases.set(
      step,
      combined((kind) => sofar[kind] + increase[kind]),
    );
  }

  /** Until the last call of `note`. */
  get sums(): Troubles {
    const all = [...this.#increases.values()];
    return combined((kind) => all.reduce((sum, increase) => sum + increase[kind], 0));
  }
}

const NONE: Troubles = {
  overflowed: 0,
  overflows: 0,
  lostLines: 0,
  lostMessages: 0,
  restarts: 0,
  lostRules: 0,
  failedPackets: 0,
};
const KINDS = Object.keys(NONE) as readonly (keyof Troubles)[];

const combined = (figure: (kind: keyof Troubles) => number): Troubles =>
  Object.fromEntries(KINDS.map((kind) => [kind, figure(kind)])) as unknown as Troubles;
