import { copyBytes, EMPTY_BYTES } from '../base/bytes.ts';
import type { Inspected } from '../rules/rule.ts';

/** A stream is kept whole up to here, so that rules on its beginning see all of it. Our choice. */
export const WHOLE_BYTES = 32_768;
/** Of a longer stream at least this much is kept, so that a match may straddle packets. Our choice. */
export const TAIL_BYTES = 8_192;

/** Bytes that all windows of a worker hold together, and the most that they may. */
export class WindowMemory {
  usedBytes = 0;
  readonly limitBytes: number;
  /** Where what is kept of a stream and a chunk too long to be kept lie one behind the other. Of all windows, in turn. */
  scratch: Uint8Array = EMPTY_BYTES;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  reserveScratch(neededBytes: number): Uint8Array {
    if (this.scratch.length < neededBytes) this.scratch = new Uint8Array(neededBytes * 2);
    return this.scratch;
  }
}

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
    const fits = viewEnd <= (this.skippedBytes === 0 ? WHOLE_BYTES : 2 * TAIL_BYTES) && this.#reserve(viewEnd);
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
    return this.#keepTail(bytes, viewEnd);
  }

  release(): void {
    this.#memory.usedBytes -= this.bytes.length;
    this.bytes = EMPTY_BYTES;
    this.skippedBytes += this.end;
    this.end = 0;
  }

  #keepTail(from: Uint8Array, end: number): boolean {
    if (this.bytes.length !== 2 * TAIL_BYTES) this.#resize(2 * TAIL_BYTES, 0);
    const wantedBytes = Math.min(end, TAIL_BYTES);
    const keptBytes = Math.min(wantedBytes, this.bytes.length);
    copyBytes(from, end - keptBytes, end, this.bytes, 0);
    this.skippedBytes += end - keptBytes;
    this.end = keptBytes;
    return keptBytes === wantedBytes;
  }

  #reserve(neededBytes: number): boolean {
    if (neededBytes <= this.bytes.length) return true;
    return this.#resize(Math.max(neededBytes, Math.min(this.bytes.length * 2, WHOLE_BYTES), 512), this.end);
  }

  #resize(lengthBytes: number, usedBytes: number): boolean {
    const change = lengthBytes - this.bytes.length;
    if (change > 0 && this.#memory.usedBytes + change > this.#memory.limitBytes) return false;
    const resized = new Uint8Array(lengthBytes);
    copyBytes(this.bytes, 0, usedBytes, resized, 0);
    this.#memory.usedBytes += change;
    this.bytes = resized;
    return true;
  }
}
