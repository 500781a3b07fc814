/** Longer bytes are not remembered: comparing them costs as much as searching them. */
const MAX_BYTES = 32;
/** Bytes in which more patterns are found are not remembered. */
const MAX_FOUND = 7;
/** A power of two. Its answers take 2 KiB for each database. */
const ROWS = 32;

/**
 * What a pattern search found in short bytes, for those that come again and again: methods, versions, host names,
 * status lines. Bytes that fall into the same row replace each other, so that its size is fixed.
 */
export class AnswerCache {
  /** Patterns found in the bytes of each row: how many, and which. */
  readonly found = new Uint32Array(ROWS * FOUND_COLUMNS);
  readonly #bytes = new Uint8Array(ROWS * MAX_BYTES);
  /** Plus one, so that 0 is an empty row. */
  readonly #lengths = new Uint8Array(ROWS);

  /** Where the answer for these bytes would be; -1 for those that are not remembered. */
  rowOf(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length > MAX_BYTES || length === 0) return -1;
    const mixed = Math.imul(
      bytes[end - 1]! * 5 + bytes[start]! * 3 + bytes[start + (length >> 1)]! + length,
      0x9e3779b1,
    );
    return mixed >>> ROW_SHIFT;
  }

  has(row: number, bytes: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    if (this.#lengths[row] !== length + 1) return false;
    const known = this.#bytes;
    const from = row * MAX_BYTES;
    for (let i = 0; i < length; i++) if (known[from + i] !== bytes[start + i]) return false;
    return true;
  }

  /** `found[0, count)` are the patterns that are in the bytes. */
  remember(row: number, bytes: Uint8Array, start: number, end: number, found: Uint32Array, count: number): void {
    this.#lengths[row] = 0;
    if (count > MAX_FOUND) return;
    this.#lengths[row] = end - start + 1;
    const from = row * MAX_BYTES;
    for (let i = start; i < end; i++) this.#bytes[from + i - start] = bytes[i]!;
    const at = row * FOUND_COLUMNS;
    this.found[at] = count;
    for (let i = 0; i < count; i++) this.found[at + 1 + i] = found[i]!;
  }
}

/** Columns of `found`: how many patterns, and which. */
export const FOUND_COLUMNS = 1 + MAX_FOUND;
const ROW_SHIFT = 32 - Math.log2(ROWS);
