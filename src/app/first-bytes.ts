/**
 * What is kept of a client's first bytes until its server has shown what it speaks: the window with which Linux opens a
 * connection, so that a client can hardly have sent more when a server speaks first or answers a line.
 */
export const MAX_FIRST_BYTES = 64 * 1024;
/** Most first requests are shorter, and each size is twice the one before. */
const SMALLEST_BYTES = 512;
/** Up to here there is always room. */
const MAX_SMALL_BYTES = 8192;
/** Free buffers of each size that are held for reuse: 2 MiB at most, of all sizes. Ours. */
const MAX_SPARE_BYTES = 256 * 1024;

/** The buffers for first bytes of all connections. */
export class FirstBytes {
  /** False: servers are not heard, so that nothing is kept for what they would say. */
  readonly awaitsServers: boolean;
  readonly #maxLargeBytes: number;
  #largeBytes = 0;
  readonly #spare: Uint8Array[][] = [];

  /** `maxLargeBytes`: what buffers of more than 8 KiB may have together. */
  constructor(maxLargeBytes: number, awaitsServers: boolean) {
    this.#maxLargeBytes = maxLargeBytes;
    this.awaitsServers = awaitsServers;
    for (let bytes = SMALLEST_BYTES; bytes <= MAX_FIRST_BYTES; bytes *= 2) this.#spare.push([]);
  }

  /**
   * For so many bytes, at most MAX_FIRST_BYTES; where the limit of larger ones is reached, for 8 KiB. Its content is
   * undefined.
   */
  take(wantedBytes: number): Uint8Array {
    const hasRoom = this.#largeBytes + 2 * wantedBytes <= this.#maxLargeBytes;
    const neededBytes = hasRoom ? wantedBytes : Math.min(wantedBytes, MAX_SMALL_BYTES);
    let size = 0;
    let bytes = SMALLEST_BYTES;
    for (; bytes < neededBytes; bytes *= 2) size++;
    if (bytes > MAX_SMALL_BYTES) this.#largeBytes += bytes;
    return this.#spare[size]!.pop() ?? new Uint8Array(bytes);
  }

  /** What `take` gave, of which nobody has a view any more. */
  give(buffer: Uint8Array): void {
    if (buffer.length > MAX_SMALL_BYTES) this.#largeBytes -= buffer.length;
    const spare = this.#spare[Math.log2(buffer.length / SMALLEST_BYTES)]!;
    if ((spare.length + 1) * buffer.length <= MAX_SPARE_BYTES) spare.push(buffer);
  }
}
