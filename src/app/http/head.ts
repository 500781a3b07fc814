import { COLON, CR, DEL, LF, NUL, SPACE } from '../../base/ascii.ts';
import { EMPTY_BYTES } from '../../base/bytes.ts';
import { IS_TOKEN, isBlank } from './chars.ts';
import { nameMark } from './field-name.ts';
import { FieldTable } from './field-table.ts';

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
  controlInName: 512,
} as const;

/** How lines of a head end; a set of bits. */
export const LINE_END = { lf: 1, crLf: 2 } as const;

/**
 * The start line and the fields of one message, as they came and as offsets into them. Heads are reused: take one with
 * `takeHead`, give it back with `giveHead`.
 */
export class Head extends FieldTable {
  /** Bytes of the head so far, including its last empty line, without empty lines before it. Trailers follow. */
  length = 0;
  /** End of the start line without its line end; the fields begin at `fieldsStart`. */
  lineEnd = 0;
  fieldsStart = 0;
  /** Start line and fields are known already, and have no fault: see `takeWholeHead`. */
  isParsed = false;
  /** Every field line is `name: value` with one space and CRLF, so that the normalised form is the raw one. */
  isCanonical = true;
  /** Bits of `LINE_END`, of the lines that were scanned one by one; of a head that `isParsed` all end in CR LF. */
  lineEnds = 0;
  /**
   * The first line that some servers take for the end of the fields: no field, or with an odd byte in its name; or -1.
   */
  firstBroken = -1;
  #sent: Uint8Array | null = null;
  #work: Uint8Array = EMPTY_BYTES;
  #workBytes = 0;

  constructor(capacityBytes: number) {
    super();
    this.bytes = new Uint8Array(capacityBytes);
  }

  reset(): void {
    this.length = 0;
    this.lineEnd = 0;
    this.fieldsStart = 0;
    this.isParsed = false;
    this.isCanonical = true;
    this.lineEnds = 0;
    this.firstBroken = -1;
    this.keepsRepeats = false;
    this.#workBytes = 0;
    this.#sent = null;
    this.clearFields();
  }

  override get heldBytes(): number {
    return super.heldBytes + this.#work.length + (this.#sent?.length ?? 0);
  }

  get isSmall(): boolean {
    return (
      this.bytes.length <= MAX_SPARE_BYTES &&
      this.#work.length <= MAX_SPARE_BYTES &&
      this.fieldCapacity <= MAX_SPARE_FIELDS
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
    return this.#sent ?? this.view(this.fieldsStart, this.length);
  }

  /** Puts other bytes in the place of what was sent, which stays as `rawFields`. The fields must be parsed again. */
  rewrite(bytes: Uint8Array, fieldsStart: number): void {
    this.#sent = this.bytes.slice(this.fieldsStart, this.length);
    this.bytes = bytes;
    this.length = bytes.length;
    this.fieldsStart = fieldsStart;
    this.clearFields();
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
    if (at > 0 && bytes[at - 1] === CR) {
      at--;
      this.lineEnds |= LINE_END.crLf;
    } else if (at < length) {
      faults |= LINE_FAULT.lfAlone;
      this.lineEnds |= LINE_END.lf;
    }
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
    while (at < length) {
      const start = at;
      at = scanLine(bytes, start, length);
      faults |= line.faults;
      this.lineEnds |= (line.faults & LINE_FAULT.lfAlone) === 0 ? LINE_END.crLf : LINE_END.lf;
      if (line.isEmpty) break;
      if (isBlank(bytes[start]!)) {
        if (!isFirst) {
          faults |= LINE_FAULT.folded;
          this.extendLast(line.end);
          continue;
        }
        faults |= LINE_FAULT.foldedFirst;
      }
      isFirst = false;
      if (this.fieldCount >= maxFields) {
        faults |= LINE_FAULT.tooManyFields;
        break;
      }
      faults |= this.#addLine(start, isRequest);
    }
    // The head ended without its empty line, or there is something behind it: a trailer.
    if (faults !== 0 || at !== length || from !== this.fieldsStart) this.isCanonical = false;
    if (length < 2 || bytes[length - 2] !== CR || bytes[length - 1] !== LF) this.isCanonical = false;
    return faults;
  }

  /** Of a name that is no token. */
  #checkOddName(start: number, end: number): number {
    let faults = 0;
    let isBroken = false;
    for (let at = start; at < end; at++) {
      const byte = this.bytes[at]!;
      if (isControl(byte)) faults = LINE_FAULT.controlInName;
      isBroken ||= byte <= SPACE || byte >= DEL;
    }
    if (isBroken && this.firstBroken < 0) this.firstBroken = this.fieldCount;
    return faults;
  }

  /** The line that was scanned last becomes a field. */
  #addLine(start: number, isRequest: boolean): number {
    const { bytes } = this;
    const { end, colonAt, nulAt } = line;
    if (colonAt < 0 || (isRequest && nulAt >= 0 && nulAt < colonAt)) {
      if (this.firstBroken < 0) this.firstBroken = this.fieldCount;
      this.add(start, start, start, end, 0);
      return LINE_FAULT.missingColon | (isControl(bytes[start]!) ? LINE_FAULT.controlInName : 0);
    }
    let faults = 0;
    let nameEnd = colonAt;
    if (!line.hasTokenName) {
      while (nameEnd > start && isBlank(bytes[nameEnd - 1]!)) nameEnd--;
      if (nameEnd < colonAt) faults |= LINE_FAULT.spaceBeforeColon;
      if (!isToken(bytes, start, nameEnd)) faults |= LINE_FAULT.invalidName | this.#checkOddName(start, nameEnd);
    }
    let valueStart = colonAt + 1;
    let valueEnd = isRequest && nulAt >= 0 ? nulAt : end;
    const rawEnd = valueEnd;
    while (valueStart < valueEnd && isBlank(bytes[valueStart]!)) valueStart++;
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1]!)) valueEnd--;
    this.isCanonical &&= valueStart === colonAt + 2 && bytes[colonAt + 1] === SPACE && valueEnd === rawEnd;
    const mark = nameEnd > start ? nameMark(bytes, start, nameEnd) : 0;
    this.add(start, nameEnd, valueStart, valueEnd, mark);
    return faults;
  }
}

/** What `scanLine` found, until it scans the next one. */
const line = {
  /** Without line end; as in libhtp, all CRs before the LF belong to that. */
  end: 0,
  /** Nothing but a line end of one CR at most. */
  isEmpty: false,
  /** Of the first colon, and the first NUL; or -1. */
  colonAt: -1,
  nulAt: -1,
  /** What is before the colon is a token (RFC 9110 §5.6.2). */
  hasTokenName: false,
  /** Bits of `LINE_FAULT`, of those that concern any line. */
  faults: 0,
};

/** Returns where the next line begins. */
function scanLine(bytes: Uint8Array, start: number, length: number): number {
  let at = start;
  let colonAt = -1;
  let nulAt = -1;
  let isTokenSoFar = 1;
  for (; at < length; at++) {
    const byte = bytes[at]!;
    if (byte === COLON) {
      colonAt = at;
      break;
    }
    if (byte === LF) break;
    if (byte === NUL && nulAt < 0) nulAt = at;
    isTokenSoFar &= IS_TOKEN[byte]!;
  }
  let crCount = 0;
  for (; at < length; at++) {
    const byte = bytes[at]!;
    if (byte > CR) continue;
    if (byte === LF) break;
    if (byte === CR) crCount++;
    else if (byte === NUL && nulAt < 0) nulAt = at;
  }
  let end = at;
  let faults = 0;
  if (end > start && bytes[end - 1] === CR) {
    end--;
    crCount--;
  } else if (at < length) faults |= LINE_FAULT.lfAlone;
  if (crCount > 0) faults |= LINE_FAULT.bareCr;
  if (nulAt >= 0) faults |= LINE_FAULT.nul;
  line.isEmpty = end === start;
  while (end > start && bytes[end - 1] === CR) end--;
  line.end = end;
  line.colonAt = colonAt;
  line.nulAt = nulAt;
  line.hasTokenName = isTokenSoFar === 1 && colonAt > start;
  line.faults = faults;
  return at + 1;
}

const isControl = (byte: number): boolean => byte < SPACE || byte === DEL;

/** RFC 9110 §5.6.2: at least one of its characters, and no others. */
function isToken(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (IS_TOKEN[bytes[at]!] === 0) return false;
  return end > start;
}

/** A head that nobody uses, with room for `bytes`. */
export function takeHead(bytes: number): Head {
  const head = bytes <= MAX_SPARE_BYTES ? spareHeads.pop() : undefined;
  if (head === undefined) return new Head(capacityFor(bytes));
  head.reset();
  return head;
}

/** Of a message that is over: the next one may have it. Whoever gives it away must not look at it again. */
export function giveHead(head: Head): void {
  if (head.isSmall && spareHeads.length < MAX_SPARE_HEADS) spareHeads.push(head);
}

function capacityFor(bytes: number): number {
  let capacity = SMALL_HEAD_BYTES;
  while (capacity < bytes) capacity *= 2;
  return capacity;
}

const SMALL_HEAD_BYTES = 512;
/** Spare heads cost at most 256 times 4 KiB, and 2 KiB for their fields. */
const MAX_SPARE_BYTES = 4096;
const MAX_SPARE_FIELDS = 64;
const MAX_SPARE_HEADS = 256;
const spareHeads: Head[] = [];
