import { latin1, u8 } from '../base/bytes.ts';

// MaxMind DB file format 2.0, "Output data section": types, as far as they are not skipped by their size alone.
const TYPE = { pointer: 1, text: 2, map: 7, array: 11, boolean: 14 } as const;
const FIRST_EXTENDED = 7;
/** Added to pointers by how many bytes they have. */
const POINTER_BASES = [0, 2048, 526_336, 0] as const;
/** Real databases nest four levels. */
const MAX_DEPTH = 32;

/** The records of a database in MaxMind's format. Whatever is asked of a damaged one throws RangeError. */
export class CountryRecords {
  readonly #bytes: Uint8Array;
  /** Pointers count from here. */
  readonly #start: number;
  // Of the value in hand.
  #type = 0;
  #size = 0;
  #at = 0;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#start = start;
  }

  /** The value under these keys of the maps that begin at `at`; null: there is none. */
  find(at: number, keys: readonly string[]): string | number | null {
    let place = at;
    for (const key of keys) {
      place = this.#placeOf(place, key);
      if (place < 0) return null;
    }
    this.#open(place);
    const { length } = this.#bytes;
    if (this.#at + this.#size > length) throw new RangeError('a value goes on behind the end');
    if (this.#type === TYPE.text) return latin1(this.#bytes.subarray(this.#at, this.#at + this.#size));
    let number = 0;
    for (let i = 0; i < this.#size; i++) number = number * 256 + u8(this.#bytes, this.#at + i);
    return number;
  }

  #placeOf(map: number, key: string): number {
    this.#open(map);
    if (this.#type !== TYPE.map) return -1;
    const entries = this.#size;
    let at = this.#at;
    for (let i = 0; i < entries; i++) {
      const isIt = this.find(at, []) === key;
      at = this.#skip(at, 0);
      if (isIt) return at;
      at = this.#skip(at, 0);
    }
    return -1;
  }

  /** Type, size and first byte of the value, behind pointers to it. */
  #open(at: number): void {
    this.#readControl(at);
    if (this.#type !== TYPE.pointer) return;
    this.#readControl(this.#start + this.#size);
    if (this.#type === TYPE.pointer) throw new RangeError('a pointer to a pointer');
  }

  /** Where the next value begins. */
  #skip(at: number, depth: number): number {
    this.#readControl(at);
    const size = this.#size;
    let end = this.#at;
    switch (this.#type) {
      case TYPE.pointer:
      case TYPE.boolean:
        return end;
      case TYPE.map:
      case TYPE.array: {
        if (depth === MAX_DEPTH) throw new RangeError('values in values without end');
        const values = this.#type === TYPE.map ? size * 2 : size;
        for (let i = 0; i < values; i++) end = this.#skip(end, depth + 1);
        return end;
      }
      default:
        return end + size;
    }
  }

  /** Of a pointer, the size is where it points to. */
  #readControl(at: number): void {
    const bytes = this.#bytes;
    if (at < 0 || at >= bytes.length) throw new RangeError('a value begins behind the end');
    const control = u8(bytes, at);
    this.#at = at + 1;
    this.#type = control >> 5;
    if (this.#type === TYPE.pointer) {
      const length = ((control >> 3) & 3) + 1;
      const high = length === 4 ? 0 : control & 7;
      this.#size = this.#number(high, length) + POINTER_BASES[length - 1]!;
      return;
    }
    if (this.#type === 0) this.#type = FIRST_EXTENDED + this.#number(0, 1);
    const size = control & 0x1f;
    if (size < 29) this.#size = size;
    else if (size === 29) this.#size = 29 + this.#number(0, 1);
    else if (size === 30) this.#size = 285 + this.#number(0, 2);
    else this.#size = 65_821 + this.#number(0, 3);
  }

  /** The next bytes, behind higher ones. */
  #number(high: number, count: number): number {
    const end = this.#at + count;
    if (end > this.#bytes.length) throw new RangeError('a value goes on behind the end');
    let number = high;
    while (this.#at < end) number = number * 256 + u8(this.#bytes, this.#at++);
    return number;
  }
}
