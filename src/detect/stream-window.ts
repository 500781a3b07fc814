import { BufferSlabs, SLAB_BYTES } from '../base/buffer-slabs.ts';
import { copyBytes, EMPTY_BYTES } from '../base/bytes.ts';
import type { Inspected } from '../rules/rule.ts';

/** A stream is kept whole up to here, so that rules on its beginning see all of it. Our choice. */
export const WHOLE_BYTES = 32_768;
/** Of a longer stream at least this much is kept, so that a match may straddle packets. Our choice. */
export const TAIL_BYTES = 8_192;

/** The same by the part of the memory that is used: with many busy connections, each gets less. Our choice. */
const SHARES = [
  { usedUpTo: 3 / 4, wholeBytes: WHOLE_BYTES, tailBytes: TAIL_BYTES },
  { usedUpTo: 7 / 8, wholeBytes: 8_192, tailBytes: 2_048 },
  { usedUpTo: Number.POSITIVE_INFINITY, wholeBytes: 2_048, tailBytes: 1_024 },
] as const;
type Share = (typeof SHARES)[number];

const SMALLEST_BITS = 9;
const SMALLEST_BYTES = 2 ** SMALLEST_BITS;
/** The largest holds WHOLE_BYTES. */
const SIZE_CLASSES = 7;
/** Slabs that are partly empty may take so many times the limit, beyond which no window grows. Our choice. */
const CLAIMED_SHARE = 2;

/** Bytes that all windows of a worker hold together, and the most that they may. */
export class WindowMemory {
  usedBytes = 0;
  readonly limitBytes: number;
  /** How often a window has kept less than it does while there is memory. */
  cuts = 0;
  /** Is told how many bytes there is no room for, and may make some. */
  onShort: (neededBytes: number) => void = () => {};
  /**
   * Where what is kept of a stream and a chunk too long to be kept lie one behind the other. Of all windows, in turn.
   */
  scratch: Uint8Array = EMPTY_BYTES;
  readonly #slabs = new BufferSlabs(SMALLEST_BYTES, SIZE_CLASSES);

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** Of the slabs in which windows are. */
  get claimedBytes(): number {
    return this.#slabs.claimedBytes;
  }

  /** What a window is to keep now. */
  get share(): Share {
    const used = this.usedBytes / this.limitBytes;
    return used <= SHARES[0].usedUpTo ? SHARES[0] : used <= SHARES[1].usedUpTo ? SHARES[1] : SHARES[2];
  }

  /**
   * Room for so many bytes, or for a few more; null: the limit does not leave it. Its content is undefined.
   * `freedBytes` are given back next.
   */
  take(neededBytes: number, freedBytes: number): Uint8Array | null {
    const sizeClass = classOf(neededBytes);
    const lengthBytes = SMALLEST_BYTES << sizeClass;
    if (this.#missingBytes(lengthBytes - freedBytes) > 0) this.onShort(this.#missingBytes(lengthBytes - freedBytes));
    if (this.#missingBytes(lengthBytes - freedBytes) > 0 || !this.#hasSlab(sizeClass)) return null;
    return this.#takeClass(sizeClass);
  }

  /** The same, if need be beyond the limit: what was taken before, and given up for a while. */
  takeBack(neededBytes: number): Uint8Array {
    return neededBytes === 0 ? EMPTY_BYTES : this.#takeClass(classOf(neededBytes));
  }

  #missingBytes(moreBytes: number): number {
    return this.usedBytes + moreBytes - this.limitBytes;
  }

  #takeClass(sizeClass: number): Uint8Array {
    this.usedBytes += SMALLEST_BYTES << sizeClass;
    return this.#slabs.take(sizeClass);
  }

  #hasSlab(sizeClass: number): boolean {
    const mostBytes = Math.max(CLAIMED_SHARE * this.limitBytes, SIZE_CLASSES * SLAB_BYTES);
    return this.#slabs.hasFree(sizeClass) || this.#slabs.claimedBytes < mostBytes;
  }

  /** What `take` gave, or `EMPTY_BYTES`. */
  give(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.usedBytes -= bytes.length;
    this.#slabs.give(bytes);
  }

  reserveScratch(neededBytes: number): Uint8Array {
    if (this.scratch.length < neededBytes) this.scratch = new Uint8Array(neededBytes * 2);
    return this.scratch;
  }
}

const classOf = (neededBytes: number): number =>
  neededBytes <= SMALLEST_BYTES ? 0 : 32 - Math.clz32((neededBytes - 1) >> SMALLEST_BITS);

/** What raw-stream rules see of one direction: the newest bytes, and as much before them as is kept. */
export class StreamWindow {
  /** What is kept: `bytes[0, end)`. */
  bytes: Uint8Array = EMPTY_BYTES;
  end = 0;
  /** Bytes of the stream before `bytes[0]`. */
  skippedBytes = 0;
  readonly #memory: WindowMemory;

  constructor(memory: WindowMemory) {
    this.#memory = memory;
  }

  /**
   * Takes a chunk of the stream. `view` is then what was kept and the chunk behind it, until the next call on any
   * window. False: the memory limit leaves no room to keep of it what should be kept.
   */
  append(chunk: Uint8Array, start: number, end: number, offset: number, view: Inspected): boolean {
    // Behind a gap nothing of before is contiguous any more.
    if (offset !== this.skippedBytes + this.end) {
      this.end = 0;
      this.skippedBytes = offset;
    }
    const at = this.end;
    const viewEnd = at + end - start;
    const { share } = this.#memory;
    const fits =
      viewEnd <= (this.skippedBytes === 0 ? share.wholeBytes : 2 * share.tailBytes) && this.#reserve(viewEnd);
    const bytes = fits ? this.bytes : this.#memory.reserveScratch(viewEnd);
    if (!fits && at > 0) copyBytes(this.bytes, 0, at, bytes, 0);
    copyBytes(chunk, start, end, bytes, at);
    view.bytes = bytes;
    view.start = 0;
    view.end = viewEnd;
    view.skippedBytes = this.skippedBytes;
    if (fits) {
      this.end = viewEnd;
      return true;
    }
    if (viewEnd <= (this.skippedBytes === 0 ? WHOLE_BYTES : 2 * TAIL_BYTES)) this.#memory.cuts++;
    return this.#keepTail(bytes, viewEnd, share.tailBytes);
  }

  /** What was kept is `from[start, end)`, as before a `release`. */
  restore(from: Uint8Array, start: number, end: number, skippedBytes: number): void {
    this.bytes = this.#memory.takeBack(end - start);
    copyBytes(from, start, end, this.bytes, 0);
    this.end = end - start;
    this.skippedBytes = skippedBytes;
  }

  release(): void {
    this.#memory.give(this.bytes);
    this.bytes = EMPTY_BYTES;
    this.skippedBytes += this.end;
    this.end = 0;
  }

  #keepTail(from: Uint8Array, end: number, tailBytes: number): boolean {
    if (this.bytes.length !== 2 * tailBytes) this.#resize(2 * tailBytes, 0);
    const wantedBytes = Math.min(end, tailBytes);
    const keptBytes = Math.min(wantedBytes, this.bytes.length);
    copyBytes(from, end - keptBytes, end, this.bytes, 0);
    this.skippedBytes += end - keptBytes;
    this.end = keptBytes;
    return keptBytes === wantedBytes;
  }

  #reserve(neededBytes: number): boolean {
    return neededBytes <= this.bytes.length || this.#resize(neededBytes, this.end);
  }

  #resize(lengthBytes: number, usedBytes: number): boolean {
    const { bytes } = this;
    const resized = this.#memory.take(lengthBytes, bytes.length);
    if (resized === null) return false;
    copyBytes(bytes, 0, usedBytes, resized, 0);
    this.#memory.give(bytes);
    this.bytes = resized;
    return true;
  }
}
