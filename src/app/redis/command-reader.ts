import { ASTERISK, CR, DIGIT_0, DOLLAR, HYPHEN, LF } from '../../base/ascii.ts';
import { ByteBuffer } from '../byte-buffer.ts';
import { splitLine } from './typed-line.ts';

/** Bytes of one command that rules see; ours. Of what is longer the rest is counted, and no script may be. */
const MAX_COMMAND_BYTES = 256 * 1024;
/** Arguments of one command that rules see; ours. */
const MAX_ARGUMENTS = 1024;
/** Redis' limit of a line (PROTO_INLINE_MAX_SIZE). */
const MAX_LINE_BYTES = 64 * 1024;
/** Beyond any configuration (proto-max-bulk-len is 512 MiB unless set). */
const MAX_STRING_BYTES = 2 ** 40;
/** Redis counts arguments in 31 bits. */
const MAX_COUNT = 2 ** 31 - 1;
/** A number of 64 bits with its sign. */
const MAX_NUMBER_BYTES = 20;
/** What is kept of longer commands is given back behind them. */
const SPARE_BYTES = 4096;

const STATE = { start: 0, count: 1, mark: 2, length: 3, content: 4, contentEnd: 5, lineFeed: 6, typed: 7 } as const;

/**
 * Commands in the form that Redis reads them, over any pieces: arrays of strings with their lengths, or typed lines. As
 * in Redis, a line of the framing ends at CR with whatever byte comes behind it, and so do strings.
 */
export class CommandReader {
  /** A command is whole: its arguments are there until the next `read`. */
  hasCommand = false;
  /** The framing is lost for good. */
  isBroken = false;
  /** All of them, also those that are not kept. */
  argumentCount = 0;
  /** More came than is kept. */
  isCut = false;
  #kept = new ByteBuffer(MAX_COMMAND_BYTES);
  /** Ends of the kept arguments; each begins where the one before it ends. */
  readonly #ends: number[] = [];
  #state: number = STATE.start;
  #stateBehindLine: number = STATE.start;
  #expected = 0;
  #remainingBytes = 0;
  #number = 0;
  #numberBytes = 0;
  #isNegative = false;

  /** Memory that takes what is kept of a command. */
  get heldBytes(): number {
    return this.#kept.heldBytes;
  }

  /** Reads up to the end of a command, or of the bytes. Returns where it stopped. */
  read(bytes: Uint8Array, start: number, end: number): number {
    if (this.hasCommand) this.#begin();
    let at = start;
    while (at < end && !this.hasCommand && !this.isBroken) {
      switch (this.#state) {
        case STATE.start:
          if (bytes[at] === ASTERISK) {
            this.#beginNumber(STATE.count);
            at++;
          } else this.#state = STATE.typed;
          break;
        case STATE.mark:
          if (bytes[at++] === DOLLAR) this.#beginNumber(STATE.length);
          else this.isBroken = true;
          break;
        case STATE.count:
        case STATE.length:
          this.#readNumber(bytes[at++]!);
          break;
        case STATE.lineFeed:
          at++;
          this.#endLine();
          break;
        case STATE.content: {
          const count = Math.min(this.#remainingBytes, end - at);
          if (this.#ends.length < MAX_ARGUMENTS) this.#kept.append(bytes, at, at + count);
          at += count;
          this.#takeContent(count);
          break;
        }
        case STATE.contentEnd:
          at++;
          if (--this.#remainingBytes === 0) this.#endArgument();
          break;
        default:
          at = this.#readTyped(bytes, at, end);
      }
    }
    return at;
  }

  /** Bytes that nobody saw. False: it is not known where the next command begins. */
  skip(missingBytes: number): boolean {
    if (this.#state !== STATE.content || missingBytes > this.#remainingBytes) return false;
    this.#takeContent(missingBytes);
    return true;
  }

  /** The n-th of those that are kept, null behind the last one. Borrowed until the next `read`. */
  argument(nth: number): Uint8Array | null {
    const end = this.#ends[nth];
    return end === undefined ? null : this.#kept.bytes.subarray(nth === 0 ? 0 : this.#ends[nth - 1]!, end);
  }

  #begin(): void {
    this.hasCommand = false;
    this.#state = STATE.start;
    this.argumentCount = 0;
    this.isCut = false;
    this.#ends.length = 0;
    if (this.#kept.bytes.length > SPARE_BYTES) this.#kept = new ByteBuffer(MAX_COMMAND_BYTES);
    this.#kept.length = 0;
    this.#kept.isCut = false;
  }

  #beginNumber(state: number): void {
    this.#state = state;
    this.#number = 0;
    this.#numberBytes = 0;
    this.#isNegative = false;
  }

  /** Plain digits, as Redis wants them: no plus, no zero in front of others. */
  #readNumber(byte: number): void {
    if (byte === CR) {
      if (this.#numberBytes === 0) this.isBroken = true;
      this.#stateBehindLine = this.#state;
      this.#state = STATE.lineFeed;
      return;
    }
    const digit = byte - DIGIT_0;
    const isSign = byte === HYPHEN && this.#numberBytes === 0 && !this.#isNegative;
    const isLeadingZero = this.#numberBytes > 0 && this.#number === 0;
    if (isSign) this.#isNegative = true;
    else if (digit < 0 || digit > 9 || isLeadingZero || ++this.#numberBytes > MAX_NUMBER_BYTES) this.isBroken = true;
    else this.#number = this.#number * 10 + digit;
  }

  #endLine(): void {
    if (this.#stateBehindLine === STATE.count) {
      this.#expected = this.#number;
      if (this.#isNegative || this.#number === 0) this.#state = STATE.start;
      else if (this.#number > MAX_COUNT) this.isBroken = true;
      else this.#state = STATE.mark;
      return;
    }
    if (this.#isNegative || this.#number > MAX_STRING_BYTES) {
      this.isBroken = true;
      return;
    }
    this.#remainingBytes = this.#number;
    this.#state = STATE.content;
    if (this.#number === 0) this.#takeContent(0);
  }

  #takeContent(count: number): void {
    this.#remainingBytes -= count;
    if (this.#remainingBytes > 0) return;
    this.#remainingBytes = CRLF_BYTES;
    this.#state = STATE.contentEnd;
  }

  #endArgument(): void {
    this.argumentCount++;
    if (this.#ends.length < MAX_ARGUMENTS) this.#ends.push(this.#kept.length);
    else this.isCut = true;
    this.isCut ||= this.#kept.isCut;
    if (this.argumentCount === this.#expected) this.hasCommand = true;
    else this.#state = STATE.mark;
  }

  #readTyped(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && bytes[at] !== LF) at++;
    this.#kept.append(bytes, start, at);
    if (this.#kept.length > MAX_LINE_BYTES) this.isBroken = true;
    if (at === end) return at;
    const parts = splitLine(this.#kept.view());
    if (parts === null) {
      this.isBroken = true;
      return at + 1;
    }
    this.#begin();
    for (const part of parts) {
      this.#kept.append(part, 0, part.length);
      this.#endArgument();
    }
    this.hasCommand = parts.length > 0;
    this.#state = STATE.start;
    return at + 1;
  }
}

const CRLF_BYTES = 2;
