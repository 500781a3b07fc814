import { copyBytes, EMPTY_BYTES } from '../../base/bytes.ts';
import { MAX_FILE_BYTES } from '../files.ts';

/** Pieces of one file that lie behind a hole; as in Suricata. */
const MAX_PIECES = 64;

interface Range {
  readonly start: number;
  readonly end: number;
}

/** A file as it is read or written: in pieces, in any order. Its beginning up to the first hole is shown. */
export class FileContent {
  /** Bytes behind the limit were dropped, or some never came. */
  isCut = false;
  #bytes: Uint8Array = EMPTY_BYTES;
  /** Up to here nothing is missing; may be beyond what is kept. */
  #wholeBytes = 0;
  /** Behind the first hole, sorted, neither touching nor overlapping. */
  #pieces: Range[] = [];
  /** Something came behind a hole since `takeNews`. */
  #hasNews = false;

  /** How much of it came without a hole. */
  get wholeBytes(): number {
    return this.#wholeBytes;
  }

  /** Memory that it takes. */
  get heldBytes(): number {
    return this.#bytes.length;
  }

  /** Behind the limit, only the places of what comes are followed. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, Math.min(this.#wholeBytes, MAX_FILE_BYTES));
  }

  /** Did bytes come behind a hole, that are kept, since it was asked last? */
  takeNews(): boolean {
    const hadNews = this.#hasNews && this.#pieces.length > 0;
    this.#hasNews = false;
    return hadNews;
  }

  /** As it is now, with zeros where the holes are. Shares its bytes with this one: for a look, not to write to. */
  withHoles(): FileContent {
    const look = new FileContent();
    look.#bytes = this.#bytes;
    look.#wholeBytes = this.#pieces.at(-1)?.end ?? this.#wholeBytes;
    look.#reserve(Math.min(look.#wholeBytes, MAX_FILE_BYTES));
    look.isCut = true;
    return look;
  }

  /** Is something else known of this place, as far as it is kept? */
  differs(offset: number, bytes: Uint8Array, start: number, end: number): boolean {
    return this.#known(offset, offset + end - start).some((known) => {
      for (let at = known.start; at < known.end; at++) {
        if (this.#bytes[at] !== bytes[start + at - offset]) return true;
      }
      return false;
    });
  }

  /** Puts these bytes in the place of known ones; where nothing is known, it does nothing. */
  replace(offset: number, bytes: Uint8Array, start: number, end: number): void {
    for (const known of this.#known(offset, offset + end - start)) {
      copyBytes(bytes, start + known.start - offset, start + known.end - offset, this.#bytes, known.start);
    }
  }

  /** Takes a piece for this place. What is known already stays as it is. False: there are too many holes. */
  write(offset: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = Math.max(offset, this.#wholeBytes);
    const to = offset + end - start;
    if (from >= to) return true;
    if (
      from > this.#wholeBytes &&
      this.#pieces.length >= MAX_PIECES &&
      !this.#pieces.some((piece) => piece.end === from)
    ) {
      this.isCut = true;
      return false;
    }
    this.#copy(from, bytes, start + from - offset, end);
    this.#add(from, to);
    return true;
  }

  /** Nothing more comes: holes are shown as zeros, which a new file has there. */
  fillHoles(): void {
    const last = this.#pieces.at(-1);
    if (last === undefined) return;
    this.isCut = true;
    this.#wholeBytes = last.end;
    this.#pieces = [];
    this.#reserve(Math.min(last.end, MAX_FILE_BYTES));
  }

  /** What is kept of `[start, end)`. */
  #known(start: number, end: number): Range[] {
    return [{ start: 0, end: this.#wholeBytes }, ...this.#pieces]
      .map((each) => ({ start: Math.max(each.start, start), end: Math.min(each.end, end, MAX_FILE_BYTES) }))
      .filter((each) => each.start < each.end);
  }

  #copy(offset: number, bytes: Uint8Array, start: number, end: number): void {
    const count = Math.min(end - start, MAX_FILE_BYTES - offset);
    if (count < end - start) this.isCut = true;
    if (count <= 0) return;
    this.#reserve(offset + count);
    let at = offset;
    const to = offset + count;
    // First come, first kept: what a rule has seen does not change.
    for (const piece of this.#pieces) {
      if (piece.start > at)
        copyBytes(bytes, start + at - offset, start + Math.min(piece.start, to) - offset, this.#bytes, at);
      at = Math.max(at, piece.end);
      if (at >= to) return;
    }
    copyBytes(bytes, start + at - offset, start + count, this.#bytes, at);
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.min(MAX_FILE_BYTES, Math.max(length, 2 * this.#bytes.length)));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }

  #add(start: number, end: number): void {
    let merged: Range = { start, end };
    const apart = this.#pieces.filter((piece) => {
      const isApart = piece.end < merged.start || piece.start > merged.end;
      if (!isApart) merged = { start: Math.min(piece.start, merged.start), end: Math.max(piece.end, merged.end) };
      return isApart;
    });
    if (merged.start <= this.#wholeBytes) {
      this.#wholeBytes = Math.max(this.#wholeBytes, merged.end);
      this.#pieces = apart;
    } else {
      this.#pieces = [...apart, merged].sort((a, b) => a.start - b.start);
      this.#hasNews ||= start < MAX_FILE_BYTES;
    }
  }
}
