/** So many at once, and so many a second in the long run. */
export class RateLimit {
  readonly #burst: number;
  readonly #perSecond: number;
  #left: number;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#left = burst;
  }

  /** Counts so many more. False: that is too many, and they are not counted. */
  take(nowMs: number, count = 1): boolean {
    // Captures can have packets whose time goes back.
    const elapsedMs = Math.max(0, nowMs - this.#lastMs);
    this.#left = Math.min(this.#burst, this.#left + (elapsedMs / 1000) * this.#perSecond);
    this.#lastMs = nowMs;
    if (this.#left < count) return false;
    this.#left -= count;
    return true;
  }
}
