import { EMPTY_BYTES } from './bytes.ts';

/** Memory is claimed in slabs of this size, of which only what is used is resident. */
const SLAB_BYTES = 256 * 1024;
/** So that a slab has room for a few. */
export const MAX_RECORD_BYTES = SLAB_BYTES / 4;
/** A handle is the number of a slab and, in these bits, the place in it. */
const PLACE_BITS = 15;
/** Sizes are multiples of eight bytes up to here, and from here on an eighth of the power of two below them. */
const FINE_BYTES = 128;
const FINE_BITS = 7;

interface Slab {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  sizeClass: number;
  recordBytes: number;
  /** Records in it. */
  count: number;
  /** The first free place plus one, whose first four bytes are the next one's; 0: none. */
  firstFree: number;
  /** Places from here on were never used. */
  unused: number;
}

/**
 * Bytes of different lengths, one record for a slot. They lie side by side in large slabs: a typed array for each would
 * cost some 300 bytes more, and be one more object for the collector. A slab that is empty goes back to the system.
 */
export class SlotRecords {
  /** What `add` made or `find` found: `[start, end)`, until the next call. */
  bytes: Uint8Array = EMPTY_BYTES;
  view: DataView = new DataView(EMPTY_BYTES.buffer);
  start = 0;
  /** Of all slabs in use. */
  claimedBytes = 0;
  #handles = new Int32Array(1024);
  readonly #slabs: (Slab | null)[] = [];
  readonly #freeNumbers: number[] = [];
  /** By size, the numbers of those slabs that have room. */
  readonly #roomy: (number[] | undefined)[] = [];
  /** An empty one is held, so that a record that comes and goes does not claim and return one each time. */
  #spare: Slab | null = null;

  /**
   * Room for a slot's record, whose content is undefined. The slot has none, and `length` is at most MAX_RECORD_BYTES.
   */
  add(slot: number, length: number): void {
    const sizeClass = classOf(length);
    this.#roomy[sizeClass] ??= [];
    const roomy = this.#roomy[sizeClass];
    if (roomy.length === 0) roomy.push(this.#claim(sizeClass));
    const number = roomy[roomy.length - 1]!;
    const slab = this.#slabs[number]!;
    const place = slab.firstFree === 0 ? slab.unused++ : slab.firstFree - 1;
    const start = place * slab.recordBytes;
    if (slab.firstFree !== 0) slab.firstFree = slab.view.getInt32(start, true);
    slab.count++;
    if (isFull(slab)) roomy.pop();
    if (slot >= this.#handles.length) this.#grow(slot);
    this.#handles[slot] = (number << PLACE_BITS) + place + 1;
    this.#point(slab, start);
  }

  has(slot: number): boolean {
    return slot < this.#handles.length && this.#handles[slot] !== 0;
  }

  /** Points at the slot's record. False: it has none. */
  find(slot: number): boolean {
    if (!this.has(slot)) return false;
    const handle = this.#handles[slot]! - 1;
    const slab = this.#slabs[handle >>> PLACE_BITS]!;
    this.#point(slab, (handle & PLACE_MASK) * slab.recordBytes);
    return true;
  }

  /** Its bytes are gone with it. */
  remove(slot: number): void {
    if (!this.has(slot)) return;
    const handle = this.#handles[slot]! - 1;
    this.#handles[slot] = 0;
    const number = handle >>> PLACE_BITS;
    const place = handle & PLACE_MASK;
    const slab = this.#slabs[number]!;
    const wasFull = isFull(slab);
    slab.view.setInt32(place * slab.recordBytes, slab.firstFree, true);
    slab.firstFree = place + 1;
    slab.count--;
    const roomy = this.#roomy[slab.sizeClass]!;
    if (wasFull) roomy.push(number);
    if (slab.count > 0) return;
    roomy.splice(roomy.indexOf(number), 1);
    this.#slabs[number] = null;
    this.#freeNumbers.push(number);
    this.claimedBytes -= SLAB_BYTES;
    this.#spare = slab;
  }

  #claim(sizeClass: number): number {
    const slab = this.#spare ?? newSlab();
    this.#spare = null;
    slab.sizeClass = sizeClass;
    slab.recordBytes = bytesOf(sizeClass);
    slab.count = 0;
    slab.firstFree = 0;
    slab.unused = 0;
    const number = this.#freeNumbers.pop() ?? this.#slabs.length;
    this.#slabs[number] = slab;
    this.claimedBytes += SLAB_BYTES;
    return number;
  }

  #point(slab: Slab, start: number): void {
    this.bytes = slab.bytes;
    this.view = slab.view;
    this.start = start;
  }

  #grow(slot: number): void {
    const grown = new Int32Array(2 * slot);
    grown.set(this.#handles);
    this.#handles = grown;
  }
}

const PLACE_MASK = 2 ** PLACE_BITS - 1;

const isFull = ({ firstFree, unused, recordBytes }: Slab): boolean =>
  firstFree === 0 && (unused + 1) * recordBytes > SLAB_BYTES;

function newSlab(): Slab {
  const bytes = new Uint8Array(SLAB_BYTES);
  const view = new DataView(bytes.buffer);
  return { bytes, view, sizeClass: 0, recordBytes: 0, count: 0, firstFree: 0, unused: 0 };
}

function classOf(length: number): number {
  if (length <= FINE_BYTES) return Math.max(0, (length - 1) >> 3);
  const power = 31 - Math.clz32(length - 1);
  return FINE_BYTES / 8 + (power - FINE_BITS) * 8 + ((length - 1 - 2 ** power) >> (power - 3));
}

function bytesOf(sizeClass: number): number {
  if (sizeClass < FINE_BYTES / 8) return (sizeClass + 1) * 8;
  const coarse = sizeClass - FINE_BYTES / 8;
  const power = FINE_BITS + (coarse >> 3);
  return 2 ** power + ((coarse & 7) + 1) * 2 ** (power - 3);
}
