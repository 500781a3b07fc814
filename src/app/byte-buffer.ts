import { EMPTY_BYTES } from '../base/bytes.ts';

/**
 * Bytes that only grow, up to a limit. What was read from it stays at its place. Who lets go of a large one should say
 * so (`release`): V8 frees memory outside its heap late, and fills new memory with zeros.
 */
export class ByteBuffer {
  bytes: Uint8Array = EMPTY_BYTES;
  length = 0;
  /** Bytes behind the limit were dropped. */
  isCut = false;
  readonly limitBytes: number;
  /** What it has outgrown: somebody may still read there until it is released. */
  #outgrown: Uint8Array[] | null = null;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** Memory that it takes. */
  get heldBytes(): number {
    // Each was at most half of the one after it.
    return this.#outgrown === null ? this.bytes.length : 2 * this.bytes.length;
  }

  get isFull(): boolean {
    return this.length >= this.limitBytes;
  }

  /** Makes room for so many bytes more. The caller keeps to the limit. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    // Doubling keeps the copying linear; the declared length of a body is not trusted with memory.
    const grown = takeMemory(Math.max(needed, Math.min(this.limitBytes, this.bytes.length * 2)));
    if (this.bytes.length >= MIN_SPARE_BYTES) {
      this.#outgrown ??= [];
      this.#outgrown.push(this.bytes);
    }
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  /** Empties it. Nobody may read any more what it or a view of it held. */
  release(): void {
    giveMemory(this.bytes);
    this.#outgrown?.forEach(giveMemory);
    this.#outgrown = null;
    this.bytes = EMPTY_BYTES;
    this.length = 0;
  }

  /** Appends what fits and drops the rest. */
  append(bytes: Uint8Array, start: number, end: number): void {
    const count = Math.min(end - start, this.limitBytes - this.length);
    if (count < end - start) this.isCut = true;
    if (count <= 0) return;
    this.reserve(count);
    this.bytes.set(bytes.subarray(start, start + count), this.length);
    this.length += count;
  }

  push(byte: number): void {
    if (this.length >= this.limitBytes) {
      this.isCut = true;
      return;
    }
    this.reserve(1);
    this.bytes[this.length++] = byte;
  }

  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}

/** Smaller memory is cheap to make; larger bodies are not kept. Powers of two. */
const MIN_SPARE_BYTES = 16 * 1024;
const MAX_SPARE_BYTES = 128 * 1024;
/** Of each size: what the connections of one batch of packets give back at once. 8 MiB in all. */
const SPARES_PER_SIZE = 32;
/** By size. */
const spares = new Map<number, Uint8Array[]>();
for (let size = MIN_SPARE_BYTES; size <= MAX_SPARE_BYTES; size *= 2) spares.set(size, []);

/** Of at least this length; what is in it has no meaning. */
function takeMemory(length: number): Uint8Array {
  if (length < MIN_SPARE_BYTES || length > MAX_SPARE_BYTES) return new Uint8Array(length);
  let size = MIN_SPARE_BYTES;
  while (size < length) size *= 2;
  return spares.get(size)!.pop() ?? new Uint8Array(size);
}

function giveMemory(bytes: Uint8Array): void {
  const list = spares.get(bytes.length);
  if (list !== undefined && list.length < SPARES_PER_SIZE) list.push(bytes);
}
