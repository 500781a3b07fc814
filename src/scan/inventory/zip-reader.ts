import { Readable } from 'node:stream';
import { RandomAccessReader } from 'yauzl';

/** One read of the disk for some thousand entries of a central directory. */
const WINDOW_BYTES = 256 * 1024;
const STREAM_BYTES = 64 * 1024;

/** Reads an archive through a window, since its directory is asked for in pieces of 46 bytes. */
export class FileReader extends RandomAccessReader {
  readonly #readAt: (buffer: Buffer, position: number) => number;
  readonly #window = Buffer.alloc(WINDOW_BYTES);
  #windowStart = 0;
  #windowBytes = 0;

  /** `readAt` fills the buffer with what is at a position, and says with how much. */
  constructor(readAt: (buffer: Buffer, position: number) => number) {
    super();
    this.#readAt = readAt;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    let error: Error | null = null;
    try {
      if (length > WINDOW_BYTES) this.#fill(buffer.subarray(offset, offset + length), position);
      else this.#bytesAt(position, length).copy(buffer, offset);
    } catch (thrown) {
      error = thrown instanceof Error ? thrown : new Error(String(thrown));
    }
    process.nextTick(callback, error);
  }

  override _readStreamForRange(start: number, end: number): Readable {
    let at = start;
    const fill = (into: Buffer, position: number): void => this.#fill(into, position);
    return new Readable({
      read(): void {
        const part = Buffer.alloc(Math.min(STREAM_BYTES, end - at));
        try {
          fill(part, at);
        } catch (error) {
          this.destroy(error instanceof Error ? error : new Error(String(error)));
          return;
        }
        at += part.length;
        this.push(part.length === 0 ? null : part);
      },
    });
  }

  #bytesAt(position: number, length: number): Buffer {
    const isInside = position >= this.#windowStart && position + length <= this.#windowStart + this.#windowBytes;
    if (!isInside) {
      this.#windowBytes = this.#readAt(this.#window, position);
      this.#windowStart = position;
      if (this.#windowBytes < length) throw new RangeError('the archive ends early');
    }
    const at = position - this.#windowStart;
    return this.#window.subarray(at, at + length);
  }

  #fill(buffer: Buffer, position: number): void {
    if (this.#readAt(buffer, position) < buffer.length) throw new RangeError('the archive ends early');
  }
}
