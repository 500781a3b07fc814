import { performance } from 'node:perf_hooks';

/** Beyond this the time of day has been set anew, or the two clocks have drifted apart. */
const MAX_DRIFT_MS = 5;

/** The time of day with the resolution of the monotonic clock: `Date.now` alone has whole milliseconds. */
export class WallClock {
  #originMs = performance.timeOrigin;
  #readAtMs = 0;

  /** Since 1970 UTC, microseconds in the fraction. */
  nowMs(): number {
    const elapsedMs = performance.now();
    const dateMs = Date.now();
    if (Math.abs(this.#originMs + elapsedMs - dateMs) > MAX_DRIFT_MS) this.#originMs = dateMs - elapsedMs;
    this.#readAtMs = elapsedMs;
    return this.#originMs + elapsedMs;
  }

  /** Since the last `nowMs`, however the time of day was set meanwhile. */
  elapsedMs(): number {
    return performance.now() - this.#readAtMs;
  }
}
