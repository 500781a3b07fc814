/** Buckets by powers of two: the first is up to 1 µs, the last everything from some 8 s. */
const BUCKETS = 24;
const US_PER_MS = 1000;
const MAX_US = 2 ** 31;
/** Behind the buckets: the sum of all times, in milliseconds. */
const SUM = BUCKETS;
const CELLS = BUCKETS + 1;

/** Of all packets so far, in milliseconds. A power of two of microseconds, upwards: half of it or less may be true. */
export interface LatencyFigures {
  readonly packets: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly sumMs: number;
  /** Packets that took up to so long, and longer than those of the bucket before; null: longer than all others. */
  readonly buckets: readonly { readonly upToMs: number | null; readonly packets: number }[];
}

/** How long packets waited for their verdict, from the moment their batch was handed over. One thread counts. */
export class LatencyHistogram {
  static readonly bytes = CELLS * Float64Array.BYTES_PER_ELEMENT;
  readonly #counts: Float64Array;

  /** `LatencyHistogram.bytes` bytes from `at` on, which another thread may read. */
  constructor(memory: SharedArrayBuffer, at = 0) {
    this.#counts = new Float64Array(memory, at, CELLS);
  }

  record(packets: number, tookMs: number): void {
    // A clock that was set meanwhile gives anything.
    const tookUs = Math.max(0, Math.min(MAX_US, tookMs * US_PER_MS));
    const bucket = Math.min(BUCKETS - 1, 32 - Math.clz32(tookUs));
    this.#counts[bucket] = this.#counts[bucket]! + packets;
    this.#counts[SUM] = this.#counts[SUM]! + (packets * tookUs) / US_PER_MS;
  }

  /** Of several threads together. */
  static figures(histograms: readonly LatencyHistogram[]): LatencyFigures {
    const counts = new Float64Array(BUCKETS);
    let sumMs = 0;
    for (const histogram of histograms) {
      for (let i = 0; i < BUCKETS; i++) counts[i]! += histogram.#counts[i]!;
      sumMs += histogram.#counts[SUM]!;
    }
    const buckets = Array.from(counts, (packets, i) => ({ upToMs: i < BUCKETS - 1 ? upToMs(i) : null, packets }));
    return {
      packets: counts.reduce((sum, count) => sum + count, 0),
      p50Ms: latencyQuantileMs(buckets, 0.5),
      p99Ms: latencyQuantileMs(buckets, 0.99),
      maxMs: latencyQuantileMs(buckets, 1),
      sumMs,
      buckets,
    };
  }
}

/** The upper end of the bucket in which this share of all packets is reached. */
export function latencyQuantileMs(buckets: LatencyFigures['buckets'], share: number): number {
  const rank = buckets.reduce((sum, { packets }) => sum + packets, 0) * share;
  if (rank === 0) return 0;
  let seen = 0;
  let endMs = 0;
  for (const { upToMs: end, packets } of buckets) {
    endMs = end ?? endMs * 2;
    seen += packets;
    if (seen >= rank) break;
  }
  return endMs;
}

const upToMs = (bucket: number): number => 2 ** bucket / US_PER_MS;
