import { firstDifference } from '../base/bytes.ts';
import { BLOCK_BYTES, CHUNK_BLOCKS, CHUNK_DATA_BYTES, type ChunkPool } from './chunk-pool.ts';

/** RFC 791 §3.1: offset and length end below 2^16. */
const CHUNKS = 2 ** 16 / CHUNK_DATA_BYTES;

/** The mark of a block: not there, the first one of a fragment, or another one. */
const ABSENT = 0;
const FIRST = 1;
const INNER = 2;

/** What a fragment is to the packet that it belongs to. */
export type Fit = 'new' | 'duplicate' | 'overlap' | 'wrong-end';

/**
 * The data of one packet as its fragments arrive. Each byte is written once: the first one wins. Work is linear in the
 * bytes of a fragment, however many came before. Reused: `clear` gives the memory back.
 */
export class Datagram {
  readonly #chunks: (Uint8Array | null)[] = new Array<Uint8Array | null>(CHUNKS).fill(null);
  readonly #pool: ChunkPool;
  /** Where the data ends that is there, and how much of it is. */
  #highestEnd = 0;
  #receivedBytes = 0;
  /** What the last fragment said. -1: it is not there yet. */
  #end = -1;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
  }

  /** Of a complete packet. */
  get dataBytes(): number {
    return this.#end;
  }

  get isComplete(): boolean {
    return this.#receivedBytes === this.#end;
  }

  /** What a fragment `[start, end)` would be, whose data is `bytes[at, ...)`. `start` is a multiple of eight. */
  fit(start: number, end: number, isLast: boolean, bytes: Uint8Array, at: number): Fit {
    if (this.#isDuplicate(start, end, isLast, bytes, at)) return 'duplicate';
    for (let block = blockAt(start); block < blocksTo(end); block++) {
      if (this.#mark(block) !== ABSENT) return 'overlap';
    }
    const contradicts = isLast ? this.#end >= 0 || end < this.#highestEnd : this.#end >= 0 && end > this.#end;
    return contradicts ? 'wrong-end' : 'new';
  }

  /** Chunks that keeping `[start, end)` takes in addition. */
  neededChunks(start: number, end: number): number {
    let needed = 0;
    for (let chunk = chunkAt(start); chunk <= chunkAt(end - 1); chunk++) {
      if (this.#chunks[chunk] === null) needed++;
    }
    return needed;
  }

  /** Keeps what is not there yet; a fragment whose end contradicts the others is not for here. There is room. */
  keep(start: number, end: number, isLast: boolean, bytes: Uint8Array, at: number): void {
    const limit = this.#end >= 0 ? Math.min(end, this.#end) : end;
    let isFirst = true;
    for (let block = blockAt(start); block < blocksTo(limit); block++) {
      if (this.#mark(block) !== ABSENT) {
        isFirst = true;
        continue;
      }
      const from = block * BLOCK_BYTES;
      const length = Math.min(BLOCK_BYTES, limit - from);
      this.#write(block, isFirst ? FIRST : INNER, bytes, at + from - start, length);
      isFirst = false;
      this.#receivedBytes += length;
    }
    if (limit > this.#highestEnd) this.#highestEnd = limit;
    if (isLast && this.#end < 0 && end === this.#highestEnd) this.#end = end;
  }

  /** Writes the data of a complete packet to `into[at, ...)`. */
  copyTo(into: Uint8Array, at: number): void {
    for (let start = 0; start < this.#end; start += CHUNK_DATA_BYTES) {
      const length = Math.min(CHUNK_DATA_BYTES, this.#end - start);
      into.set(this.#chunks[chunkAt(start)]!.subarray(0, length), at + start);
    }
  }

  clear(): void {
    for (let chunk = 0; chunk < CHUNKS; chunk++) {
      const bytes = this.#chunks[chunk]!;
      if (bytes === null) continue;
      this.#pool.give(bytes);
      this.#chunks[chunk] = null;
    }
    this.#highestEnd = 0;
    this.#receivedBytes = 0;
    this.#end = -1;
  }

  /** The same limits as a fragment that is there, and the same data: a network does that. */
  #isDuplicate(start: number, end: number, isLast: boolean, bytes: Uint8Array, at: number): boolean {
    if (isLast !== (end === this.#end)) return false;
    if (this.#mark(blockAt(start)) !== FIRST || this.#mark(blocksTo(end)) === INNER) return false;
    for (let block = blockAt(start) + 1; block < blocksTo(end); block++) {
      if (this.#mark(block) !== INNER) return false;
    }
    for (let from = start; from < end; ) {
      const offset = from % CHUNK_DATA_BYTES;
      const length = Math.min(end - from, CHUNK_DATA_BYTES - offset);
      if (firstDifference(bytes, at + from - start, this.#chunks[chunkAt(from)]!, offset, length) >= 0) return false;
      from += length;
    }
    return true;
  }

  #mark(block: number): number {
    const chunk = this.#chunks[Math.floor(block / CHUNK_BLOCKS)];
    return chunk == null ? ABSENT : chunk[CHUNK_DATA_BYTES + (block % CHUNK_BLOCKS)]!;
  }

  #write(block: number, mark: number, bytes: Uint8Array, at: number, length: number): void {
    const index = Math.floor(block / CHUNK_BLOCKS);
    let chunk = this.#chunks[index]!;
    if (chunk === null) {
      chunk = this.#pool.take();
      this.#chunks[index] = chunk;
    }
    const inChunk = block % CHUNK_BLOCKS;
    chunk[CHUNK_DATA_BYTES + inChunk] = mark;
    for (let i = 0; i < length; i++) chunk[inChunk * BLOCK_BYTES + i] = bytes[at + i]!;
  }
}

const blockAt = (offset: number): number => offset / BLOCK_BYTES;
const blocksTo = (end: number): number => Math.ceil(end / BLOCK_BYTES);
const chunkAt = (offset: number): number => Math.floor(offset / CHUNK_DATA_BYTES);
