import { COMMA, CR, LF, SPACE } from '../../base/ascii.ts';
import { EMPTY_BYTES, LOWER_CASE, latin1 } from '../../base/bytes.ts';
import { isBlank } from './chars.ts';
import type { FieldName } from './field-name.ts';

/** The fields of one message as offsets into its bytes. */
export class FieldTable {
  fieldCount = 0;
  /** Fields of one name are shown one by one, as Suricata has it in HTTP/2. */
  keepsRepeats = false;
  #bytes: Uint8Array = EMPTY_BYTES;
  #memory: ArrayBufferLike = EMPTY_BYTES.buffer;
  #fields = new Int32Array(16 * COLUMNS);
  #linkedCount = -1;
  #hasRepeats = false;

  /** Memory that it takes. */
  get heldBytes(): number {
    return this.#bytes.length + this.#fields.byteLength;
  }

  /** How many fields it has room for. */
  get fieldCapacity(): number {
    return this.#fields.length / COLUMNS;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** They begin where their memory begins. */
  set bytes(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#memory = bytes.buffer;
  }

  /** A view of `bytes[start, end)`, in half the time of `subarray`. */
  view(start: number, end: number): Uint8Array {
    return new Uint8Array(this.#memory, start, end - start);
  }

  clearFields(): void {
    this.fieldCount = 0;
    this.#linkedCount = -1;
  }

  nameStart(field: number): number {
    return this.#fields[field * COLUMNS + NAME_START]!;
  }
  nameEnd(field: number): number {
    return this.#fields[field * COLUMNS + NAME_END]!;
  }
  valueStart(field: number): number {
    return this.#fields[field * COLUMNS + VALUE_START]!;
  }
  valueEnd(field: number): number {
    return this.#fields[field * COLUMNS + VALUE_END]!;
  }
  isFolded(field: number): boolean {
    return this.#fields[field * COLUMNS + IS_FOLDED] === 1;
  }

  /** The first field of this name at or behind `from`, -1 without one. */
  find(name: FieldName, from = 0): number {
    const fields = this.#fields;
    for (let field = from; field < this.fieldCount; field++) {
      if (fields[field * COLUMNS + MARK] === name.mark && this.isNamed(field, name)) return field;
    }
    return -1;
  }

  isNamed(field: number, name: FieldName): boolean {
    const row = field * COLUMNS;
    const start = this.#fields[row + NAME_START]!;
    const { bytes } = name;
    if (this.#fields[row + NAME_END]! - start !== bytes.length) return false;
    for (let i = 0; i < bytes.length; i++) if (LOWER_CASE[this.bytes[start + i]!] !== bytes[i]) return false;
    return true;
  }

  /** Whether any name is there twice, so that its values are to be joined. */
  hasRepeats(): boolean {
    if (this.keepsRepeats) return false;
    if (this.#linkedCount !== this.fieldCount) this.#linkRepeats();
    return this.#hasRepeats;
  }

  /** After `hasRepeats`: no field before it has its name. */
  isFirstOfName(field: number): boolean {
    return this.#fields[field * COLUMNS + IS_REPEAT] === 0;
  }

  /** After `hasRepeats`: the next field with the name of this one, -1 without one. */
  nextOfName(field: number): number {
    return this.#fields[field * COLUMNS + NEXT]!;
  }

  #linkRepeats(): void {
    const fields = this.#fields;
    const count = this.fieldCount;
    this.#linkedCount = count;
    this.#hasRepeats = false;
    for (let i = 0; i < count; i++) {
      fields[i * COLUMNS + NEXT] = -1;
      fields[i * COLUMNS + IS_REPEAT] = 0;
    }
    // The table costs more than comparing each with each as long as there are few.
    const lastByName = count > MAX_COMPARED_FIELDS ? new Map<string, number>() : null;
    for (let i = 0; i < count; i++) {
      let before = -1;
      if (lastByName === null) {
        for (let j = i - 1; j >= 0 && before < 0; j--) if (this.#areSameName(i, j)) before = j;
      } else {
        const name = latin1(this.bytes, this.nameStart(i), this.nameEnd(i)).toLowerCase();
        before = lastByName.get(name) ?? -1;
        lastByName.set(name, i);
      }
      if (before < 0) continue;
      fields[before * COLUMNS + NEXT] = i;
      fields[i * COLUMNS + IS_REPEAT] = 1;
      this.#hasRepeats = true;
    }
  }

  #areSameName(a: number, b: number): boolean {
    const fields = this.#fields;
    if (fields[a * COLUMNS + MARK] !== fields[b * COLUMNS + MARK]) return false;
    const length = fields[a * COLUMNS + NAME_END]! - fields[a * COLUMNS + NAME_START]!;
    if (fields[b * COLUMNS + NAME_END]! - fields[b * COLUMNS + NAME_START]! !== length) return false;
    const aStart = fields[a * COLUMNS + NAME_START]!;
    const bStart = fields[b * COLUMNS + NAME_START]!;
    for (let i = 0; i < length; i++) {
      if (LOWER_CASE[this.bytes[aStart + i]!] !== LOWER_CASE[this.bytes[bStart + i]!]) return false;
    }
    return true;
  }

  /** The value as a decimal number; -1 if it is anything but digits, or not exactly a number. */
  decimal(field: number): number {
    const row = field * COLUMNS;
    const start = this.#fields[row + VALUE_START]!;
    const end = this.#fields[row + VALUE_END]!;
    if (this.#fields[row + IS_FOLDED] === 1 || end === start || end - start > MAX_DIGITS) return -1;
    let value = 0;
    for (let at = start; at < end; at++) {
      const digit = this.bytes[at]! - 0x30;
      if (digit < 0 || digit > 9) return -1;
      value = value * 10 + digit;
    }
    return value;
  }

  /** Bytes that `copyValue` writes. */
  valueBytes(field: number): number {
    const row = field * COLUMNS;
    const start = this.#fields[row + VALUE_START]!;
    const end = this.#fields[row + VALUE_END]!;
    if (this.#fields[row + IS_FOLDED] === 0) return end - start;
    let count = 0;
    for (let i = start; i < end; i++) if (!isLineEnd(this.bytes[i]!)) count++;
    return count;
  }

  /** Writes the value, folded lines joined, and returns the offset behind it. */
  copyValue(field: number, target: Uint8Array, targetAt: number): number {
    const row = field * COLUMNS;
    const { bytes } = this;
    const end = this.#fields[row + VALUE_END]!;
    const isFolded = this.#fields[row + IS_FOLDED] === 1;
    let at = targetAt;
    for (let i = this.#fields[row + VALUE_START]!; i < end; i++) {
      if (!isFolded || !isLineEnd(bytes[i]!)) target[at++] = bytes[i]!;
    }
    return at;
  }

  /** A view onto the value, or a copy where it was folded. */
  value(field: number): Uint8Array {
    const row = field * COLUMNS;
    if (!this.isFolded(field)) {
      return this.view(this.#fields[row + VALUE_START]!, this.#fields[row + VALUE_END]!);
    }
    const value = new Uint8Array(this.valueBytes(field));
    this.copyValue(field, value, 0);
    return value;
  }

  valueText(field: number): string {
    const row = field * COLUMNS;
    if (this.isFolded(field)) return latin1(this.value(field));
    return latin1(this.bytes, this.#fields[row + VALUE_START]!, this.#fields[row + VALUE_END]!);
  }

  /** All values of this name, joined with ", " (RFC 9110 §5.3) or what else it is; null without one. */
  joined(name: FieldName, separator: number = COMMA): Uint8Array | null {
    const first = this.find(name);
    if (first < 0) return null;
    let field = this.find(name, first + 1);
    if (field < 0) return this.value(first);
    let size = this.valueBytes(first);
    for (; field >= 0; field = this.find(name, field + 1)) size += 2 + this.valueBytes(field);
    const joined = new Uint8Array(size);
    let at = this.copyValue(first, joined, 0);
    for (field = this.find(name, first + 1); field >= 0; field = this.find(name, field + 1)) {
      joined[at++] = separator;
      joined[at++] = SPACE;
      at = this.copyValue(field, joined, at);
    }
    return joined;
  }

  /** A field by the offsets of its name and value. `mark`: of the name, or 0 where that is empty. */
  add(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number, mark: number): void {
    let fields = this.#fields;
    const row = this.fieldCount++ * COLUMNS;
    if (row === fields.length) {
      fields = new Int32Array(row * 2);
      fields.set(this.#fields);
      this.#fields = fields;
    }
    fields[row + NAME_START] = nameStart;
    fields[row + NAME_END] = nameEnd;
    fields[row + VALUE_START] = valueStart;
    fields[row + VALUE_END] = valueEnd;
    fields[row + MARK] = mark;
    fields[row + IS_FOLDED] = 0;
  }

  /** The last field's value goes on to `lineEnd`, over the end of its line. */
  extendLast(lineEnd: number): void {
    const row = (this.fieldCount - 1) * COLUMNS;
    const { bytes } = this;
    let start = this.#fields[row + VALUE_START]!;
    let end = lineEnd;
    while (start < end && (isBlank(bytes[start]!) || isLineEnd(bytes[start]!))) start++;
    while (end > start && isBlank(bytes[end - 1]!)) end--;
    this.#fields[row + VALUE_START] = start;
    this.#fields[row + VALUE_END] = end;
    this.#fields[row + IS_FOLDED] = 1;
  }
}

const isLineEnd = (byte: number): boolean => byte === CR || byte === LF;

// Columns of a row of the field table.
const NAME_START = 0;
const NAME_END = 1;
const VALUE_START = 2;
const VALUE_END = 3;
const MARK = 4;
const IS_FOLDED = 5;
const NEXT = 6;
const IS_REPEAT = 7;
const COLUMNS = 8;

const MAX_COMPARED_FIELDS = 24;
/** 2^53 has sixteen. */
const MAX_DIGITS = 15;
