import { CR, HYPHEN, LF } from '../../base/ascii.ts';
import { EMPTY_BYTES, fromLatin1, latin1 } from '../../base/bytes.ts';
import { parameter } from '../mime-field.ts';
import type { Body } from './body.ts';
import { isBlank } from './chars.ts';
import { fieldName } from './field-name.ts';
import type { Head } from './head.ts';

/** The boundary of a multipart/form-data type (RFC 7578), null for other types. */
export function boundaryOf(contentType: string): string | null {
  if (!/^multipart\/form-data\b/i.test(contentType)) return null;
  const match = /;\s{0,8}boundary=(?:"([^"]{1,200})"|([^\s;,"]{1,200}))/i.exec(contentType);
  return match === null ? null : (match[1] ?? match[2] ?? null);
}

/**
 * Forms that servers take apart otherwise: with two boundaries, or one that they cut at another place, or with two
 * types of which another one counts.
 */
export function isAmbiguousForm(head: Head): boolean {
  const first = head.find(CONTENT_TYPE);
  let isForm = false;
  for (let field = first; field >= 0; field = head.find(CONTENT_TYPE, field + 1)) {
    const value = head.valueText(field);
    if (!/multipart\/form-data/i.test(value)) continue;
    isForm = true;
    const boundaries = value.match(/boundary\s{0,8}\*?\d{0,3}\*?\s{0,8}=/gi)?.length ?? 0;
    if (boundaries > 1 || (boundaries === 1 && !PLAIN_BOUNDARY.test(value))) return true;
  }
  return isForm && head.find(CONTENT_TYPE, first + 1) >= 0;
}

/** Followed by nothing that somebody could take for a part of it. */
const PLAIN_BOUNDARY = /boundary\s{0,8}=\s{0,8}(?:"[^"\\]*"|[^\s;,"\\]*)\s*(?:;|$)/i;
const CONTENT_TYPE = fieldName('content-type');

/**
 * Finds the parts of a form that have a file name while the body grows; every byte is searched once. Where servers
 * disagree, a file is what any of them takes for one, and as long as for any of them: a delimiter is a line of its own,
 * a part whose fields end in anything but CR LF CR LF is a file, and so is a body without any delimiter.
 */
export class MultipartForm {
  readonly #delimiter: Uint8Array;
  /** Start and end of each file found; the end of the last may be open (-1). */
  readonly #files: number[] = [];
  readonly #names: Uint8Array[] = [];
  #searchedBytes = 0;
  /** Where the fields of the current part begin, -1 outside of them. */
  #fieldsAt = -1;
  #knownBytes = 0;
  #hasDelimiter = false;
  #isOver = false;

  constructor(boundary: string) {
    this.#delimiter = fromLatin1(`--${boundary}`);
  }

  advance(body: Body, isComplete: boolean): void {
    const content = body.view();
    const { length } = content;
    this.#isOver = isComplete || body.isFull;
    while (
      this.#files.length < 2 * MAX_FILES &&
      (this.#fieldsAt < 0 ? this.#endPart(content) : this.#beginPart(content))
    ) {
      // Each step goes behind a delimiter or behind the fields of a part.
    }
    // The last bytes may be the beginning of a delimiter.
    const isFull = this.#isOver || this.#files.length >= 2 * MAX_FILES;
    const openBytes = isFull ? 0 : Math.max(this.#delimiter.length, length - this.#searchedBytes) + 2;
    this.#knownBytes = Math.max(this.#knownBytes, length - openBytes);
  }

  /** An empty file is empty, not absent: others may come behind it. */
  file(body: Body, nth: number): Uint8Array | null {
    if (this.#isUndivided) return nth === 0 ? body.view() : null;
    const start = this.#files[2 * nth];
    const end = this.#files[2 * nth + 1];
    if (start === undefined || end === undefined) return null;
    return body.view().subarray(start, Math.max(start, end < 0 ? this.#knownBytes : end));
  }

  /** Of a file that is there. */
  fileName(nth: number): Uint8Array {
    return this.#names[nth] ?? EMPTY_BYTES;
  }

  /** The end of the file has not come. */
  isOpen(nth: number): boolean {
    return this.#isUndivided || this.#files[2 * nth + 1] === -1;
  }

  /** Nothing in it is a delimiter. */
  get #isUndivided(): boolean {
    return this.#isOver && !this.#hasDelimiter;
  }

  /** Looks for a delimiter. False: there is none yet. */
  #endPart(content: Uint8Array): boolean {
    const { length } = content;
    const buffer = Buffer.from(content.buffer, content.byteOffset, length);
    for (;;) {
      const at = buffer.indexOf(this.#delimiter, this.#searchedBytes);
      if (at < 0) {
        this.#searchedBytes = Math.max(this.#searchedBytes, length - this.#delimiter.length + 1);
        return false;
      }
      this.#searchedBytes = at;
      let behind = at + this.#delimiter.length;
      const isLast = content[behind] === HYPHEN && content[behind + 1] === HYPHEN;
      if (isLast) behind += 2;
      const blanksEnd = Math.min(length, behind + MAX_BLANKS);
      while (behind < blanksEnd && isBlank(content[behind]!)) behind++;
      const isOpen = behind === length || (behind + 1 === length && content[behind] === HYPHEN);
      if (isOpen && !this.#isOver) return false;
      const isLine = isOpen || isLineEnd(content[behind]!) || isBlank(content[behind]!);
      if (!isLine || (at > 0 && !isLineEnd(content[at - 1]!))) {
        this.#searchedBytes = at + 1;
        continue;
      }
      this.#hasDelimiter = true;
      const lineEndBytes = at === 0 ? 0 : at > 1 && content[at - 1] === LF && content[at - 2] === CR ? 2 : 1;
      this.#close(at - lineEndBytes);
      this.#fieldsAt = isLast ? -1 : behind;
      this.#searchedBytes = behind;
      return true;
    }
  }

  /** Looks for the empty line behind the fields of a part. False: it is not there yet. */
  #beginPart(content: Uint8Array): boolean {
    const { length } = content;
    for (let at = this.#searchedBytes; at + 1 < length; at++) {
      const byte = content[at]!;
      if (byte !== CR && byte !== LF) continue;
      const next = content[at + 1]!;
      let start = -1;
      if (next === byte) start = at + 2;
      else if (byte === LF && next === CR) {
        if (at + 2 === length) {
          this.#searchedBytes = at;
          return false;
        }
        if (content[at + 2] === LF) start = at + 3;
      }
      if (start < 0) continue;
      const isPlain = start - at === 3 && content[at - 1] === CR;
      this.#tellPart(latin1(content, this.#fieldsAt, at), start, isPlain);
      this.#fieldsAt = -1;
      this.#searchedBytes = start;
      return true;
    }
    this.#searchedBytes = Math.max(this.#searchedBytes, length - 1);
    return false;
  }

  #tellPart(fields: string, start: number, isPlain: boolean): void {
    if (isPlain && !/filename/i.test(fields)) return;
    this.#files.push(start, -1);
    const disposition = /^content-disposition:(.*(?:\r\n[ \t].*)*)/im.exec(fields)?.[1] ?? '';
    this.#names.push(Buffer.from(parameter(disposition, 'filename') ?? '', 'latin1'));
  }

  #close(end: number): void {
    const last = this.#files.length - 1;
    if (last > 0 && this.#files[last] === -1) this.#files[last] = Math.max(end, this.#files[last - 1]!);
  }
}

/**
 * Suricata has no such limit. Servers take fewer: PHP 20 (max_file_uploads), ASP.NET Core 1,024 fields of any kind
 * (FormOptions.ValueCountLimit). Behind it the last file is not closed, so that the rest of the form is searched as a
 * part of it.
 */
const MAX_FILES = 1024;
/** Behind a delimiter in its line; ours, for work that is linear. Behind so many it is one, whatever comes. */
const MAX_BLANKS = 256;

const isLineEnd = (byte: number): boolean => byte === CR || byte === LF;
