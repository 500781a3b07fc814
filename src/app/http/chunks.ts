import { CR, LF, SEMICOLON, SPACE, TAB } from '../../base/ascii.ts';
import { HEX_VALUE, isSpace } from './chars.ts';
import { MAX_CHUNK_BYTES, MAX_CHUNK_LINE_BYTES } from './options.ts';

/** What is wrong with the framing of a chunked body; a set of bits. */
export const CHUNK_FAULT = {
  /** No size, or one that is too big: the framing is lost. */
  size: 1,
  /** Something before or behind the digits of the size. */
  sizeJunk: 2,
  extension: 4,
  line: 8,
  dataEnd: 16,
} as const;

const KEPT_LINE_BYTES = 64;

export const CHUNK_STATE = { size: 0, rest: 1, data: 2, dataEnd: 3, trailer: 4, broken: 5 } as const;

/**
 * Follows the chunks of one body, RFC 9112 §7.1, over any pieces. As lenient as libhtp about where the next chunk is,
 * so that it sees what lenient servers see; everything that strict ones refuse is a fault.
 */
export class ChunkReader {
  state: number = CHUNK_STATE.size;
  /** In state `data`: bytes of the chunk that are still to come. */
  remainingBytes = 0;
  /** Bits of `CHUNK_FAULT` since the owner cleared them. */
  faults = 0;
  readonly #line = new Uint8Array(KEPT_LINE_BYTES);
  #lineBytes = 0;
  #digits = 0;
  #previous = 0;
  #hasExtension = false;

  reset(): void {
    this.state = CHUNK_STATE.size;
    this.remainingBytes = 0;
    this.faults = 0;
    this.#startLine();
  }

  /**
   * Consumes framing up to a fault, data, the trailer, a broken size or the end of the input. Returns where it stopped.
   */
  advance(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && this.faults === 0) {
      switch (this.state) {
        case CHUNK_STATE.size:
          if (!this.#readSize(bytes[at]!)) return at;
          if (this.#lineBytes < KEPT_LINE_BYTES) this.#line[this.#lineBytes] = bytes[at]!;
          this.#lineBytes++;
          at++;
          break;
        case CHUNK_STATE.rest:
          this.#readRest(bytes[at++]!);
          break;
        case CHUNK_STATE.dataEnd:
          this.#readDataEnd(bytes[at++]!);
          break;
        default:
          return at;
      }
    }
    return at;
  }

  /** In state `broken`: the beginning of the line without a size, which a browser takes for content. */
  get brokenLine(): Uint8Array {
    return this.#line.subarray(0, Math.min(this.#lineBytes, KEPT_LINE_BYTES));
  }

  /** The owner took so many bytes of data. */
  take(count: number): void {
    this.remainingBytes -= count;
    if (this.remainingBytes > 0) return;
    this.state = CHUNK_STATE.dataEnd;
    this.#previous = 0;
    this.#lineBytes = 0;
  }

  #startLine(): void {
    this.#lineBytes = 0;
    this.#digits = 0;
    this.#previous = 0;
    this.#hasExtension = false;
    this.remainingBytes = 0;
  }

  /** False if the framing is lost at this byte. */
  #readSize(byte: number): boolean {
    if (this.#lineBytes >= MAX_CHUNK_LINE_BYTES) return this.#break();
    const digit = HEX_VALUE[byte]!;
    if (digit < 16) {
      this.#digits++;
      this.remainingBytes = this.remainingBytes * 16 + digit;
      return this.remainingBytes <= MAX_CHUNK_BYTES || this.#break();
    }
    if (this.#digits === 0) {
      // White space and empty lines before the size.
      if (!isSpace(byte)) return this.#break();
      this.faults |= CHUNK_FAULT.sizeJunk;
      return true;
    }
    this.state = CHUNK_STATE.rest;
    this.#previous = SPACE;
    if (byte !== SEMICOLON && byte !== SPACE && byte !== TAB && byte !== CR && byte !== LF) {
      this.faults |= CHUNK_FAULT.sizeJunk;
    }
    this.#readRest(byte);
    return true;
  }

  #readRest(byte: number): void {
    const previous = this.#previous;
    this.#previous = byte;
    if (byte === LF) {
      if (previous !== CR) this.faults |= CHUNK_FAULT.line;
      this.state = this.remainingBytes > 0 ? CHUNK_STATE.data : CHUNK_STATE.trailer;
      return;
    }
    if (previous === CR) this.faults |= CHUNK_FAULT.line;
    if (++this.#lineBytes > MAX_CHUNK_LINE_BYTES) {
      this.#break();
      return;
    }
    if (byte === SEMICOLON) this.#hasExtension = true;
    else if (byte === SPACE || byte === TAB || byte === CR) return;
    else if (byte < SPACE || byte === 0x7f) this.faults |= CHUNK_FAULT.line;
    else if (!this.#hasExtension) this.faults |= CHUNK_FAULT.sizeJunk;
    if (this.#hasExtension) this.faults |= CHUNK_FAULT.extension;
  }

  #readDataEnd(byte: number): void {
    const previous = this.#previous;
    this.#previous = byte;
    if (byte !== LF) {
      if (byte !== CR || this.#lineBytes > 0) this.faults |= CHUNK_FAULT.dataEnd;
      this.#lineBytes = 1;
      return;
    }
    if (previous !== CR) this.faults |= CHUNK_FAULT.line;
    this.state = CHUNK_STATE.size;
    this.#startLine();
  }

  #break(): false {
    this.faults |= CHUNK_FAULT.size;
    this.state = CHUNK_STATE.broken;
    return false;
  }
}
