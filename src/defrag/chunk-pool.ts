/** Data in one chunk: most packets that are fragmented at all fit into one or two. */
export const CHUNK_DATA_BYTES = 4096;
/**
 * RFC 791 §3.1, RFC 8200 §4.5: fragments count in blocks of eight bytes. Behind its data, a chunk has a mark for each.
 */
export const BLOCK_BYTES = 8;
export const CHUNK_BLOCKS = CHUNK_DATA_BYTES / BLOCK_BYTES;
const CHUNK_BYTES = CHUNK_DATA_BYTES + CHUNK_BLOCKS;

/** The memory for fragments: chunks, and what else is counted, up to a bound. What was given back is used again. */
export class ChunkPool {
  readonly #maxBytes: number;
  readonly #free: Uint8Array[] = [];
  usedBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  hasRoom(chunks: number, otherBytes: number): boolean {
    return this.usedBytes + chunks * CHUNK_BYTES + otherBytes <= this.#maxBytes;
  }

  /** A chunk without marks. The caller has asked whether there is room. */
  take(): Uint8Array {
    this.usedBytes += CHUNK_BYTES;
    return this.#free.pop()?.fill(0, CHUNK_DATA_BYTES) ?? new Uint8Array(CHUNK_BYTES);
  }

  give(chunk: Uint8Array): void {
    this.usedBytes -= CHUNK_BYTES;
    this.#free.push(chunk);
  }
}
