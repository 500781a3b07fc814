import { DOT } from '../../base/ascii.ts';
import { u8, u16, u32 } from '../../base/bytes.ts';

// RFC 1035 §4.1.1, offsets in bytes from the start of the message.
const ID = 0;
const FLAGS = 2;
const QUESTION_COUNT = 4;
const ANSWER_COUNT = 6;
const AUTHORITY_COUNT = 8;
const ADDITIONAL_COUNT = 10;
export const HEADER_BYTES = 12;

/** Bits of the flags word. */
export const FLAG = { response: 0x8000, authoritative: 0x0400, truncated: 0x0200, z: 0x0040 } as const;
export const RECURSION_FLAG = { desired: 0x0100, available: 0x0080 } as const;

/** RFC 1035 §2.3.4: length octets and the final one included. */
const MAX_NAME_WIRE_BYTES = 255;
/** Rules see longer names up to here, as in Suricata. */
const MAX_NAME_BYTES = 1025;
/** A name of 255 bytes has at most 127 labels, and a pointer before each is more than anybody writes. */
const MAX_POINTERS = 127;
/** Labels and pointers of one name; Suricata's limit. */
const MAX_NAME_STEPS = 255;
/**
 * What a message's pointers lead to, in labels, pointers, and bytes of names in questions: so much for each of its
 * bytes. Beyond it, pointers are not followed (`dns.too_many_labels`), and rules see no more questions. Ours: names of
 * IPv6 addresses, which compress best, need little more than one.
 */
const MAX_STEPS_PER_BYTE = 4;
/** Besides: for short messages, the limits of a name alone count. */
const MAX_STEPS_BESIDES = 4096;
/** Type and class of a question; those, time to live and length of a record. */
const QUESTION_TAIL_BYTES = 4;
const RECORD_TAIL_BYTES = 10;
/** Of more questions, rules see the first. A server answers one (RFC 9619); the number of bytes would allow 13,000. */
export const MAX_QUESTIONS = 255;
/** Of more records, the first are shown in events. */
const MAX_SHOWN_RECORDS = 64;

export interface Question {
  readonly name: Uint8Array;
  readonly type: number;
  readonly class: number;
}

export interface ResourceRecord extends Question {
  readonly ttlSeconds: number;
  readonly dataStart: number;
  readonly dataEnd: number;
}

/** One DNS message (RFC 1035 §4), as it came. What cannot be read is told by the faults, and not there. */
export class DnsMessage {
  readonly bytes: Uint8Array;
  /**
   * A question cannot be read or, of an answer, a record of its first two sections: it ends behind the message, or its
   * name cannot be read.
   */
  isMalformed = false;
  /** All that is before them can be read, and a record behind the sections that `isMalformed` is about can't. */
  hasInvalidAdditionals = false;
  /** Of a question: its name does not end, or is longer than RFC 1035 allows. */
  hasNameLoop = false;
  hasLongName = false;
  /** Of any name, as Suricata has it: a pointer to itself, and more labels or bytes than are read. */
  hasSelfPointer = false;
  hasTooManyLabels = false;
  hasCutName = false;
  /** May still be taken behind pointers. */
  #stepsLeft: number;
  /** Bytes behind the last record. */
  hasTrailingBytes = false;
  readonly #recordsAt: number;
  /** Of those that are looked at, how many can be read. */
  #readableQuestions = 0;
  /** Made when somebody asks for them. */
  #questions: readonly Question[] | null = null;

  /** The bytes are at least a header, and stay as they are while somebody looks at the message. */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#stepsLeft = MAX_STEPS_BESIDES + MAX_STEPS_PER_BYTE * bytes.length;
    const { questionCount } = this;
    let at = HEADER_BYTES;
    for (let n = 0; n < questionCount; n++) {
      const isShown = n < MAX_QUESTIONS && this.#stepsLeft > 0;
      const isReadable = !isShown || this.#scanName(at) >= 0;
      at = this.#walkName(at, bytes.length);
      if (!isReadable || at < 0 || at + QUESTION_TAIL_BYTES > bytes.length) {
        this.isMalformed = true;
        break;
      }
      if (isShown) this.#readableQuestions++;
      at += QUESTION_TAIL_BYTES;
    }
    this.#recordsAt = at;
    if (!this.isMalformed) this.#walkRecords(at);
  }

  /** The first ones, up to one that cannot be read. */
  get questions(): readonly Question[] {
    this.#questions ??= this.#readQuestions();
    return this.#questions;
  }

  get id(): number {
    return u16(this.bytes, ID);
  }
  get flags(): number {
    return u16(this.bytes, FLAGS);
  }
  get isResponse(): boolean {
    return (this.flags & FLAG.response) !== 0;
  }
  get opcode(): number {
    return (this.flags >> 11) & 0x0f;
  }
  get rcode(): number {
    return this.flags & 0x0f;
  }
  get questionCount(): number {
    return u16(this.bytes, QUESTION_COUNT);
  }
  get answerCount(): number {
    return u16(this.bytes, ANSWER_COUNT);
  }
  get authorityCount(): number {
    return u16(this.bytes, AUTHORITY_COUNT);
  }
  get additionalCount(): number {
    return u16(this.bytes, ADDITIONAL_COUNT);
  }

  /** The first answers, and the first records of the authority section behind them. */
  records(): { readonly answers: readonly ResourceRecord[]; readonly authorities: readonly ResourceRecord[] } {
    const answers: ResourceRecord[] = [];
    const authorities: ResourceRecord[] = [];
    const { bytes, answerCount } = this;
    let at = this.#recordsAt;
    for (let n = 0; n < answerCount + this.authorityCount; n++) {
      if (n >= MAX_SHOWN_RECORDS) break;
      const name = this.readName(at);
      at = this.nameEnd(at);
      if (name === null || at < 0 || at + RECORD_TAIL_BYTES > bytes.length) break;
      const dataStart = at + RECORD_TAIL_BYTES;
      const dataEnd = dataStart + u16(bytes, at + 8);
      if (dataEnd > bytes.length) break;
      const record = { name, type: u16(bytes, at), class: u16(bytes, at + 2), ttlSeconds: u32(bytes, at + 4) };
      (n < answerCount ? answers : authorities).push({ ...record, dataStart, dataEnd });
      at = dataEnd;
    }
    return { answers, authorities };
  }

  /** The labels with dots between them, as they came; pointers are followed. Null if it cannot be read. */
  readName(start: number): Uint8Array | null {
    const length = this.#scanName(start);
    return length < 0 ? null : scratch.slice(0, length);
  }

  #readQuestions(): readonly Question[] {
    const { bytes } = this;
    const questions: Question[] = [];
    let at = HEADER_BYTES;
    for (let n = 0; n < this.#readableQuestions; n++) {
      const name = this.readName(at)!;
      at = this.nameEnd(at);
      questions.push({ name, type: u16(bytes, at), class: u16(bytes, at + 2) });
      at += QUESTION_TAIL_BYTES;
    }
    return questions;
  }

  /**
   * Leaves a name (RFC 1035 §4.1.4) in `scratch` and returns its length; -1 if it cannot be read. Notes loops, which
   * end the name, and lengths beyond the limit.
   */
  #scanName(start: number): number {
    const { bytes } = this;
    let at = start;
    let length = 0;
    let pointers = 0;
    let wireBytes = 1;
    // As in Suricata, a name may also end with the message.
    while (at < bytes.length && u8(bytes, at) !== 0) {
      const labelBytes = u8(bytes, at);
      if (labelBytes >= POINTER) {
        if (at + 1 >= bytes.length) return -1;
        at = u16(bytes, at) & MAX_POINTER;
        if (at > bytes.length) return -1;
        this.#stepsLeft--;
        if (++pointers > MAX_POINTERS) {
          this.hasNameLoop = true;
          break;
        }
        continue;
      }
      // RFC 6891 §5: the other two kinds of label are not in use.
      if (labelBytes > MAX_LABEL_BYTES || at + 1 + labelBytes > bytes.length) return -1;
      wireBytes += 1 + labelBytes;
      if (length + 1 + labelBytes > MAX_NAME_BYTES) break;
      if (length > 0) scratch[length++] = DOT;
      for (let i = at + 1; i <= at + labelBytes; i++) scratch[length++] = u8(bytes, i);
      at += 1 + labelBytes;
      if (pointers > 0) this.#stepsLeft -= 1 + labelBytes;
    }
    if (wireBytes > MAX_NAME_WIRE_BYTES) this.hasLongName = true;
    return length;
  }

  /** Behind the name that starts here; -1 if it cannot be read. */
  nameEnd(start: number): number {
    const { bytes } = this;
    let at = start;
    while (at < bytes.length) {
      const labelBytes = u8(bytes, at);
      if (labelBytes === 0) return at + 1;
      if (labelBytes >= POINTER) return at + 2;
      if (labelBytes > MAX_LABEL_BYTES) return -1;
      at += 1 + labelBytes;
    }
    return at;
  }

  /** What stands behind the records of an answer is not looked into, as in Suricata; just whether it is whole. */
  #walkRecords(start: number): void {
    const { bytes } = this;
    const readCount = this.isResponse ? this.answerCount + this.authorityCount : 0;
    const count = this.answerCount + this.authorityCount + this.additionalCount;
    let at = start;
    for (let n = 0; n < count; n++) {
      const isRead = n < readCount;
      const nameEnd = isRead ? this.#walkName(at, bytes.length) : this.nameEnd(at);
      const dataStart = nameEnd + RECORD_TAIL_BYTES;
      const isWhole = nameEnd >= 0 && dataStart <= bytes.length;
      const dataEnd = isWhole ? dataStart + u16(bytes, nameEnd + 8) : 0;
      if (!isWhole || dataEnd > bytes.length) {
        this.isMalformed = isRead;
        this.hasInvalidAdditionals = !isRead;
        return;
      }
      if (isRead) this.#walkNamesOfData(u16(bytes, nameEnd), dataStart, dataEnd);
      at = dataEnd;
    }
    this.hasTrailingBytes = at < bytes.length;
  }

  #walkNamesOfData(type: number, start: number, end: number): void {
    const bytesBefore = BYTES_BEFORE_NAME.get(type);
    if (bytesBefore === undefined) return;
    const at = this.#walkName(start + bytesBefore, end);
    if (type === TYPE_SOA && at >= 0) this.#walkName(at, end);
  }

  /**
   * Behind the name that starts here, which is looked at with all that its pointers lead to; -1 if it cannot be read.
   * `end`: of what it lies in.
   */
  #walkName(start: number, end: number): number {
    const { bytes } = this;
    let at = start;
    let limit = end;
    let behind = -1;
    let length = 0;
    for (let steps = 0; at < limit; steps++) {
      if (steps > MAX_NAME_STEPS) {
        if (behind < 0) return -1;
        this.hasTooManyLabels = true;
        this.hasCutName = true;
        break;
      }
      const labelBytes = u8(bytes, at);
      if (labelBytes === 0) {
        at++;
        break;
      }
      if (behind >= 0) this.#stepsLeft--;
      if (labelBytes <= MAX_LABEL_BYTES) {
        if (at + 1 + labelBytes > limit) return -1;
        at += 1 + labelBytes;
        length += 1 + labelBytes;
        if (length <= MAX_NAME_BYTES + 1) continue;
        this.hasCutName = true;
        if (behind >= 0) break;
        continue;
      }
      if (labelBytes < POINTER || at + 1 >= limit) return -1;
      const target = u16(bytes, at) & MAX_POINTER;
      if (target > bytes.length) return -1;
      if (behind < 0) behind = at + 2;
      if (target === at) this.hasSelfPointer = true;
      if (target === at) break;
      if (this.#stepsLeft <= 0) {
        this.hasTooManyLabels = true;
        break;
      }
      at = target;
      limit = bytes.length;
    }
    return behind >= 0 ? behind : at;
  }
}

const TYPE_SOA = 6;
/** Types whose data has a name behind so many bytes: NS, CNAME, SOA, PTR, MX (RFC 1035 §3.3) and SRV (RFC 2782). */
const BYTES_BEFORE_NAME: ReadonlyMap<number, number> = new Map([
  [2, 0],
  [5, 0],
  [TYPE_SOA, 0],
  [12, 0],
  [15, 2],
  [33, 6],
]);

const POINTER = 0xc0;
const MAX_POINTER = 0x3fff;
const MAX_LABEL_BYTES = 63;
const scratch = new Uint8Array(MAX_NAME_BYTES);
