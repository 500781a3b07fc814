import { performance } from 'node:perf_hooks';

/** Beyond this the time of day has been set anew, or the two clocks have drifted apart. */
const MAX_DRIFT_MS = 5;
/** How often the time of day is asked for at most. */
const CHECK_INTERVAL_MS = 20;

/** The time of day with the resolution of the monotonic clock: `Date.now` alone has whole milliseconds. */
export class WallClock {
  #originMs = performance.timeOrigin;
  #readAtMs = 0;
  #nextCheckMs = 0;

  /** Since 1970 UTC, microseconds in the fraction. */
  nowMs(): number {
    this.#readAtMs = performance.now();
    if (this.#readAtMs >= this.#nextCheckMs) this.#check();
    return this.#originMs + this.#readAtMs;
  }

  /** Since the last `nowMs`, however the time of day was set meanwhile. */
  elapsedMs(): number {
    return performance.now() - this.#readAtMs;
  }

  #check(): void {
    this.#nextCheckMs = this.#readAtMs + CHECK_INTERVAL_MS;
    const originMs = Date.now() - this.#readAtMs;
    if (Math.abs(this.#originMs - originMs) > MAX_DRIFT_MS) this.#originMs = originMs;
  }
}
