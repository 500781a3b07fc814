import { copyBytes, EMPTY_BYTES } from '../../base/bytes.ts';

/** RFC 7541 §4.1: what an entry counts for beside its name and value. */
const ENTRY_OVERHEAD_BYTES = 32;

/**
 * The dynamic table of RFC 7541 §2.3.2: entries in a row in one piece of memory, which moves them up when it is full.
 */
export class HeaderTable {
  /** Names and values. Valid until the next `add`. */
  bytes: Uint8Array = EMPTY_BYTES;
  count = 0;
  #usedBytes = 0;
  #maxBytes: number;
  /** A ring of rows: where an entry begins, where its name and where its value ends. */
  #places = new Int32Array(16 * COLUMNS);
  #newest = -1;
  /** Behind the last entry. */
  #end = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The newest entry is 0. */
  nameStart(entry: number): number {
    return this.#places[this.#row(entry)]!;
  }
  nameEnd(entry: number): number {
    return this.#places[this.#row(entry) + 1]!;
  }
  valueEnd(entry: number): number {
    return this.#places[this.#row(entry) + 2]!;
  }

  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#evict(maxBytes);
    if (maxBytes === 0) this.bytes = EMPTY_BYTES;
  }

  /** Name and value stand in `bytes` one behind the other, which is not this table's memory. */
  add(bytes: Uint8Array, nameStart: number, nameEnd: number, valueEnd: number): void {
    const length = valueEnd - nameStart;
    this.#evict(this.#maxBytes - length - ENTRY_OVERHEAD_BYTES);
    // RFC 7541 §4.4: what is larger than the table empties it, and is no error.
    if (length + ENTRY_OVERHEAD_BYTES > this.#maxBytes) return;
    this.#makeRoom(length);
    const start = this.#end;
    copyBytes(bytes, nameStart, valueEnd, this.bytes, start);
    this.#end += length;
    if ((this.count + 1) * COLUMNS > this.#places.length) this.#growRing();
    this.#newest = (this.#newest + 1) % this.#rows;
    this.count++;
    this.#usedBytes += length + ENTRY_OVERHEAD_BYTES;
    const row = this.#newest * COLUMNS;
    this.#places[row] = start;
    this.#places[row + 1] = start + (nameEnd - nameStart);
    this.#places[row + 2] = start + length;
  }

  get #rows(): number {
    return this.#places.length / COLUMNS;
  }

  #row(entry: number): number {
    const rows = this.#rows;
    return ((this.#newest - entry + rows) % rows) * COLUMNS;
  }

  #evict(maxBytes: number): void {
    while (this.count > 0 && this.#usedBytes > maxBytes) {
      const oldest = this.count - 1;
      this.#usedBytes -= this.valueEnd(oldest) - this.nameStart(oldest) + ENTRY_OVERHEAD_BYTES;
      this.count--;
    }
    if (this.count === 0) this.#end = 0;
  }

  /** Moves entries only when as many bytes came since as are moved, so that each costs a fixed number of copies. */
  #makeRoom(length: number): void {
    if (this.#end + length <= this.bytes.length) return;
    const start = this.count === 0 ? this.#end : this.nameStart(this.count - 1);
    const live = this.#end - start;
    const capacity = Math.max(FIRST_BYTES, 2 * (live + length));
    const target = capacity > this.bytes.length ? new Uint8Array(capacity) : this.bytes;
    target.set(this.bytes.subarray(start, this.#end));
    this.bytes = target;
    this.#end = live;
    for (let i = 0; i < this.#places.length; i++) this.#places[i]! -= start;
  }

  #growRing(): void {
    const grown = new Int32Array(2 * this.#places.length);
    for (let entry = 0; entry < this.count; entry++) {
      const row = this.#row(entry);
      const to = (this.count - 1 - entry) * COLUMNS;
      grown.set(this.#places.subarray(row, row + COLUMNS), to);
    }
    this.#newest = this.count - 1;
    this.#places = grown;
  }
}

const COLUMNS = 3;
const FIRST_BYTES = 256;
