import { performance } from 'node:perf_hooks';

/** How often it is looked. */
const INTERVAL_MS = 5_000;
/** With fewer packets a second, the processor has time to collect garbage. */
const QUIET_PACKETS_PER_SECOND = 1_000;
/** Less than this is not worth it. */
const MIN_GROWTH_BYTES = 16 * 2 ** 20;
/**
 * The same while there is traffic, which a collection stops twice, for some milliseconds, and how seldom it is then.
 */
const MIN_BUSY_GROWTH_BYTES = 32 * 2 ** 20;
const BUSY_PAUSE_MS = 30_000;

/**
 * Has memory given back that a peak has left behind: by itself V8 collects when it allocates as much again, and so it
 * keeps garbage for as long as there is less to do.
 */
export class PeakRelease {
  readonly #release: () => void;
  readonly #residentBytes: () => number;
  readonly #now: () => number;
  #nextLookMs: number;
  #nextBusyMs: number;
  #packets = 0;
  /** The least since the last release. That what is there now is garbage too is tried once. */
  #leastBytes: number;
  #hasReleased = false;

  /** `release` is called between packets. */
  constructor(release: () => void, residentBytes = process.memoryUsage.rss, now = (): number => performance.now()) {
    this.#release = release;
    this.#residentBytes = residentBytes;
    this.#now = now;
    this.#nextLookMs = now() + INTERVAL_MS;
    this.#nextBusyMs = now() + BUSY_PAUSE_MS;
    this.#leastBytes = residentBytes();
  }

  /** So many packets came; none counts too. */
  note(packets: number): void {
    this.#packets += packets;
    const nowMs = this.#now();
    if (nowMs < this.#nextLookMs) return;
    const isQuiet = this.#packets < (QUIET_PACKETS_PER_SECOND * INTERVAL_MS) / 1000;
    this.#nextLookMs = nowMs + INTERVAL_MS;
    this.#packets = 0;
    const bytes = this.#residentBytes();
    if (this.#hasReleased || bytes < this.#leastBytes) this.#leastBytes = bytes;
    const growthBytes = bytes - this.#leastBytes;
    this.#hasReleased = isQuiet
      ? growthBytes >= MIN_GROWTH_BYTES
      : growthBytes >= MIN_BUSY_GROWTH_BYTES && nowMs >= this.#nextBusyMs;
    if (!this.#hasReleased) return;
    this.#nextBusyMs = nowMs + BUSY_PAUSE_MS;
    this.#release();
  }
}
