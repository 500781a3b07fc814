import { u8, u16 } from '../../base/bytes.ts';

/** What becomes of a record's content. */
export const CONTENT = { skip: 0, handshake: 1, heartbeat: 2, stop: 3 } as const;
export type Content = (typeof CONTENT)[keyof typeof CONTENT];

/** Told of one direction's records, in order. */
export interface RecordHandler {
  /** A record begins, its header at `at` of the bytes at work. `stop`: nothing behind it is read. */
  onRecord(type: number, version: number, bytes: number, at: number): Content;
  /** Content of a record that was asked for, as it arrives; `offset` is within the record. */
  onContent(content: Content, bytes: Uint8Array, start: number, end: number, offset: number): void;
  /**
   * The first message is in the form of SSLv2: its beginning, at most SSL2_PREFIX_BYTES, and its length. `stop` unless
   * records follow.
   */
  onSsl2Message(prefix: Uint8Array, messageBytes: number): Content;
}

export const HEADER_BYTES = 5;
const SSL2_HEADER_BYTES = 2;
/** What an SSLv2 client hello has before its lists: type, version, three lengths. */
export const SSL2_PREFIX_BYTES = 9;

/** Finds the records in one direction of a connection (RFC 8446 §5.1), whatever pieces the bytes come in. */
export class RecordReader {
  isStopped = false;
  readonly #handler: RecordHandler;
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  #content: Content = CONTENT.skip;
  #recordBytes = 0;
  #remainingBytes = 0;
  #isFirst = true;
  /** The beginning of an SSLv2 message, while it is read. */
  #ssl2: Uint8Array | null = null;
  #ssl2Bytes = 0;

  constructor(handler: RecordHandler) {
    this.#handler = handler;
  }

  consume(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end && !this.isStopped) {
      if (this.#remainingBytes > 0) at = this.#readContent(bytes, at, end);
      else if (this.#isFirst && this.#headerBytes === 0 && u8(bytes, at) >= 0x80) this.#beginSsl2();
      else if (this.#ssl2 !== null) at = this.#readSsl2Header(bytes, at);
      else at = this.#readHeader(bytes, at, end);
    }
  }

  /** Bytes that nobody saw. What is lost within a record that nobody wants costs nothing. */
  gap(missingBytes: number): void {
    if (this.#content === CONTENT.skip && this.#ssl2 === null && missingBytes <= this.#remainingBytes) {
      this.#remainingBytes -= missingBytes;
    } else this.isStopped = true;
  }

  #readHeader(bytes: Uint8Array, start: number, end: number): number {
    this.#isFirst = false;
    if (this.#headerBytes === 0 && end - start >= HEADER_BYTES) {
      this.#begin(u8(bytes, start), u16(bytes, start + 1), u16(bytes, start + 3), start);
      return start + HEADER_BYTES;
    }
    this.#header[this.#headerBytes++] = u8(bytes, start);
    if (this.#headerBytes === HEADER_BYTES) {
      this.#headerBytes = 0;
      this.#begin(u8(this.#header, 0), u16(this.#header, 1), u16(this.#header, 3), start + 1 - HEADER_BYTES);
    }
    return start + 1;
  }

  #begin(type: number, version: number, length: number, at: number): void {
    this.#recordBytes = length;
    this.#remainingBytes = length;
    this.#content = this.#handler.onRecord(type, version, length, at);
    if (this.#content === CONTENT.stop) this.isStopped = true;
  }

  #readContent(bytes: Uint8Array, start: number, end: number): number {
    const pieceEnd = Math.min(end, start + this.#remainingBytes);
    const offset = this.#recordBytes - this.#remainingBytes;
    this.#remainingBytes -= pieceEnd - start;
    if (this.#ssl2 !== null) this.#readSsl2(bytes, start, pieceEnd);
    else if (this.#content !== CONTENT.skip) this.#handler.onContent(this.#content, bytes, start, pieceEnd, offset);
    return pieceEnd;
  }

  #beginSsl2(): void {
    this.#isFirst = false;
    this.#ssl2 = new Uint8Array(SSL2_PREFIX_BYTES);
  }

  #readSsl2Header(bytes: Uint8Array, start: number): number {
    this.#header[this.#headerBytes++] = u8(bytes, start);
    if (this.#headerBytes === SSL2_HEADER_BYTES) {
      this.#headerBytes = 0;
      this.#recordBytes = u16(this.#header, 0) & 0x7fff;
      this.#remainingBytes = this.#recordBytes;
      if (this.#recordBytes === 0) this.#endSsl2();
    }
    return start + 1;
  }

  #readSsl2(bytes: Uint8Array, start: number, end: number): void {
    const wanted = Math.min(SSL2_PREFIX_BYTES, this.#recordBytes);
    for (let at = start; at < end && this.#ssl2Bytes < wanted; at++) this.#ssl2![this.#ssl2Bytes++] = u8(bytes, at);
    if (this.#ssl2Bytes === wanted) this.#endSsl2();
  }

  #endSsl2(): void {
    const prefix = this.#ssl2!.subarray(0, this.#ssl2Bytes);
    this.#ssl2 = null;
    this.#content = CONTENT.skip;
    if (this.#handler.onSsl2Message(prefix, this.#recordBytes) === CONTENT.stop) this.isStopped = true;
  }
}
