import { CR, DOT, LF } from '../../base/ascii.ts';
import { u8 } from '../../base/bytes.ts';
import type { SmtpEvent } from './events.ts';
import { MimeReader } from './mime-reader.ts';

/** A line of a mail is handed on in pieces of at most this. Longer than any boundary with its hyphens. */
const MAX_PIECE_BYTES = 4096;

/** What came before the byte in hand. */
const AFTER = { text: 0, crlf: 1, lf: 2, cr: 3, dot: 4, dotCr: 5 } as const;

/**
 * The content of a mail behind DATA, up to its end (RFC 5321 §4.1.1.4), or of BDAT chunks. Servers disagree about which
 * line ends around a lone dot end a mail: whoever uses others than CR LF wants them to. Such an end counts where a line
 * feed closes it, as in Suricata, and is told of in any case.
 */
export class ContentReader {
  readonly mime: MimeReader;
  isOver = false;
  readonly #raise: (event: SmtpEvent) => void;
  readonly #piece = new Uint8Array(MAX_PIECE_BYTES);
  #pieceBytes = 0;
  #isLineBegun = false;
  #after: number = AFTER.crlf;
  /** What came before the dot. */
  #beforeDot: number = AFTER.crlf;
  /** A CR that may be part of a line's end. */
  #hasCr = false;

  constructor(raise: (event: SmtpEvent) => void) {
    this.#raise = raise;
    this.mime = new MimeReader(raise);
  }

  /** Returns where the mail ends, or `end`. */
  readData(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && !this.isOver) this.#dataByte(u8(bytes, at++));
    return at;
  }

  /** Without dots that mean anything. */
  readChunk(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end; at++) this.#put(u8(bytes, at));
  }

  /** The last chunk is over, or nothing more comes. */
  finish(): void {
    if (this.isOver) return;
    this.isOver = true;
    if (this.#hasCr) this.#append(CR);
    if (this.#pieceBytes > 0 || this.#isLineBegun) this.#flush(true, 0);
    this.mime.end();
  }

  #dataByte(byte: number): void {
    const after = this.#after;
    if (after === AFTER.text && byte !== CR && byte !== LF) {
      this.#put(byte);
      return;
    }
    if (after === AFTER.dotCr) {
      if (byte === LF) this.#endAtDot(AFTER.crlf);
      else {
        this.#raise('smtp.end_of_data_ambiguous');
        this.#put(DOT);
        this.#put(CR);
        this.#after = AFTER.cr;
        this.#dataByte(byte);
      }
      return;
    }
    if (after === AFTER.dot) {
      if (byte === CR) this.#after = AFTER.dotCr;
      else if (byte === LF) this.#endAtDot(AFTER.lf);
      else {
        // Transparency, RFC 5321 §4.5.2: a dot at the beginning of a line was added.
        if (this.#beforeDot === AFTER.cr) this.#put(DOT);
        this.#after = AFTER.text;
        this.#put(byte);
      }
      return;
    }
    if (byte === DOT && after !== AFTER.text) {
      this.#beforeDot = after;
      this.#after = AFTER.dot;
      return;
    }
    if (byte === CR) this.#after = AFTER.cr;
    else if (byte === LF) this.#after = after === AFTER.cr ? AFTER.crlf : AFTER.lf;
    else this.#after = AFTER.text;
    this.#put(byte);
  }

  #endAtDot(lineEnd: number): void {
    const before = this.#beforeDot;
    if (before !== AFTER.crlf || lineEnd !== AFTER.crlf) this.#raise('smtp.end_of_data_ambiguous');
    if (before === AFTER.cr) {
      this.#put(DOT);
      if (lineEnd === AFTER.crlf) this.#put(CR);
      this.#put(LF);
      this.#after = lineEnd;
      return;
    }
    this.finish();
  }

  #put(byte: number): void {
    if (byte === LF) {
      this.#flush(true, this.#hasCr ? 2 : 1);
      this.#hasCr = false;
      return;
    }
    if (this.#hasCr) this.#append(CR);
    this.#hasCr = byte === CR;
    if (!this.#hasCr) this.#append(byte);
  }

  #append(byte: number): void {
    if (this.#pieceBytes === MAX_PIECE_BYTES) this.#flush(false, 0);
    this.#piece[this.#pieceBytes++] = byte;
  }

  #flush(isWhole: boolean, endingBytes: number): void {
    if (this.#isLineBegun) this.mime.more(this.#piece, 0, this.#pieceBytes, isWhole, endingBytes);
    else this.mime.line(this.#piece, 0, this.#pieceBytes, isWhole, endingBytes);
    this.#pieceBytes = 0;
    this.#isLineBegun = !isWhole;
  }
}
