/** Beyond this the time of day has been set anew, or the two clocks have drifted apart. */
const MAX_DRIFT_MS = 5;

/** The time of day with the resolution of the monotonic clock: `Date.now` alone has whole milliseconds. */
export class WallClock {
  #originMs = performance.timeOrigin;

  /** Since 1970 UTC, microseconds in the fraction. */
  nowMs(): number {
    const elapsedMs = performance.now();
    const dateMs = Date.now();
    if (Math.abs(this.#originMs + elapsedMs - dateMs) > MAX_DRIFT_MS) this.#originMs = dateMs - elapsedMs;
    return this.#originMs + elapsedMs;
  }
}
