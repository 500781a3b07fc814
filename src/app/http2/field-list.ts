import { copyBytes, EMPTY_BYTES, fromLatin1 } from '../../base/bytes.ts';

/**
 * The fields of one header block as lines `name: value`, in one piece of memory that is used again for the next block.
 */
export class FieldList {
  bytes: Uint8Array = EMPTY_BYTES;
  length = 0;
  count = 0;
  /** Bytes of names and values, also of those that were left out. */
  decodedBytes = 0;
  /** Fields were left out: they are over the limits. */
  isTooLong = false;
  hasTooMany = false;
  readonly #maxBytes: number;
  readonly #maxFields: number;
  #places = new Int32Array(32 * COLUMNS);

  constructor(maxBytes: number, maxFields: number) {
    this.#maxBytes = maxBytes;
    this.#maxFields = maxFields;
  }

  clear(): void {
    this.length = 0;
    this.count = 0;
    this.decodedBytes = 0;
    this.isTooLong = false;
    this.hasTooMany = false;
    // One large block must not cost memory for the rest of the connection.
    if (this.bytes.length > MAX_SPARE_BYTES) this.bytes = EMPTY_BYTES;
  }

  nameStart(field: number): number {
    return this.#places[field * COLUMNS]!;
  }
  nameEnd(field: number): number {
    return this.#places[field * COLUMNS + 1]!;
  }
  valueStart(field: number): number {
    return this.nameEnd(field) + SEPARATOR_BYTES;
  }
  valueEnd(field: number): number {
    return this.#places[field * COLUMNS + 2]!;
  }

  add(
    name: Uint8Array,
    nameStart: number,
    nameEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
  ): void {
    const nameBytes = nameEnd - nameStart;
    const valueBytes = valueEnd - valueStart;
    this.decodedBytes += nameBytes + valueBytes;
    const lineBytes = nameBytes + valueBytes + SEPARATOR_BYTES + LINE_END_BYTES;
    if (this.isTooLong || this.length + lineBytes > this.#maxBytes) {
      this.isTooLong = true;
      return;
    }
    if (this.count >= this.#maxFields) {
      this.hasTooMany = true;
      return;
    }
    this.#makeRoom(this.length + lineBytes);
    const row = this.count++ * COLUMNS;
    let at = this.length;
    this.#places[row] = at;
    copyBytes(name, nameStart, nameEnd, this.bytes, at);
    at += nameBytes;
    this.#places[row + 1] = at;
    this.bytes[at++] = 0x3a;
    this.bytes[at++] = 0x20;
    copyBytes(value, valueStart, valueEnd, this.bytes, at);
    at += valueBytes;
    this.#places[row + 2] = at;
    this.bytes[at++] = 0x0d;
    this.bytes[at++] = 0x0a;
    this.length = at;
  }

  /** A field of text, of one character per byte. */
  addText(name: string, value: Uint8Array): void {
    this.add(fromLatin1(name), 0, name.length, value, 0, value.length);
  }

  /** Of names in lower case. -1: there is none at or behind `from`. */
  find(name: Uint8Array, from = 0): number {
    for (let field = from; field < this.count; field++) if (this.isNamed(field, name)) return field;
    return -1;
  }

  isNamed(field: number, name: Uint8Array): boolean {
    const start = this.nameStart(field);
    if (this.nameEnd(field) - start !== name.length) return false;
    for (let i = 0; i < name.length; i++) if (this.bytes[start + i] !== name[i]) return false;
    return true;
  }

  #makeRoom(bytes: number): void {
    if (bytes > this.bytes.length) {
      const grown = new Uint8Array(Math.max(FIRST_BYTES, 2 * bytes));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    if ((this.count + 1) * COLUMNS > this.#places.length) {
      const grown = new Int32Array(2 * this.#places.length);
      grown.set(this.#places);
      this.#places = grown;
    }
  }
}

// Columns of a row: where the name begins and ends, and where the value ends.
const COLUMNS = 3;
const SEPARATOR_BYTES = 2;
const LINE_END_BYTES = 2;
const FIRST_BYTES = 512;
/** More is given back behind each block. */
const MAX_SPARE_BYTES = 8192;
