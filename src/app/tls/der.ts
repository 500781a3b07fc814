import { u8 } from '../../base/bytes.ts';

/** Universal tags of ITU-T X.690, with the bit for a constructed value where they have one. */
export const DER = {
  integer: 0x02,
  oid: 0x06,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  t61String: 0x14,
  videotexString: 0x15,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  graphicString: 0x19,
  visibleString: 0x1a,
  generalString: 0x1b,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Lengths of more bytes than this cannot be those of anything that fits into a handshake message. */
const MAX_LENGTH_BYTES = 4;

/**
 * A cursor over the elements of one DER value. After `next` returned true, `tag` and the value's place are those of the
 * element; a length beyond the end, an indefinite one or a tag of several bytes end the reading. Bytes are borrowed.
 */
export class DerReader {
  readonly bytes: Uint8Array;
  readonly #end: number;
  #at: number;
  tag = 0;
  valueStart = 0;
  valueEnd = 0;
  /** The last element is cut within its tag and length. */
  isCut = false;
  /** The last element says that it goes on behind the end. */
  isTooLong = false;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  next(): boolean {
    const { bytes } = this;
    let at = this.#at;
    this.isCut = this.#end - at < 2;
    this.isTooLong = false;
    if (this.isCut) return false;
    const tag = u8(bytes, at++);
    if ((tag & 0x1f) === 0x1f) return false;
    let length = u8(bytes, at++);
    if (length >= 0x80) {
      let count = length & 0x7f;
      this.isCut = count > this.#end - at;
      if (count === 0 || count > MAX_LENGTH_BYTES || this.isCut) return false;
      for (length = 0; count > 0; count--) length = length * 256 + u8(bytes, at++);
    }
    this.isTooLong = length > this.#end - at;
    if (this.isTooLong) return false;
    this.tag = tag;
    this.valueStart = at;
    this.valueEnd = at + length;
    this.#at = this.valueEnd;
    return true;
  }

  /** The next element, if it has this tag; else nothing is read further. */
  expect(tag: number): boolean {
    const before = this.#at;
    if (this.next() && this.tag === tag) return true;
    this.#at = before;
    return false;
  }

  /** What is in the current element. */
  inside(): DerReader {
    return new DerReader(this.bytes, this.valueStart, this.valueEnd);
  }

  get value(): Uint8Array {
    return this.bytes.subarray(this.valueStart, this.valueEnd);
  }
}
