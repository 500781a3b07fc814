import { CR, LF } from '../base/ascii.ts';
import { u8 } from '../base/bytes.ts';
import { ByteBuffer } from './byte-buffer.ts';

/**
 * Lines of a text protocol, whatever pieces they come in. A line ends at LF, with or without a CR before it. One over
 * the limit is cut there, and its rest is dropped.
 */
export class LineReader {
  /** After `read` found a line: where it is, without its end. Borrowed until the next call. */
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  isCut = false;
  /** Its length with its end, also where it is cut. */
  lineBytes = 0;
  /** Of a line that has begun. */
  pendingBytes = 0;
  readonly #limitBytes: number;
  #kept: ByteBuffer | null = null;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Memory that a line takes which has begun. */
  get heldBytes(): number {
    return this.#kept?.heldBytes ?? 0;
  }

  /** Reads on to the end of a line. Returns where the next one begins, or -1 where this one does not end here. */
  read(bytes: Uint8Array, start: number, end: number): number {
    let pieceEnd = start;
    while (pieceEnd < end && u8(bytes, pieceEnd) !== LF) pieceEnd++;
    const isWhole = pieceEnd < end;
    if (!isWhole || this.#kept !== null) this.#keep(bytes, start, pieceEnd);
    if (!isWhole) return -1;

    const kept = this.#kept;
    const size = this.pendingBytes === 0 ? pieceEnd - start : this.pendingBytes;
    this.isCut = size > this.#limitBytes;
    this.lineBytes = size + 1;
    this.bytes = kept === null ? bytes : kept.bytes;
    this.start = kept === null ? start : 0;
    this.end = this.start + Math.min(size, this.#limitBytes);
    if (!this.isCut && this.end > this.start && u8(this.bytes, this.end - 1) === CR) this.end--;
    this.#kept = null;
    this.pendingBytes = 0;
    return pieceEnd + 1;
  }

  /** Bytes were lost: what has begun is no line. */
  forget(): void {
    this.#kept = null;
    this.pendingBytes = 0;
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    if (start === end) return;
    this.#kept ??= new ByteBuffer(this.#limitBytes);
    this.#kept.append(bytes, start, end);
    this.pendingBytes += end - start;
  }
}
