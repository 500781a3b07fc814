import { performance } from 'node:perf_hooks';
import { threadProcessorMs } from '../base/native/addon.ts';
import { type LatencyFigures, LatencyHistogram } from './latency.ts';

/**
 * Shorter pauses do not count, and a thread's processor time, which takes a system call, is noted that often at most.
 */
const LEAST_MS = 1;

/** Times of a millisecond or more in which a worker did not look for packets. */
export interface PauseFigures {
  /** By the clock, and what the thread itself has worked: a power of two of microseconds, upwards. */
  readonly longestMs: number;
  readonly longestWorkMs: number;
  /**
   * Pauses that took up to so long, and longer than those of the bucket before; and those in which so much was work.
   */
  readonly buckets: readonly { readonly upToMs: number | null; readonly pauses: number; readonly byWork: number }[];
}

/**
 * How long a thread is away from its packets, once it has taken some: what it works, and with it what it waits for a
 * processor that others have. One thread counts.
 */
export class PauseMeter {
  static readonly bytes = 2 * LatencyHistogram.bytes;
  readonly #lasted: LatencyHistogram;
  readonly #worked: LatencyHistogram;
  readonly #now: () => number;
  readonly #worksMs: () => number;
  #beganMs = 0;
  #notedAtMs: number;
  #notedMs: number;

  /** `PauseMeter.bytes` bytes, which another thread may read. `worksMs`: processor time of this thread so far. */
  constructor(memory: SharedArrayBuffer, now = (): number => performance.now(), worksMs = threadProcessorMs) {
    [this.#lasted, this.#worked] = histogramsIn(memory);
    this.#now = now;
    this.#worksMs = worksMs;
    this.#notedAtMs = now();
    this.#notedMs = worksMs();
  }

  /** Notes the processor time so far. What is worked between this and a pause counts as work of the pause. */
  note(): void {
    const nowMs = this.#now();
    if (nowMs - this.#notedAtMs < LEAST_MS) return;
    this.#notedAtMs = nowMs;
    this.#notedMs = this.#worksMs();
  }

  /** From here on, packets wait. */
  begin(): void {
    this.#beganMs = this.#now();
  }

  /** The thread looks for packets again. */
  end(): void {
    const lastedMs = this.#now() - this.#beganMs;
    if (lastedMs < LEAST_MS) return;
    this.#lasted.record(1, lastedMs);
    this.#worked.record(1, Math.min(lastedMs, this.#worksMs() - this.#notedMs));
    this.note();
  }

  /** Of several threads together. */
  static figures(memories: readonly SharedArrayBuffer[]): PauseFigures {
    const histograms = memories.map((memory) => histogramsIn(memory));
    const lasted: LatencyFigures = LatencyHistogram.figures(histograms.map(([of]) => of));
    const worked: LatencyFigures = LatencyHistogram.figures(histograms.map(([, of]) => of));
    return {
      longestMs: lasted.maxMs,
      longestWorkMs: worked.maxMs,
      buckets: lasted.buckets.map(({ upToMs, packets }, i) => {
        return { upToMs, pauses: packets, byWork: worked.buckets[i]!.packets };
      }),
    };
  }
}

const histogramsIn = (memory: SharedArrayBuffer): [LatencyHistogram, LatencyHistogram] => [
  new LatencyHistogram(memory),
  new LatencyHistogram(memory, LatencyHistogram.bytes),
];
