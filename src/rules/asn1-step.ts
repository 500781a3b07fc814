import { u8 } from '../base/bytes.ts';
import type { Inspected, Step } from './rule.ts';

/** What makes an object of ASN.1 suspicious; one of them is enough. */
export interface Asn1Checks {
  /** Longer than so many bytes; null: not asked for. */
  readonly oversizeBytes: number | null;
  /** A bit string that has fewer bits than it says are unused. */
  readonly bitstringOverflow: boolean;
  /** A number in characters, longer than the 256 bytes that Microsoft's library had for it. */
  readonly doubleOverflow: boolean;
}

/** Suricata's default of `asn1-max-frames`: how many objects in a row, and how deep in each other. */
const MAX_FRAMES = 256;
/** All that are looked at from one place on, so that a rule that tries many places stays cheap. Ours. */
const MAX_OBJECTS = 1024;
const DOUBLE_BYTES = 256;

// ITU-T X.690 §8.1
const IS_CONSTRUCTED = 0x20;
const TAG_BITS = 0x1f;
const CLASS_BITS = 0xc0;
const IS_LONG = 0x80;
const INDEFINITE = 0x80;
const BIT_STRING = 3;
const REAL = 9;
/** Longer lengths than this many bytes are none. */
const MAX_LENGTH_BYTES = 8;
/** Longer tags than this many bytes behind the first are none: real ones have up to four. Ours. */
const MAX_TAG_BYTES = 8;

/** `asn1`: objects encoded by BER begin here, one of which is suspicious. Those count that are there as a whole. */
export class Asn1Step implements Step {
  readonly matchStart = -1;
  readonly isRelative: boolean;
  readonly needsEnd = false;
  readonly #checks: Asn1Checks;
  readonly #offset: number;
  // Of the objects in hand.
  #bytes: Uint8Array = new Uint8Array(0);
  #isSuspicious = false;
  #objects = 0;

  constructor(checks: Asn1Checks, offset: number, isRelative: boolean) {
    this.#checks = checks;
    this.#offset = offset;
    this.isRelative = isRelative;
  }

  find(input: Inspected, cursor: number): number {
    let at = (this.isRelative ? cursor : input.start - input.skippedBytes) + this.#offset;
    if (at < input.start) return -1;
    this.#bytes = input.bytes;
    this.#objects = 0;
    for (let frames = 0; at < input.end && frames < MAX_FRAMES; frames++) {
      this.#isSuspicious = false;
      at = this.#readObject(at, input.end, MAX_FRAMES);
      if (at < 0) return -1;
      if (this.#isSuspicious) return cursor;
    }
    return -1;
  }

  /** Returns where it ends; -1: it is not there as a whole, or is none. */
  #readObject(start: number, end: number, depth: number): number {
    const bytes = this.#bytes;
    if (depth === 0 || start >= end || this.#objects++ === MAX_OBJECTS) return -1;
    const first = u8(bytes, start);
    let at = start + 1;
    const tag = first & TAG_BITS;
    // A tag in more bytes: each but the last has its top bit set.
    if (tag === TAG_BITS) {
      const tagEnd = Math.min(end, at + MAX_TAG_BYTES);
      while (at < tagEnd && (u8(bytes, at) & IS_LONG) !== 0) at++;
      if (at === tagEnd) return -1;
      at++;
    }
    if (at >= end) return -1;
    const isConstructed = (first & IS_CONSTRUCTED) !== 0;
    const form = u8(bytes, at++);
    if (form === INDEFINITE) return isConstructed ? this.#readUntilMark(at, end, depth) : -1;
    let length = form;
    if ((form & IS_LONG) !== 0) {
      const count = form - IS_LONG;
      if (count > MAX_LENGTH_BYTES || at + count > end) return -1;
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + u8(bytes, at++);
    }
    const objectEnd = at + length;
    if (objectEnd > end) return -1;
    this.#check(first, tag, at, length);
    if (!isConstructed) return objectEnd;
    while (at < objectEnd) {
      at = this.#readObject(at, objectEnd, depth - 1);
      if (at < 0) return -1;
    }
    return objectEnd;
  }

  /** Objects within one of indefinite length, up to its two zeros. */
  #readUntilMark(start: number, end: number, depth: number): number {
    const bytes = this.#bytes;
    let at = start;
    while (at + 1 < end) {
      if (u8(bytes, at) === 0 && u8(bytes, at + 1) === 0) return at + 2;
      at = this.#readObject(at, end, depth - 1);
      if (at < 0) return -1;
    }
    return -1;
  }

  #check(first: number, tag: number, at: number, length: number): void {
    const { oversizeBytes, bitstringOverflow, doubleOverflow } = this.#checks;
    if (oversizeBytes !== null && length > oversizeBytes) this.#isSuspicious = true;
    if ((first & (CLASS_BITS | IS_CONSTRUCTED)) !== 0 || length === 0) return;
    const value = u8(this.#bytes, at);
    if (bitstringOverflow && tag === BIT_STRING && value > length * 8) this.#isSuspicious = true;
    if (doubleOverflow && tag === REAL && (value & CLASS_BITS) === 0 && length > DOUBLE_BYTES)
      this.#isSuspicious = true;
  }
}
