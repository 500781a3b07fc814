import { EMPTY_BYTES, fromLatin1 } from '../../base/bytes.ts';
import { parameter } from '../mime-field.ts';
import type { Body } from './body.ts';

/** The boundary of a multipart/form-data type (RFC 7578), null for other types. */
export function boundaryOf(contentType: string): string | null {
  if (!/^multipart\/form-data\b/i.test(contentType)) return null;
  const match = /;\s{0,8}boundary=(?:"([^"]{1,200})"|([^\s;,"]{1,200}))/i.exec(contentType);
  return match === null ? null : (match[1] ?? match[2] ?? null);
}

/** Finds the parts of a form that have a file name while the body grows; every byte is searched once. */
export class MultipartForm {
  readonly #delimiter: Uint8Array;
  /** Start and end of each file found; the end of the last may be open (-1). */
  readonly #files: number[] = [];
  readonly #names: Uint8Array[] = [];
  #searchedBytes = 0;
  /** Where the fields of the current part begin, -1 outside of them. */
  #fieldsAt = -1;
  #knownBytes = 0;

  constructor(boundary: string) {
    this.#delimiter = fromLatin1(`--${boundary}`);
  }

  advance(body: Body, isComplete: boolean): void {
    const content = body.view();
    const { length } = content;
    const buffer = Buffer.from(content.buffer, content.byteOffset, length);
    while (this.#files.length < 2 * MAX_FILES) {
      if (this.#fieldsAt < 0) {
        const at = buffer.indexOf(this.#delimiter, this.#searchedBytes);
        if (at < 0) {
          this.#searchedBytes = Math.max(this.#searchedBytes, length - this.#delimiter.length + 1);
          break;
        }
        this.#close(at >= 2 && content[at - 2] === 0x0d ? at - 2 : at);
        this.#fieldsAt = at + this.#delimiter.length;
        this.#searchedBytes = this.#fieldsAt;
      }
      const end = buffer.indexOf('\r\n\r\n', this.#searchedBytes);
      if (end < 0) {
        this.#searchedBytes = Math.max(this.#searchedBytes, length - 3);
        break;
      }
      this.#beginPart(buffer.toString('latin1', this.#fieldsAt, end), end + 4);
      this.#fieldsAt = -1;
      this.#searchedBytes = end + 4;
    }
    // The last bytes may be the beginning of a delimiter.
    this.#knownBytes = isComplete || body.isFull ? length : Math.max(0, length - this.#delimiter.length - 2);
  }

  /** An empty file is empty, not absent: others may come behind it. */
  file(body: Body, nth: number): Uint8Array | null {
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
    return this.#files[2 * nth + 1] === -1;
  }

  #beginPart(fields: string, start: number): void {
    if (!/filename/i.test(fields)) return;
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
