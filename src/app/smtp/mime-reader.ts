import { COLON, HYPHEN, SPACE, TAB } from '../../base/ascii.ts';
import { latin1, u8 } from '../../base/bytes.ts';
import { ByteBuffer } from '../byte-buffer.ts';
import { MAX_FILE_BYTES } from '../files.ts';
import { mainValue, parameter, parameters } from '../mime-field.ts';
import type { SmtpEvent } from './events.ts';
import { Base64Decoder, IdentityDecoder, QuotedPrintableDecoder, type TransferDecoder } from './transfer-encoding.ts';

/** A part of a mail that is a file: it has a name, or says that it is an attachment. */
export interface MimeFile {
  /** Null without one. */
  readonly name: Uint8Array | null;
  /** Decoded, as far as it has come. */
  readonly content: ByteBuffer;
  /** Bytes of it are missing. */
  isCut: boolean;
}

/** Ours: with them a mail holds at most 3.2 MiB. Over it: `smtp.mime_too_many_files`. */
const MAX_FILES = 32;
/** Ours; forwarded mails are rarely five deep. Over it: `smtp.mime_too_many_levels`. */
const MAX_LEVELS = 50;
/**
 * Suricata's `header-value-depth`; and its limits of names. Over it: an event, and the rest of the value is not kept.
 */
const MAX_FIELD_BYTES = 2000;
const MAX_FIELD_NAME_BYTES = 75;
const MAX_BOUNDARY_BYTES = 254;
const MAX_FILE_NAME_BYTES = 255;
/** RFC 5322 §2.1.1. */
const MAX_LINE_BYTES = 998;
/** RFC 2045 §6.7 and §6.8. */
const MAX_ENCODED_LINE_BYTES = 76;

/** Fields of one part that are there again, and are compared with the first one; ours. */
const MAX_REPEATS = 16;

/** Fields that are looked into; those of the mail itself are for events. */
const STRUCTURE_FIELDS = ['content-type', 'content-disposition', 'content-transfer-encoding'];
const MAIL_FIELDS = ['from', 'to', 'cc', 'subject', 'date', 'message-id'];

/** Takes one mail apart, RFC 2045 and 2046, line by line. The files come in the order in which they begin. */
export class MimeReader {
  readonly files: MimeFile[] = [];
  /** Of the mail's own head, by their lower-case names. */
  readonly fields = new Map<string, string>();
  readonly #raise: (event: SmtpEvent) => void;
  readonly #boundaries: Uint8Array[] = [];
  #isInHead = true;
  #isTopHead = true;
  /** Of the head in hand: the interesting fields, and which of them goes on in the next line. */
  #head = new Map<string, string>();
  #field: string | null = null;
  #repeats = 0;
  /** Of the value of any field in hand, in the lines before this one; and what of this line is no value. */
  #fieldBytes = 0;
  #prefixBytes = 0;
  #decoder: TransferDecoder | null = null;
  /** Null where the part in hand is none. */
  #file: MimeFile | null = null;
  #lineBytes = 0;

  constructor(raise: (event: SmtpEvent) => void) {
    this.#raise = raise;
  }

  /** Memory that the files take. */
  get heldBytes(): number {
    let bytes = 0;
    for (const { content } of this.files) bytes += content.heldBytes;
    return bytes;
  }

  /**
   * A line without its end, or its first piece. Long lines come in pieces, and only `isWhole` ones are of the
   * structure.
   */
  line(bytes: Uint8Array, start: number, end: number, isWhole: boolean, endingBytes: number): void {
    this.#lineBytes = end - start;
    if (this.#isBoundary(bytes, start, end, isWhole && endingBytes === 0)) return;
    if (this.#isInHead) {
      this.#readHead(bytes, start, end);
      if (isWhole) this.#endHeadLine();
      return;
    }
    this.#decoder?.write(bytes, start, end);
    if (isWhole) this.#endLine(endingBytes);
  }

  /** What follows the first piece of a line that is long. */
  more(bytes: Uint8Array, start: number, end: number, isWhole: boolean, endingBytes: number): void {
    this.#lineBytes += end - start;
    if (this.#isInHead) this.#tellCut(this.#field);
    else this.#decoder?.write(bytes, start, end);
    if (!isWhole) return;
    if (this.#isInHead) this.#endHeadLine();
    else this.#endLine(endingBytes);
  }

  /** Bytes are missing here. */
  cut(): void {
    if (this.#file !== null) this.#file.isCut = true;
  }

  /** The mail is over. */
  end(): void {
    if (this.#isInHead) this.#endHead();
    this.#endPart();
    if (this.#boundaries.length > 0) this.#raise('smtp.mime_malformed_msg');
  }

  #endLine(endingBytes: number): void {
    this.#checkLength();
    const decoder = this.#decoder;
    if (decoder === null) return;
    if (this.#lineBytes > MAX_ENCODED_LINE_BYTES && !(decoder instanceof IdentityDecoder)) {
      this.#raise('smtp.mime_long_enc_line');
    }
    decoder.endLine(endingBytes);
  }

  #endHeadLine(): void {
    this.#checkLength();
    this.#fieldBytes += this.#lineBytes - this.#prefixBytes;
    if (this.#fieldBytes > MAX_FIELD_BYTES) this.#raise('smtp.mime_long_header_value');
  }

  #checkLength(): void {
    if (this.#lineBytes > MAX_LINE_BYTES) this.#raise('smtp.mime_long_line');
  }

  #readHead(bytes: Uint8Array, start: number, end: number): void {
    this.#prefixBytes = 0;
    if (start === end) {
      this.#endHead();
      return;
    }
    const first = u8(bytes, start);
    if (first === SPACE || first === TAB) {
      if (this.#field !== null) this.#addToField(latin1(bytes, start, end));
      return;
    }
    let colonAt = start;
    while (colonAt < end && u8(bytes, colonAt) !== COLON) colonAt++;
    if (colonAt - start > MAX_FIELD_NAME_BYTES) this.#raise('smtp.mime_long_header_name');
    this.#field = null;
    this.#fieldBytes = 0;
    this.#prefixBytes = Math.min(end, colonAt + 1) - start;
    while (start + this.#prefixBytes < end && u8(bytes, start + this.#prefixBytes) === SPACE) this.#prefixBytes++;
    if (colonAt === end) return;
    const name = latin1(bytes, start, Math.min(colonAt, start + MAX_FIELD_NAME_BYTES))
      .trimEnd()
      .toLowerCase();
    if (!STRUCTURE_FIELDS.includes(name) && !(this.#isTopHead && MAIL_FIELDS.includes(name))) return;
    // Of two fields of one name the first counts; of the others, it matters whether they say the same.
    const isRepeated = this.#head.has(name);
    if (isRepeated && !STRUCTURE_FIELDS.includes(name)) return;
    if (isRepeated && ++this.#repeats > MAX_REPEATS) {
      this.#raise('smtp.mime_structure_ambiguous');
      return;
    }
    const key = isRepeated ? `${name} ${this.#repeats}` : name;
    this.#field = key;
    this.#head.set(key, '');
    this.#addToField(latin1(bytes, colonAt + 1, end).trimStart());
  }

  #addToField(text: string): void {
    const name = this.#field!;
    const value = this.#head.get(name)! + text;
    if (value.length > MAX_FIELD_BYTES) this.#tellCut(name);
    this.#head.set(name, value.slice(0, MAX_FIELD_BYTES));
  }

  #tellCut(field: string | null): void {
    if (field !== null && !MAIL_FIELDS.includes(field)) this.#raise('smtp.mime_structure_too_long');
  }

  /** Readers disagree about which of two fields or parameters counts. */
  #checkRepeats(head: ReadonlyMap<string, string>): void {
    for (const [key, value] of head) {
      const [name = ''] = key.split(' ');
      if (name !== key && !isSameField(value, head.get(name)!)) this.#raise('smtp.mime_structure_ambiguous');
    }
    const boundaries = parameters(head.get('content-type') ?? '', 'boundary');
    if (boundaries.some((boundary) => boundary !== boundaries[0])) this.#raise('smtp.mime_structure_ambiguous');
  }

  #endHead(): void {
    const head = this.#head;
    if (this.#isTopHead) for (const name of MAIL_FIELDS) if (head.has(name)) this.fields.set(name, head.get(name)!);
    this.#isTopHead = false;
    this.#isInHead = false;
    this.#field = null;
    this.#head = new Map();
    this.#repeats = 0;
    this.#checkRepeats(head);
    const type = head.get('content-type') ?? '';
    const kind = mainValue(type);
    if (kind.startsWith('multipart/')) this.#beginMultipart(type);
    // As in Suricata, and as mail readers do, whatever its encoding is said to be: RFC 2046 §5.2.1 allows none.
    else if (kind === 'message/rfc822' || kind === 'message/global') this.#isInHead = true;
    else this.#beginLeaf(type, head.get('content-disposition') ?? '', head.get('content-transfer-encoding') ?? '');
  }

  #beginMultipart(type: string): void {
    const boundary = parameter(type, 'boundary');
    if (boundary === null || boundary === '') {
      this.#raise('smtp.mime_malformed_msg');
      return;
    }
    if (boundary.length > MAX_BOUNDARY_BYTES) this.#raise('smtp.mime_long_boundary');
    if (this.#boundaries.length >= MAX_LEVELS) this.#raise('smtp.mime_too_many_levels');
    else this.#boundaries.push(Buffer.from(boundary, 'latin1'));
  }

  #beginLeaf(type: string, disposition: string, encoding: string): void {
    const name = parameter(disposition, 'filename') ?? parameter(type, 'name');
    if (name === null && mainValue(disposition) !== 'attachment') {
      // Its content is not kept; whether it is well encoded is told.
      this.#decoder = decoderOf(encoding, new ByteBuffer(0));
      return;
    }
    if (name !== null && name.length > MAX_FILE_NAME_BYTES) this.#raise('smtp.mime_long_filename');
    if (this.files.length >= MAX_FILES) {
      this.#raise('smtp.mime_too_many_files');
      return;
    }
    const content = new ByteBuffer(MAX_FILE_BYTES);
    this.#file = { name: name === null ? null : Buffer.from(name, 'latin1'), content, isCut: false };
    this.files.push(this.#file);
    this.#decoder = decoderOf(encoding, content);
  }

  #endPart(): void {
    const decoder = this.#decoder;
    this.#decoder = null;
    this.#file = null;
    if (decoder === null || !decoder.hasFault) return;
    this.#raise(decoder instanceof Base64Decoder ? 'smtp.mime_invalid_base64' : 'smtp.mime_invalid_qp');
  }

  /**
   * A boundary of any multipart that is open: what is within it and did not end, ends there. By RFC 2046 §5.1.1 it may
   * go on behind that; but most readers want the line to end, and for them the part goes on.
   */
  #isBoundary(bytes: Uint8Array, start: number, end: number, breaksOff: boolean): boolean {
    if (this.#boundaries.length === 0 || end - start < 3) return false;
    if (u8(bytes, start) !== HYPHEN || u8(bytes, start + 1) !== HYPHEN) return false;
    let last = end;
    while (last > start && (u8(bytes, last - 1) === SPACE || u8(bytes, last - 1) === TAB)) last--;
    let begun = -1;
    for (let level = this.#boundaries.length - 1; level >= 0; level--) {
      const boundary = this.#boundaries[level]!;
      if (!startsWith(bytes, start + 2, end, boundary)) continue;
      const behind = start + 2 + boundary.length;
      const isLast = end - behind >= 2 && u8(bytes, behind) === HYPHEN && u8(bytes, behind + 1) === HYPHEN;
      if (behind + (isLast ? 2 : 0) >= last) {
        this.#endAtBoundary(level, isLast);
        return true;
      }
      if (begun < 0) begun = level;
    }
    if (begun < 0) return false;
    if (!breaksOff) this.#raise('smtp.mime_boundary_ambiguous');
    const behind = start + 2 + this.#boundaries[begun]!.length;
    this.#endAtBoundary(begun, u8(bytes, behind) === HYPHEN && u8(bytes, behind + 1) === HYPHEN);
    return true;
  }

  #endAtBoundary(level: number, isLast: boolean): void {
    if (this.#isInHead) this.#endHead();
    this.#endPart();
    this.#boundaries.length = isLast ? level : level + 1;
    this.#isInHead = !isLast;
  }
}

/** But for case and white space. */
const isSameField = (a: string, b: string): boolean =>
  a.replace(/\s+/g, ' ').trim().toLowerCase() === b.replace(/\s+/g, ' ').trim().toLowerCase();

function decoderOf(encoding: string, content: ByteBuffer): TransferDecoder {
  // RFC 2045 §6.1 has one word; comments, quotes and parameters are what readers ignore.
  switch (/^\s*([\w-]*)/.exec(encoding.replace(/\([^()]*\)|"/g, ' '))![1]!.toLowerCase()) {
    case 'base64':
      return new Base64Decoder(content);
    case 'quoted-printable':
      return new QuotedPrintableDecoder(content);
    default:
      return new IdentityDecoder(content);
  }
}

function startsWith(bytes: Uint8Array, start: number, end: number, prefix: Uint8Array): boolean {
  if (end - start < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (u8(bytes, start + i) !== prefix[i]) return false;
  return true;
}
