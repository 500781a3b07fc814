import { copyBytes, EMPTY_BYTES } from '../../base/bytes.ts';
import type { FieldList } from './field-list.ts';
import { HeaderTable } from './header-table.ts';
import {
  CODE_COUNTS,
  CODE_SYMBOLS,
  END_OF_STRING,
  MAX_CODE_BITS,
  STATIC_COUNT,
  STATIC_NAMES,
  STATIC_VALUES,
} from './hpack-tables.ts';

/** RFC 9113 §6.5.2: what an encoder may use before its peer has said something else. */
const DEFAULT_TABLE_BYTES = 4096;
/** Suricata's limit for a dynamic table. Peers that allow more are rare, encoders that use it rarer. */
const MAX_TABLE_BYTES = 65_536;

/** Of one block; RFC 7541 §4.2 knows of two at most. Further ones are followed, and not told. */
const MAX_SIZE_UPDATES = 4;

/** Why a header block could not be decoded. What comes later in this direction cannot be decoded either. */
export type HpackFault =
  | 'http2.invalid_header'
  | 'http2.header_integer_overflow'
  | 'http2.extra_header_data'
  | 'http2.header_table_too_large';

/** Decodes the header blocks of one direction: RFC 7541. */
export class HpackDecoder {
  /** What the receiver of the blocks allows for the table; the most that it ever did. */
  allowedTableBytes = DEFAULT_TABLE_BYTES;
  /** Of the last block: the first sizes that it set for the table. */
  readonly sizeUpdates: number[] = [];
  readonly #table = new HeaderTable(DEFAULT_TABLE_BYTES);
  #input: Uint8Array = EMPTY_BYTES;
  #at = 0;
  #end = 0;
  #fault: HpackFault | null = null;

  /** Memory that the table takes. */
  get heldBytes(): number {
    return this.#table.bytes.length;
  }

  /** Adds the fields of a whole block. Work is linear in its bytes and in what `fields` keeps. */
  decode(bytes: Uint8Array, start: number, end: number, fields: FieldList): HpackFault | null {
    this.#input = bytes;
    this.#at = start;
    this.#end = end;
    this.#fault = null;
    this.sizeUpdates.length = 0;
    let hasField = false;
    while (this.#at < end && this.#fault === null) {
      const first = bytes[this.#at]!;
      if (first >= 0x80) this.#readIndexed(fields);
      else if (first >= 0x40) this.#readLiteral(6, true, fields);
      else if (first >= 0x20) {
        // RFC 7541 §4.2: only where a block begins.
        if (hasField) this.#fail('http2.invalid_header');
        else this.#resize();
        continue;
      } else this.#readLiteral(4, false, fields);
      hasField = true;
    }
    this.#input = EMPTY_BYTES;
    return this.#fault;
  }

  #readIndexed(fields: FieldList): void {
    const index = this.#integer(7);
    if (index < 0) return;
    if (index === 0 || index > STATIC_COUNT + this.#table.count) {
      this.#fail('http2.invalid_header');
      return;
    }
    if (index <= STATIC_COUNT) {
      const name = STATIC_NAMES[index - 1]!;
      const value = STATIC_VALUES[index - 1]!;
      fields.add(name, 0, name.length, value, 0, value.length);
      return;
    }
    const table = this.#table;
    const entry = index - STATIC_COUNT - 1;
    const nameEnd = table.nameEnd(entry);
    fields.add(table.bytes, table.nameStart(entry), nameEnd, table.bytes, nameEnd, table.valueEnd(entry));
  }

  /** Name and value are put together first, since the table may forget the entry that has the name. */
  #readLiteral(indexBits: number, isKept: boolean, fields: FieldList): void {
    const index = this.#integer(indexBits);
    if (index < 0) return;
    let nameEnd: number;
    if (index === 0) nameEnd = this.#string(0);
    else if (index <= STATIC_COUNT) {
      const name = STATIC_NAMES[index - 1]!;
      makeRoom(name.length);
      scratch.set(name);
      nameEnd = name.length;
    } else if (index > STATIC_COUNT + this.#table.count) {
      this.#fail('http2.invalid_header');
      return;
    } else {
      const table = this.#table;
      const start = table.nameStart(index - STATIC_COUNT - 1);
      nameEnd = table.nameEnd(index - STATIC_COUNT - 1) - start;
      makeRoom(nameEnd);
      copyBytes(table.bytes, start, start + nameEnd, scratch, 0);
    }
    if (nameEnd < 0) return;
    const valueEnd = this.#string(nameEnd);
    if (valueEnd < 0) return;
    fields.add(scratch, 0, nameEnd, scratch, nameEnd, valueEnd);
    if (isKept) this.#table.add(scratch, 0, nameEnd, valueEnd);
  }

  #resize(): void {
    const size = this.#integer(5);
    if (size < 0) return;
    if (this.sizeUpdates.length < MAX_SIZE_UPDATES) this.sizeUpdates.push(size);
    if (size > this.allowedTableBytes) this.#fail('http2.invalid_header');
    else if (size > MAX_TABLE_BYTES) this.#fail('http2.header_table_too_large');
    else this.#table.resize(size);
  }

  /** RFC 7541 §5.1; -1 where it can't be read. */
  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.#input[this.#at++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      if (this.#at >= this.#end) return this.#fail('http2.extra_header_data');
      const byte = this.#input[this.#at++]!;
      value += (byte & 0x7f) * 2 ** shift;
      if (value > MAX_INTEGER || shift > MAX_INTEGER_SHIFT) return this.#fail('http2.header_integer_overflow');
      if (byte < 0x80) return value;
    }
  }

  /** RFC 7541 §5.2: writes a string to `scratch` from `to` on. Returns where it ends there, or -1. */
  #string(to: number): number {
    if (this.#at >= this.#end) return this.#fail('http2.extra_header_data');
    const isCoded = this.#input[this.#at]! >= 0x80;
    const length = this.#integer(7);
    if (length < 0) return -1;
    if (length > this.#end - this.#at) return this.#fail('http2.extra_header_data');
    const start = this.#at;
    this.#at += length;
    // The shortest code has five bits.
    makeRoom(to + (isCoded ? Math.ceil((length * 8) / 5) : length));
    if (isCoded) return this.#decodeHuffman(start, this.#at, to);
    copyBytes(this.#input, start, this.#at, scratch, to);
    return to + length;
  }

  /** Codes of one length are consecutive numbers, so that counting finds their symbols. */
  #decodeHuffman(start: number, end: number, to: number): number {
    const input = this.#input;
    let out = to;
    let code = 0;
    let first = 0;
    let index = 0;
    let bits = 0;
    let isPadding = true;
    for (let at = start; at < end; at++) {
      const byte = input[at]!;
      for (let mask = 0x80; mask !== 0; mask >>= 1) {
        const bit = (byte & mask) === 0 ? 0 : 1;
        if (bit === 0) isPadding = false;
        code = code * 2 + bit;
        first *= 2;
        bits++;
        const count = CODE_COUNTS[bits]!;
        if (code - first >= count) {
          first += count;
          index += count;
          if (bits === MAX_CODE_BITS) return this.#fail('http2.invalid_header');
          continue;
        }
        const symbol = CODE_SYMBOLS[index + code - first]!;
        if (symbol === END_OF_STRING) return this.#fail('http2.invalid_header');
        scratch[out++] = symbol;
        code = 0;
        first = 0;
        index = 0;
        bits = 0;
        isPadding = true;
      }
    }
    // RFC 7541 §5.2: padding is the beginning of the last code, all ones, and shorter than a byte.
    if (bits > MAX_PADDING_BITS || !isPadding) return this.#fail('http2.invalid_header');
    return out;
  }

  #fail(fault: HpackFault): -1 {
    this.#fault = fault;
    return -1;
  }
}

/** No length or index that a block can have is larger. */
const MAX_INTEGER = 2 ** 31 - 1;
/** Five bytes behind the prefix; further ones could only be zeros. */
const MAX_INTEGER_SHIFT = 28;
const MAX_PADDING_BITS = 7;

/** Name and value of the field in hand. A block is bounded, and so is this. */
let scratch: Uint8Array = new Uint8Array(4096);

function makeRoom(bytes: number): void {
  if (bytes <= scratch.length) return;
  const grown = new Uint8Array(2 * bytes);
  grown.set(scratch);
  scratch = grown;
}
