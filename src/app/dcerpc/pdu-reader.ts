import { copyBytes } from '../../base/bytes.ts';
import { HEADER_BYTES, looksLikeHeader, type PduHeader, readHeader } from './pdu.ts';

/** Who gets the fragments. */
export interface PduListener {
  /** Borrowed for the call; the header is at `start`. */
  onPdu(header: PduHeader, bytes: Uint8Array, start: number, end: number): void;
  /** What came is no fragment; nothing is read until `reset`. */
  onBroken(): void;
}

/** Puts the fragments of one direction together, whatever the pieces. A fragment has at most 64 KiB. */
export class PduReader {
  readonly #listener: PduListener;
  /** What is there of the fragment in hand. */
  #kept = new Uint8Array(HEADER_BYTES);
  #keptBytes = 0;
  #header: PduHeader | null = null;
  /** Behind a gap: bytes of a fragment that was lost. */
  #skippedBytes = 0;
  #isBroken = false;
  /** Behind a gap: a place is looked for where a fragment begins. */
  #isLost = false;

  constructor(listener: PduListener) {
    this.#listener = listener;
  }

  consume(bytes: Uint8Array, start: number, end: number): void {
    let at = start + Math.min(this.#skippedBytes, end - start);
    this.#skippedBytes -= at - start;
    while (at < end && !this.#isBroken)
      at = this.#header === null ? this.#readHeader(bytes, at, end) : this.#fill(bytes, at, end);
  }

  /** Missing bytes of a fragment cost that fragment; more than that, the place is looked for where the next begins. */
  gap(missingBytes: number): void {
    const left = this.#skippedBytes + (this.#header === null ? 0 : this.#header.fragmentBytes - this.#keptBytes);
    this.#skippedBytes = Math.max(0, left - missingBytes);
    this.#isLost ||= left < missingBytes || (this.#header === null && this.#keptBytes > 0);
    this.#forget();
  }

  /** A new message begins. */
  reset(): void {
    this.#isBroken = false;
    this.#isLost = false;
    this.#skippedBytes = 0;
    this.#forget();
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  #forget(): void {
    this.#header = null;
    this.#keptBytes = 0;
  }

  #readHeader(bytes: Uint8Array, start: number, end: number): number {
    const isInPlace = this.#keptBytes === 0 && end - start >= HEADER_BYTES;
    let at = start;
    if (!isInPlace) {
      at += this.#keep(bytes, start, end, HEADER_BYTES);
      if (this.#keptBytes < HEADER_BYTES) return at;
    }
    const [from, headerAt] = isInPlace ? [bytes, start] : [this.#kept, 0];
    const header = readHeader(from, headerAt);
    if (header === null || (this.#isLost && !looksLikeHeader(from, headerAt))) return this.#reject(isInPlace, at);
    this.#isLost = false;
    if (isInPlace && end - start >= header.fragmentBytes) {
      this.#listener.onPdu(header, bytes, start, start + header.fragmentBytes);
      return start + header.fragmentBytes;
    }
    this.#header = header;
    return this.#fill(bytes, at, end);
  }

  /** Behind a gap, the next byte may be the first of a fragment. */
  #reject(isInPlace: boolean, at: number): number {
    if (!this.#isLost) {
      this.#isBroken = true;
      this.#listener.onBroken();
      return at;
    }
    if (isInPlace) return at + 1;
    this.#kept.copyWithin(0, 1, HEADER_BYTES);
    this.#keptBytes--;
    return at;
  }

  #fill(bytes: Uint8Array, start: number, end: number): number {
    const header = this.#header!;
    const at = start + this.#keep(bytes, start, end, header.fragmentBytes);
    if (this.#keptBytes < header.fragmentBytes) return at;
    const kept = this.#kept;
    this.#forget();
    this.#kept = new Uint8Array(HEADER_BYTES);
    this.#listener.onPdu(header, kept, 0, header.fragmentBytes);
    return at;
  }

  #keep(bytes: Uint8Array, start: number, end: number, wantedBytes: number): number {
    const count = Math.min(end - start, wantedBytes - this.#keptBytes);
    const needed = this.#keptBytes + count;
    if (needed > this.#kept.length) {
      // What a length announces is not trusted with memory.
      const grown = new Uint8Array(Math.min(wantedBytes, 2 * needed));
      grown.set(this.#kept.subarray(0, this.#keptBytes));
      this.#kept = grown;
    }
    copyBytes(bytes, start, start + count, this.#kept, this.#keptBytes);
    this.#keptBytes += count;
    return count;
  }
}
