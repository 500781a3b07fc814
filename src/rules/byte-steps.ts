import type { ByteVariable } from './byte-variable.ts';
import { NumberField, type NumberFormat, TWO_32 } from './number-field.ts';
import type { Inspected, Step } from './rule.ts';

type Amount = number | ByteVariable;

/** Where a number of the traffic is read, and how. Shared by byte_test, byte_jump, byte_extract and byte_math. */
export interface FieldPlace {
  readonly bytes: Amount;
  readonly offset: Amount;
  readonly isRelative: boolean;
  readonly format: NumberFormat;
  /** `dce`: of the byte order that the buffer's message names. */
  readonly hasOrderOfBuffer: boolean;
  /** Null: the number as it is. */
  readonly mask: { readonly high: number; readonly low: number } | null;
}

/** Reused by all steps: nothing of it is needed behind one `find`. */
const field = new NumberField();
/** Where the number begins and how many bytes it takes, after a successful `readField`. */
let fieldAt = 0;
let fieldBytes = 0;

const amount = (value: Amount): number => (typeof value === 'number' ? value : value.value);

/** The longest that Suricata reads: text has up to 23 octal digits, a binary number 8 bytes. */
const MAX_TEXT_BYTES = 23;
const MAX_BINARY_BYTES = 8;

const LITTLE_ENDIAN: NumberFormat = { isText: false, base: 0, isLittleEndian: true };

function readField(place: FieldPlace, input: Inspected, cursor: number): boolean {
  let count = amount(place.bytes);
  if (count > (place.format.isText ? MAX_TEXT_BYTES : MAX_BINARY_BYTES)) return false;
  // From the start means the start of the stream. What has left a sliding window cannot be read any more.
  const origin = place.isRelative ? cursor : input.start - input.skippedBytes;
  const at = origin + amount(place.offset);
  if (at < input.start || at > input.end - count) return false;
  // Text of 0 bytes is as long as its digits.
  if (count === 0 && place.format.isText) count = Math.min(MAX_TEXT_BYTES, input.end - at);
  const isLittleEndian = place.hasOrderOfBuffer && input.isLittleEndian === true;
  const taken = field.read(input.bytes, at, count, isLittleEndian ? LITTLE_ENDIAN : place.format);
  if (taken === 0 && (count > 0 || place.format.isText)) return false;
  if (place.mask !== null) field.applyMask(place.mask.high, place.mask.low);
  fieldAt = at;
  fieldBytes = taken;
  return true;
}

const usesVariable = (place: FieldPlace): boolean =>
  typeof place.bytes !== 'number' || typeof place.offset !== 'number';

export type Comparison = '<' | '>' | '=' | '<=' | '>=' | '&' | '^';

export interface Unsigned64 {
  readonly high: number;
  readonly low: number;
}

/** `byte_test`: compares a number of the traffic. */
export class ByteTestStep implements Step {
  readonly matchStart = -1;
  readonly isRelative: boolean;
  readonly needsEnd = false;
  readonly #place: FieldPlace;
  readonly #comparison: Comparison;
  readonly #isNegated: boolean;
  readonly #value: Unsigned64 | ByteVariable;

  constructor(place: FieldPlace, comparison: Comparison, isNegated: boolean, value: Unsigned64 | ByteVariable) {
    this.#place = place;
    this.#comparison = comparison;
    this.#isNegated = isNegated;
    this.#value = value;
    this.isRelative = place.isRelative || usesVariable(place) || 'name' in value;
  }

  find(input: Inspected, cursor: number): number {
    if (!readField(this.#place, input, cursor)) return -1;
    const value = this.#value;
    const high = 'name' in value ? Math.floor(value.value / TWO_32) : value.high;
    const low = 'name' in value ? value.value % TWO_32 : value.low;
    return compare(this.#comparison, high, low) !== this.#isNegated ? cursor : -1;
  }
}

function compare(comparison: Comparison, high: number, low: number): boolean {
  const order = field.high !== high ? field.high - high : field.low - low;
  switch (comparison) {
    case '<':
      return order < 0;
    case '>':
      return order > 0;
    case '=':
      return order === 0;
    case '<=':
      return order <= 0;
    case '>=':
      return order >= 0;
    case '&':
      return (field.high & high) !== 0 || (field.low & low) !== 0;
    case '^':
      return order !== 0;
  }
}

export interface Jump {
  readonly multiplier: number;
  /** To the next multiple of 4. */
  readonly isAligned: boolean;
  readonly from: 'field' | 'beginning' | 'end';
  readonly postOffset: Amount;
}

/** `byte_jump`: moves the cursor by a number of the traffic. */
export class ByteJumpStep implements Step {
  readonly matchStart = -1;
  readonly isRelative: boolean;
  readonly needsEnd: boolean;
  readonly #place: FieldPlace;
  readonly #jump: Jump;

  constructor(place: FieldPlace, jump: Jump) {
    this.#place = place;
    this.#jump = jump;
    this.isRelative = place.isRelative || usesVariable(place) || typeof jump.postOffset !== 'number';
    this.needsEnd = jump.from === 'end';
  }

  find(input: Inspected, cursor: number): number {
    if (!readField(this.#place, input, cursor)) return -1;
    const jump = this.#jump;
    let distance = field.value * jump.multiplier;
    if (jump.isAligned && distance % ALIGNMENT !== 0) distance += ALIGNMENT - (distance % ALIGNMENT);
    distance += amount(jump.postOffset);
    let to = distance;
    if (jump.from === 'beginning') to += input.start - input.skippedBytes;
    else if (jump.from === 'end') to += input.end;
    else to += fieldAt + fieldBytes;
    // A jump to before the beginning ends at the beginning, as in Suricata.
    if (to < input.start) return input.start;
    return to <= input.end ? to : -1;
  }
}

const ALIGNMENT = 4;

/** `byte_extract`: remembers a number of the traffic, and moves the cursor behind it. */
export class ByteExtractStep implements Step {
  readonly matchStart = -1;
  readonly isRelative: boolean;
  readonly needsEnd = false;
  readonly #place: FieldPlace;
  readonly #multiplier: number;
  /** 0: none. */
  readonly #alignment: number;
  readonly #variable: ByteVariable;

  constructor(place: FieldPlace, multiplier: number, alignment: number, variable: ByteVariable) {
    this.#place = place;
    this.#multiplier = multiplier;
    this.#alignment = alignment;
    this.#variable = variable;
    this.isRelative = place.isRelative || usesVariable(place);
  }

  find(input: Inspected, cursor: number): number {
    if (!readField(this.#place, input, cursor)) return -1;
    let value = field.value * this.#multiplier;
    if (this.#alignment > 0 && value % this.#alignment !== 0) value += this.#alignment - (value % this.#alignment);
    this.#variable.value = value;
    return fieldAt + fieldBytes;
  }
}

export type Operator = '+' | '-' | '*' | '/' | '<<' | '>>';

/** `byte_math`: remembers the result of a calculation, and moves the cursor behind the number. */
export class ByteMathStep implements Step {
  readonly matchStart = -1;
  readonly isRelative: boolean;
  readonly needsEnd = false;
  readonly #place: FieldPlace;
  readonly #operator: Operator;
  readonly #operand: Amount;
  readonly #mask: Unsigned64 | null;
  readonly #variable: ByteVariable;

  constructor(place: FieldPlace, operator: Operator, operand: Amount, mask: Unsigned64 | null, variable: ByteVariable) {
    this.#place = place;
    this.#operator = operator;
    this.#operand = operand;
    this.#mask = mask;
    this.#variable = variable;
    this.isRelative = place.isRelative || usesVariable(place) || typeof operand !== 'number';
  }

  find(input: Inspected, cursor: number): number {
    if (!readField(this.#place, input, cursor)) return -1;
    const operand = amount(this.#operand);
    const result = calculate(field.value, this.#operator, operand);
    // Suricata calculates with unsigned numbers: below zero, or by zero, there is no result.
    if (!(result >= 0 && result < MAX_EXACT)) return -1;
    if (this.#mask === null) {
      this.#variable.value = result;
    } else {
      field.high = Math.floor(result / TWO_32);
      field.low = result % TWO_32;
      field.applyMask(this.#mask.high, this.#mask.low);
      this.#variable.value = field.value;
    }
    return fieldAt + fieldBytes;
  }
}

const MAX_EXACT = 2 ** 53;

function calculate(left: number, operator: Operator, right: number): number {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return right === 0 ? Number.NaN : Math.floor(left / right);
    case '<<':
      return left * 2 ** right;
    case '>>':
      return Math.floor(left / 2 ** right);
  }
}
