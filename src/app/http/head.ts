import { EMPTY_BYTES, LOWER_CASE, latin1 } from '../../base/bytes.ts';
import { COLON, CR, IS_TOKEN, isBlank, LF, NUL, SPACE } from './chars.ts';
import { type FieldName, HASH_FACTOR, HASH_START } from './field-name.ts';

/** What is wrong with the lines of a head; a set of bits. */
export const LINE_FAULT = {
  missingColon: 1,
  invalidName: 2,
  spaceBeforeColon: 4,
  folded: 8,
  foldedFirst: 16,
  bareCr: 32,
  nul: 64,
  lfAlone: 128,
  tooManyFields: 256,
} as const;

/**
 * The start line and the fields of one message, as they came and as offsets into them. Heads are reused: take one with
 * `takeHead`, give it back with `giveHead`.
 */
export class Head {
  bytes: Uint8Array;
  /** Bytes of the head so far, including its last empty line, without empty lines before it. Trailers follow. */
  length = 0;
  /** End of the start line without its line end; the fields begin at `fieldsStart`. */
  lineEnd = 0;
  fieldsStart = 0;
  fieldCount = 0;
  /** Every field line is `name: value` with one space and CRLF, so that the normalised form is the raw one. */
  isCanonical = true;
  #sent: Uint8Array | null = null;
  #work: Uint8Array = EMPTY_BYTES;
  #workBytes = 0;
  #fields = new Int32Array(16 * COLUMNS);
  #linkedCount = -1;
  #hasRepeats = false;

  constructor(capacityBytes: number) {
    this.bytes = new Uint8Array(capacityBytes);
  }

  reset(): void {
    this.length = 0;
    this.lineEnd = 0;
    this.fieldsStart = 0;
    this.fieldCount = 0;
    this.isCanonical = true;
    this.#workBytes = 0;
    this.#sent = null;
    this.#linkedCount = -1;
  }

  get isSmall(): boolean {
    return (
      this.bytes.length <= MAX_SPARE_BYTES &&
      this.#work.length <= MAX_SPARE_BYTES &&
      this.#fields.length <= MAX_SPARE_FIELDS * COLUMNS
    );
  }

  /** A copy of the first bytes of something made from this head; it lives as long as the head is in use. */
  keep(bytes: Uint8Array, length: number): Uint8Array {
    const start = this.#workBytes;
    const end = start + length;
    if (end > this.#work.length) {
      this.#work = new Uint8Array(capacityFor(length));
      this.#workBytes = 0;
      return this.keep(bytes, length);
    }
    const kept = this.#work.subarray(start, end);
    kept.set(bytes.length === length ? bytes : bytes.subarray(0, length));
    this.#workBytes = end;
    return kept;
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    const needed = this.length + (end - start);
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(capacityFor(needed));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    // Below this the view costs more than the loop.
    if (end - start > 48) this.bytes.set(bytes.subarray(start, end), this.length);
    else for (let at = start, to = this.length; at < end; at++, to++) this.bytes[to] = bytes[at]!;
    this.length = needed;
  }

  /** The fields as they were sent, with the empty line. */
  get rawFields(): Uint8Array {
    return this.#sent ?? this.bytes.subarray(this.fieldsStart, this.length);
  }

  /** Puts other bytes in the place of what was sent, which stays as `rawFields`. The fields must be parsed again. */
  rewrite(bytes: Uint8Array, fieldsStart: number): void {
    this.#sent = this.bytes.slice(this.fieldsStart, this.length);
    this.bytes = bytes;
    this.length = bytes.length;
    this.fieldsStart = fieldsStart;
    this.fieldCount = 0;
    this.#linkedCount = -1;
  }

  /** Finds the end of the start line; `crEnds`: at a CR too. Faults as bits of `LINE_FAULT`. */
  parseStartLine(crEnds: boolean): number {
    const { bytes, length } = this;
    let faults = 0;
    let at = 0;
    while (at < length && bytes[at] !== LF) {
      if (bytes[at] === CR && at + 1 < length && bytes[at + 1] !== LF) {
        faults |= LINE_FAULT.bareCr;
        if (crEnds) {
          this.fieldsStart = at + 1;
          this.lineEnd = at;
          return faults;
        }
      }
      at++;
    }
    this.fieldsStart = Math.min(at + 1, length);
    if (at > 0 && bytes[at - 1] === CR) at--;
    else if (at < length) faults |= LINE_FAULT.lfAlone;
    this.lineEnd = at;
    return faults;
  }

  /**
   * Parses the field lines from `from` up to the end and adds them. A line without a colon becomes a field with an
   * empty name, so that its bytes are seen. `isRequest`: a NUL ends the value, as in libhtp.
   */
  parseFields(from: number, isRequest: boolean, maxFields: number): number {
    const { bytes, length } = this;
    let faults = 0;
    let at = from;
    let isFirst = true;
    let isCanonical = this.isCanonical;
    while (at < length) {
      const lineStart = at;
      let colonAt = -1;
      let nulAt = -1;
      let hash = HASH_START;
      let isToken = 1;
      // The name: up to the colon, hashed in lower case.
      for (; at < length; at++) {
        const byte = bytes[at]!;
        if (byte === COLON) {
          colonAt = at;
          break;
        }
        if (byte === LF) break;
        if (byte === NUL && nulAt < 0) nulAt = at;
        isToken &= IS_TOKEN[byte]!;
        hash = Math.imul(hash ^ LOWER_CASE[byte]!, HASH_FACTOR);
      }
      let crCount = 0;
      for (; at < length; at++) {
        const byte = bytes[at]!;
        if (byte > CR) continue;
        if (byte === LF) break;
        if (byte === CR) crCount++;
        else if (byte === NUL && nulAt < 0) nulAt = at;
      }
      let lineEnd = at;
      if (lineEnd > lineStart && bytes[lineEnd - 1] === CR) {
        lineEnd--;
        crCount--;
      } else if (at < length) faults |= LINE_FAULT.lfAlone;
      at++;
      if (lineEnd === lineStart) break;
      if (crCount > 0) faults |= LINE_FAULT.bareCr;
      if (nulAt >= 0) faults |= LINE_FAULT.nul;

      if (isBlank(bytes[lineStart]!)) {
        if (!isFirst) {
          faults |= LINE_FAULT.folded;
          this.#extendLast(lineEnd);
          continue;
        }
        faults |= LINE_FAULT.foldedFirst;
      }
      isFirst = false;
      if (this.fieldCount >= maxFields) {
        faults |= LINE_FAULT.tooManyFields;
        break;
      }

      if (colonAt < 0 || (isRequest && nulAt >= 0 && nulAt < colonAt)) {
        faults |= LINE_FAULT.missingColon;
        this.#add(lineStart, lineStart, lineStart, lineEnd, 0);
        continue;
      }
      let nameEnd = colonAt;
      if (isToken === 0 || nameEnd === lineStart) {
        while (nameEnd > lineStart && isBlank(bytes[nameEnd - 1]!)) nameEnd--;
        if (nameEnd < colonAt) faults |= LINE_FAULT.spaceBeforeColon;
        hash = HASH_START;
        isToken = nameEnd > lineStart ? 1 : 0;
        for (let i = lineStart; i < nameEnd; i++) {
          isToken &= IS_TOKEN[bytes[i]!]!;
          hash = Math.imul(hash ^ LOWER_CASE[bytes[i]!]!, HASH_FACTOR);
        }
        if (isToken === 0) faults |= LINE_FAULT.invalidName;
      }
      let valueStart = colonAt + 1;
      let valueEnd = isRequest && nulAt >= 0 ? nulAt : lineEnd;
      const rawEnd = valueEnd;
      while (valueStart < valueEnd && isBlank(bytes[valueStart]!)) valueStart++;
      while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1]!)) valueEnd--;
      isCanonical &&= valueStart === colonAt + 2 && bytes[colonAt + 1] === SPACE && valueEnd === rawEnd;
      this.#add(lineStart, nameEnd, valueStart, valueEnd, hash);
    }
    // The head ended without its empty line, or there is something behind it: a trailer.
    if (faults !== 0 || at !== length || from !== this.fieldsStart) isCanonical = false;
    if (length < 2 || bytes[length - 2] !== CR || bytes[length - 1] !== LF) isCanonical = false;
    this.isCanonical = isCanonical;
    return faults;
  }

  nameStart(field: number): number {
    return this.#fields[field * COLUMNS + NAME_START]!;
  }
  nameEnd(field: number): number {
    return this.#fields[field * COLUMNS + NAME_END]!;
  }
  hash(field: number): number {
    return this.#fields[field * COLUMNS + HASH]!;
  }
  isFolded(field: number): boolean {
    return this.#fields[field * COLUMNS + IS_FOLDED] === 1;
  }

  /** The first field of this name at or behind `from`, -1 without one. */
  find(name: FieldName, from = 0): number {
    const fields = this.#fields;
    const { length } = name.bytes;
    for (let field = from; field < this.fieldCount; field++) {
      const row = field * COLUMNS;
      if (fields[row + HASH] !== name.hash || fields[row + NAME_END]! - fields[row + NAME_START]! !== length) continue;
      if (this.#isNamed(fields[row + NAME_START]!, name.bytes)) return field;
    }
    return -1;
  }

  isNamed(field: number, name: FieldName): boolean {
    const row = field * COLUMNS;
    const start = this.#fields[row + NAME_START]!;
    if (this.#fields[row + HASH] !== name.hash || this.#fields[row + NAME_END]! - start !== name.bytes.length)
      return false;
    return this.#isNamed(start, name.bytes);
  }

  /** Whether any name is there twice. */
  hasRepeats(): boolean {
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
    if (fields[a * COLUMNS + HASH] !== fields[b * COLUMNS + HASH]) return false;
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
      return this.bytes.subarray(this.#fields[row + VALUE_START]!, this.#fields[row + VALUE_END]!);
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

  /** All values of this name, joined with ", " (RFC 9110 §5.3); null without one. */
  joined(name: FieldName): Uint8Array | null {
    const first = this.find(name);
    if (first < 0) return null;
    let field = this.find(name, first + 1);
    if (field < 0) return this.value(first);
    let size = this.valueBytes(first);
    for (; field >= 0; field = this.find(name, field + 1)) size += 2 + this.valueBytes(field);
    const joined = new Uint8Array(size);
    let at = this.copyValue(first, joined, 0);
    for (field = this.find(name, first + 1); field >= 0; field = this.find(name, field + 1)) {
      joined[at++] = 0x2c;
      joined[at++] = 0x20;
      at = this.copyValue(field, joined, at);
    }
    return joined;
  }

  #isNamed(start: number, name: Uint8Array): boolean {
    for (let i = 0; i < name.length; i++) if (LOWER_CASE[this.bytes[start + i]!] !== name[i]) return false;
    return true;
  }

  #add(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number, hash: number): void {
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
    fields[row + HASH] = hash;
    fields[row + IS_FOLDED] = 0;
  }

  #extendLast(lineEnd: number): void {
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

/** A head that nobody uses, with room for `bytes`. */
export function takeHead(bytes: number): Head {
  const head = bytes <= MAX_SPARE_BYTES ? spareHeads.pop() : undefined;
  if (head === undefined) return new Head(capacityFor(bytes));
  head.reset();
  return head;
}

export function giveHead(head: Head): void {
  if (head.isSmall && spareHeads.length < MAX_SPARE_HEADS) spareHeads.push(head);
}

const isLineEnd = (byte: number): boolean => byte === CR || byte === LF;

function capacityFor(bytes: number): number {
  let capacity = SMALL_HEAD_BYTES;
  while (capacity < bytes) capacity *= 2;
  return capacity;
}

// Columns of a row of the field table.
const NAME_START = 0;
const NAME_END = 1;
const VALUE_START = 2;
const VALUE_END = 3;
const HASH = 4;
const IS_FOLDED = 5;
const NEXT = 6;
const IS_REPEAT = 7;
const COLUMNS = 8;

const MAX_COMPARED_FIELDS = 24;
/** 2^53 has sixteen. */
const MAX_DIGITS = 15;

const SMALL_HEAD_BYTES = 512;
/** Spare heads cost at most 256 times 4 KiB, and 2 KiB for their fields. */
const MAX_SPARE_BYTES = 4096;
const MAX_SPARE_FIELDS = 64;
const MAX_SPARE_HEADS = 256;
const spareHeads: Head[] = [];
