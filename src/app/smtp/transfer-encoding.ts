import { CR, EQUALS_SIGN, LF, SPACE, TAB } from '../../base/ascii.ts';
import type { ByteBuffer } from '../byte-buffer.ts';

/** Undoes a Content-Transfer-Encoding (RFC 2045 §6) piece by piece. */
export interface TransferDecoder {
  /** A piece of a line, without its end. */
  write(bytes: Uint8Array, start: number, end: number): void;
  /** The line is over; `bytes` of its end came. */
  endLine(endingBytes: number): void;
  /** Something was not in the encoding. */
  readonly hasFault: boolean;
}

/** Lines as they are. The end of the last one belongs to the boundary behind it. */
export class IdentityDecoder implements TransferDecoder {
  readonly hasFault = false;
  readonly #out: ByteBuffer;
  #endingBytes = 0;

  constructor(out: ByteBuffer) {
    this.#out = out;
  }

  write(bytes: Uint8Array, start: number, end: number): void {
    this.#flushEnding();
    this.#out.append(bytes, start, end);
  }

  push(byte: number): void {
    if (this.#endingBytes > 0) this.#flushEnding();
    this.#out.push(byte);
  }

  endLine(endingBytes: number): void {
    this.#flushEnding();
    this.#endingBytes = endingBytes;
  }

  #flushEnding(): void {
    if (this.#endingBytes > 1) this.#out.push(CR);
    if (this.#endingBytes > 0) this.#out.push(LF);
    this.#endingBytes = 0;
  }
}

/** RFC 2045 §6.8. What is not in the alphabet is passed over, as mail readers do. */
export class Base64Decoder implements TransferDecoder {
  hasFault = false;
  readonly #out: ByteBuffer;
  #bits = 0;
  #bitCount = 0;

  constructor(out: ByteBuffer) {
    this.#out = out;
  }

  write(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      const value = BASE64[byte]!;
      if (value < 0) {
        // Padding ends a group; encoders that work in blocks begin the next one behind it.
        if (byte === EQUALS_SIGN) this.#bitCount = 0;
        else if (byte !== SPACE && byte !== TAB && byte !== CR) this.hasFault = true;
        continue;
      }
      this.#bits = ((this.#bits << 6) | value) & 0xffff;
      this.#bitCount += 6;
      if (this.#bitCount < 8) continue;
      this.#bitCount -= 8;
      this.#out.push((this.#bits >> this.#bitCount) & 0xff);
    }
  }

  endLine(): void {}
}

/** RFC 2045 §6.7. */
export class QuotedPrintableDecoder implements TransferDecoder {
  hasFault = false;
  readonly #lines: IdentityDecoder;
  /** Behind an equals sign: -1 before the first digit, else its value; null elsewhere. */
  #digit: number | null = null;
  #firstDigit = 0;

  constructor(out: ByteBuffer) {
    this.#lines = new IdentityDecoder(out);
  }

  write(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      if (this.#digit === null) {
        if (byte === EQUALS_SIGN) this.#digit = -1;
        else this.#lines.push(byte);
        continue;
      }
      const value = HEX[byte]!;
      if (value < 0) {
        // White space before a soft line break was added on the way.
        if (this.#digit < 0 && (byte === SPACE || byte === TAB || byte === CR)) continue;
        this.#giveUp();
        this.#lines.push(byte);
      } else if (this.#digit < 0) {
        this.#digit = value;
        this.#firstDigit = byte;
      } else {
        this.#lines.push(this.#digit * 16 + value);
        this.#digit = null;
      }
    }
  }

  endLine(endingBytes: number): void {
    if (this.#digit === -1) {
      this.#digit = null;
      return;
    }
    if (this.#digit !== null) this.#giveUp();
    this.#lines.endLine(endingBytes);
  }

  /** It was no escape: what came of it is itself. */
  #giveUp(): void {
    this.hasFault = true;
    this.#lines.push(EQUALS_SIGN);
    if (this.#digit! >= 0) this.#lines.push(this.#firstDigit);
    this.#digit = null;
  }
}

const BASE64 = new Int8Array(256).fill(-1);
for (const [value, character] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries()) {
  BASE64[character.charCodeAt(0)] = value;
}
const HEX = new Int8Array(256).fill(-1);
for (const [value, character] of [...'0123456789abcdef'].entries()) {
  HEX[character.charCodeAt(0)] = value;
  HEX[character.toUpperCase().charCodeAt(0)] = value;
}
