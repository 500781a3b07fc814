import { EMPTY_BYTES } from '../base/bytes.ts';

/** Bytes that only grow, up to a limit. What was read from it stays at its place. */
export class ByteBuffer {
  bytes: Uint8Array = EMPTY_BYTES;
  length = 0;
  /** Bytes behind the limit were dropped. */
  isCut = false;
  readonly limitBytes: number;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get isFull(): boolean {
    return this.length >= this.limitBytes;
  }

  /** Makes room for so many bytes more. The caller keeps to the limit. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    // Doubling keeps the copying linear; the declared length of a body is not trusted with memory.
    const grown = new Uint8Array(Math.max(needed, Math.min(this.limitBytes, this.bytes.length * 2)));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
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
