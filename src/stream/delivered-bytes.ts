import { copyBytes, firstDifference } from '../base/bytes.ts';
import type { Packet } from '../wire/packet.ts';
import { SEGMENT_OVERHEAD_BYTES, type SegmentQueue } from './segment-queue.ts';
import { distance } from './sequence.ts';

/**
 * Copies of the bytes of one direction that were delivered and that their receiver has not acknowledged: `[start, end)`
 * in sequence numbers. Should it not have taken them, it reads what is sent in their place, which must be the same.
 */
export class DeliveredBytes {
  start = 0;
  end = 0;
  readonly #memory: DeliveredMemory;
  readonly #buffers: Uint8Array[] = [];
  /** Of the first buffer, acknowledged since. */
  #skippedBytes = 0;
  /** Of the last buffer, not used yet. */
  #freeBytes = 0;

  constructor(memory: DeliveredMemory) {
    this.#memory = memory;
  }

  get isEmpty(): boolean {
    return this.#buffers.length === 0;
  }

  /**
   * Copies `bytes[from, to)`, whose first one has this sequence number. Bytes that do not follow those that are kept
   * are not taken. At most `maxBytes` are kept, the newest. False where not all of them could be kept.
   */
  append(sequence: number, bytes: Uint8Array, from: number, to: number, maxBytes: number): boolean {
    if (this.#buffers.length === 0) {
      this.start = sequence;
      this.end = sequence;
      this.#skippedBytes = 0;
      this.#freeBytes = 0;
    } else if (sequence !== this.end) return false;
    let at = from;
    while (at < to) {
      if (this.#freeBytes === 0) {
        const buffer = this.#memory.take(Math.max(to - at, distance(this.end, this.start)));
        if (buffer === null) return false;
        this.#buffers.push(buffer);
        this.#freeBytes = buffer.length;
      }
      const buffer = this.#buffers[this.#buffers.length - 1]!;
      const count = Math.min(to - at, this.#freeBytes);
      copyBytes(bytes, at, at + count, buffer, buffer.length - this.#freeBytes);
      this.#freeBytes -= count;
      this.end = (this.end + count) | 0;
      at += count;
    }
    while (this.#buffers.length > 1 && distance(this.end, this.start) > maxBytes) this.#dropFirst();
    return true;
  }

  /** Lets go of the bytes before this sequence number. */
  release(upTo: number): void {
    while (this.#buffers.length > 0) {
      if (distance(this.#firstEnd, upTo) > 0) {
        const acknowledgedBytes = distance(upTo, this.start);
        if (acknowledgedBytes <= 0) return;
        this.#skippedBytes += acknowledgedBytes;
        this.start = upTo;
        return;
      }
      this.#dropFirst();
    }
  }

  clear(): void {
    while (this.#buffers.length > 0) this.#dropFirst();
  }

  /** What `copyTo` adds to the queue's cost, at most. */
  get queueCostBytes(): number {
    return distance(this.end, this.start) + this.#buffers.length * SEGMENT_OVERHEAD_BYTES;
  }

  /** Puts all that is kept into a queue. */
  copyTo(queue: SegmentQueue): void {
    let sequence = this.start;
    for (let i = 0; i < this.#buffers.length; i++) {
      const buffer = this.#buffers[i]!;
      const from = i === 0 ? this.#skippedBytes : 0;
      const to = buffer.length - (i === this.#buffers.length - 1 ? this.#freeBytes : 0);
      if (queue.plan(sequence, to - from) > 0) queue.insert(sequence, buffer, from);
      sequence = (sequence + to - from) | 0;
    }
  }

  /**
   * How far into `bytes[at, at + length)`, which begins at `sequence`, the first byte is that differs from the one kept
   * in its place; -1 where none does.
   */
  firstDifference(sequence: number, bytes: Uint8Array, at: number, length: number): number {
    let bufferStart = (this.start - this.#skippedBytes) | 0;
    for (let i = 0; i < this.#buffers.length; i++) {
      const buffer = this.#buffers[i]!;
      const skipped = distance(bufferStart, sequence);
      if (skipped >= length) return -1;
      const isLast = i === this.#buffers.length - 1;
      const from = Math.max(skipped + (i === 0 ? this.#skippedBytes : 0), 0);
      const to = Math.min(skipped + buffer.length - (isLast ? this.#freeBytes : 0), length);
      const differing = firstDifference(bytes, at + from, buffer, from - skipped, to - from);
      if (differing >= 0) return from + differing;
      bufferStart = (bufferStart + buffer.length) | 0;
    }
    return -1;
  }

  get #firstEnd(): number {
    if (this.#buffers.length === 1) return this.end;
    return (this.start + this.#buffers[0]!.length - this.#skippedBytes) | 0;
  }

  #dropFirst(): void {
    this.start = this.#firstEnd;
    this.#skippedBytes = 0;
    this.#memory.give(this.#buffers.shift()!);
    if (this.#buffers.length === 0) this.#freeBytes = 0;
  }
}

/** Memory of all streams together, with a bound. */
export class StreamMemory {
  usedBytes = 0;
  readonly limitBytes: number;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  hasRoomFor(bytes: number): boolean {
    return this.usedBytes + bytes <= this.limitBytes;
  }
}

/**
 * The buffers in which delivered bytes are kept, in three sizes. Those that are free again serve next, the last one
 * first, since it is still in the processor's caches.
 */
export class DeliveredMemory {
  readonly #memory: StreamMemory;
  readonly #limitBytes: number;
  readonly #free: Uint8Array[][] = BUFFER_BYTES.map(() => []);
  readonly #spare: DeliveredBytes[] = [];
  #usedBytes = 0;

  /** Takes from `memory`, at most so much of it. */
  constructor(memory: StreamMemory, limitBytes: number) {
    this.#memory = memory;
    this.#limitBytes = limitBytes;
  }

  open(): DeliveredBytes {
    return this.#spare.pop() ?? new DeliveredBytes(this);
  }

  close(delivered: DeliveredBytes): void {
    delivered.clear();
    if (this.#spare.length < MAX_SPARE) this.#spare.push(delivered);
  }

  /** What is held for reuse is garbage from now on. */
  dropSpares(): void {
    for (const free of this.#free) free.length = 0;
    this.#spare.length = 0;
  }

  /** A buffer for so many bytes, or the largest that there is; null where the bound is reached. */
  take(wantedBytes: number): Uint8Array | null {
    let size = 0;
    while (size < BUFFER_BYTES.length - 1 && BUFFER_BYTES[size]! < wantedBytes) size++;
    const bytes = BUFFER_BYTES[size]!;
    const cost = bytes + BUFFER_OVERHEAD_BYTES;
    if (this.#usedBytes + cost > this.#limitBytes || !this.#memory.hasRoomFor(cost)) return null;
    this.#usedBytes += cost;
    this.#memory.usedBytes += cost;
    return this.#free[size]!.pop() ?? new Uint8Array(bytes);
  }

  give(buffer: Uint8Array): void {
    const cost = buffer.length + BUFFER_OVERHEAD_BYTES;
    this.#usedBytes -= cost;
    this.#memory.usedBytes -= cost;
    const size = BUFFER_BYTES.indexOf(buffer.length);
    const free = this.#free[size]!;
    if (free.length < MAX_FREE[size]!) free.push(buffer);
  }
}

/**
 * What goes out and came in by no interface was sent by this host's own kernel. It sends the same bytes again, or what
 * has become of them in a file that changes while it is sent (sendfile(2)), which no attacker decides: it is not kept.
 */
export const isFromThisHost = ({ inInterface, outInterface }: Packet): boolean =>
  inInterface === 0 && outInterface !== 0;

/** Most requests; a segment or a few, or a short answer; a packet as the kernel hands it over before it is cut. */
const BUFFER_BYTES: readonly number[] = [1024, 8 * 1024, 64 * 1024];
/**
 * So many free ones are held for reuse: 1, 2 and 8 MiB, the last of which is a receive window of Linux (tcp_rmem) and
 * more. With fewer, a bulk transfer makes and forgets large buffers all the time, which costs more than copying.
 */
const MAX_FREE: readonly number[] = [1024, 256, 128];
const MAX_SPARE = 1024;
/** Two objects and the allocator's own, as for a segment that is out of order. */
const BUFFER_OVERHEAD_BYTES = 256;
