import { u8, u16, u32 } from '../../base/bytes.ts';

/** Larger than the package database of any host; what is broken may not send us through a disk. */
const MAX_DATABASE_BYTES = 2 * 2 ** 30;
/** The header of a package; that of the kernel's sources has some MiB. */
const MAX_ROW_BYTES = 64 * 2 ** 20;
const MAX_DEPTH = 20;

const HEADER_BYTES = 100;
/** The first page has the list of tables. */
const SCHEMA_PAGE = 1;
const INTERIOR_PAGE = 0x05;
const LEAF_PAGE = 0x0d;

export interface DatabaseFile {
  readonly bytes: number;
  /** Null beyond the end. */
  read(offset: number, length: number): Uint8Array | null;
}

/**
 * The rows of one table of an SQLite database (https://www.sqlite.org/fileformat2.html), as the values of their
 * columns: numbers, or bytes for texts and blobs. Changes that are only in a write-ahead log are not seen. Of what is
 * no database, or has no such table, there are none. A broken page or row is skipped. Returns whether the table was
 * there and nothing was skipped.
 */
export function* sqliteRows(file: DatabaseFile, table: string): Generator<readonly SqliteValue[], boolean> {
  const pages = SqlitePages.open(file);
  for (const [type, , name, rootPage] of pages?.rows(SCHEMA_PAGE) ?? []) {
    if (asText(type) === 'table' && asText(name) === table && typeof rootPage === 'number') {
      yield* pages!.rows(rootPage);
      return !pages!.hasSkipped;
    }
  }
  return false;
}

export type SqliteValue = number | Uint8Array | null;

const asText = (value: SqliteValue | undefined): string =>
  value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : '';

class SqlitePages {
  readonly #file: DatabaseFile;
  readonly #pageBytes: number;
  /** A page's bytes without what is reserved at its end. */
  readonly #usableBytes: number;
  /** No byte is part of two rows: what is more points at itself, and would grow without end. */
  #leftBytes: number;
  /** Something was broken, and is not among the rows. */
  hasSkipped = false;

  private constructor(file: DatabaseFile, pageBytes: number, reservedBytes: number) {
    this.#file = file;
    this.#leftBytes = Math.min(file.bytes, MAX_DATABASE_BYTES);
    this.#pageBytes = pageBytes;
    this.#usableBytes = pageBytes - reservedBytes;
  }

  static open(file: DatabaseFile): SqlitePages | null {
    const header = file.read(0, HEADER_BYTES);
    if (header === null || Buffer.from(header.subarray(0, 16)).toString('latin1') !== 'SQLite format 3\0') return null;
    const size = u16(header, 16);
    const pageBytes = size === 1 ? 65_536 : size;
    const isSize = pageBytes >= 512 && (pageBytes & (pageBytes - 1)) === 0;
    return isSize && pageBytes - u8(header, 20) >= 480 ? new SqlitePages(file, pageBytes, u8(header, 20)) : null;
  }

  /** In key order. Each page is visited once: pages that point at each other end the walk. */
  *rows(rootPage: number): Generator<readonly SqliteValue[]> {
    const seen = new Set<number>();
    const stack: { page: number; depth: number }[] = [{ page: rootPage, depth: 0 }];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const isBeyond = seen.size * this.#pageBytes >= MAX_DATABASE_BYTES || next.depth > MAX_DEPTH;
      const page = isBeyond || seen.has(next.page) ? null : this.#page(next.page);
      seen.add(next.page);
      if (page === null) {
        this.hasSkipped = true;
        continue;
      }
      const start = next.page === SCHEMA_PAGE ? HEADER_BYTES : 0;
      const type = u8(page, start);
      const cells = u16(page, start + 3);
      const headerEnd = start + (type === INTERIOR_PAGE ? 12 : 8);
      if ((type !== INTERIOR_PAGE && type !== LEAF_PAGE) || headerEnd + 2 * cells > page.length) {
        this.hasSkipped = true;
        continue;
      }

      const offsets = Array.from({ length: cells }, (_, at) => u16(page, headerEnd + 2 * at));
      if (type === LEAF_PAGE) {
        for (const offset of offsets) {
          const row = this.#row(page, offset);
          if (row === null) this.hasSkipped = true;
          else yield row;
        }
        continue;
      }
      const children = offsets.filter((offset) => offset + 4 <= page.length).map((offset) => u32(page, offset));
      children.push(u32(page, start + 8));
      for (const child of children.reverse()) stack.push({ page: child, depth: next.depth + 1 });
    }
  }

  #page(number: number): Uint8Array | null {
    return number < 1 ? null : this.#file.read((number - 1) * this.#pageBytes, this.#pageBytes);
  }

  #row(page: Uint8Array, offset: number): readonly SqliteValue[] | null {
    const payload = readVarint(page, offset);
    if (payload === null || payload.value > Math.min(this.#leftBytes, MAX_ROW_BYTES)) return null;
    this.#leftBytes -= payload.value;
    const rowId = readVarint(page, payload.end);
    if (rowId === null) return null;
    const bytes = this.#payload(page, rowId.end, payload.value);
    return bytes === null ? null : valuesOf(bytes);
  }

  /** Section 1.6: what does not fit on the page is in a chain of overflow pages. */
  #payload(page: Uint8Array, at: number, length: number): Uint8Array | null {
    const usable = this.#usableBytes;
    const maxLocal = usable - 35;
    if (length <= maxLocal) return at + length <= usable ? page.subarray(at, at + length) : null;
    const minLocal = Math.floor(((usable - 12) * 32) / 255) - 23;
    const surplus = minLocal + ((length - minLocal) % (usable - 4));
    const local = surplus <= maxLocal ? surplus : minLocal;
    if (at + local + 4 > usable) return null;

    const whole = new Uint8Array(length);
    whole.set(page.subarray(at, at + local));
    let filled = local;
    let next = u32(page, at + local);
    while (filled < length) {
      const overflow = this.#page(next);
      if (overflow === null) return null;
      const part = overflow.subarray(4, Math.min(usable, 4 + length - filled));
      whole.set(part, filled);
      filled += part.length;
      next = u32(overflow, 0);
    }
    return whole;
  }
}

/** Section 2.1: a header of types, then the values. */
function valuesOf(bytes: Uint8Array): readonly SqliteValue[] | null {
  const header = readVarint(bytes, 0);
  if (header === null || header.value > bytes.length) return null;
  const values: SqliteValue[] = [];
  let valueAt = header.value;
  for (let at = header.end; at < header.value; ) {
    const type = readVarint(bytes, at);
    if (type === null) return null;
    at = type.end;
    const length = valueBytes(type.value);
    if (valueAt + length > bytes.length) return null;
    values.push(columnValue(bytes.subarray(valueAt, valueAt + length), type.value));
    valueAt += length;
  }
  return values;
}

const INTEGER_BYTES = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0];

const valueBytes = (type: number): number =>
  type < INTEGER_BYTES.length ? INTEGER_BYTES[type]! : Math.floor((type - 12) / 2);

function columnValue(bytes: Uint8Array, type: number): SqliteValue {
  if (type >= 12) return bytes;
  if (type === 8 || type === 9) return type - 8;
  if (type === 0 || type === 7) return null;
  return Buffer.from(bytes).readIntBE(0, Math.min(bytes.length, 6));
}

/** Up to nine bytes of seven bits, the first with the highest. */
function readVarint(bytes: Uint8Array, start: number): { value: number; end: number } | null {
  let value = 0;
  for (let at = start; at < Math.min(bytes.length, start + 8); at++) {
    value = value * 128 + (u8(bytes, at) & 0x7f);
    if (u8(bytes, at) < 0x80) return { value, end: at + 1 };
  }
  return null;
}
