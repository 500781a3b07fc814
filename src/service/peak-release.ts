/** How often it is looked, and how long it must have been quiet then. */
const INTERVAL_MS = 20_000;
/** With fewer packets a second, the processor has time to collect garbage. */
const QUIET_PACKETS_PER_SECOND = 1_000;
/** Less than this is not worth it. */
const MIN_GROWTH_BYTES = 16 * 2 ** 20;

/**
 * Has memory given back that a peak has left behind: by itself V8 collects as it allocates, and so it keeps garbage for as
 * long as it is quiet.
 */
export class PeakRelease {
  readonly #release: () => void;
  readonly #residentBytes: () => number;
  readonly #now: () => number;
  #nextLookMs: number;
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
    this.#hasReleased = isQuiet && bytes - this.#leastBytes >= MIN_GROWTH_BYTES;
    if (this.#hasReleased) this.#release();
  }
}
