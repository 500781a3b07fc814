import { halfSipHash } from '../base/hash.ts';

/** Two numbers that say what is remembered, and the addresses of one host or two. */
export const TRACK_KEY_WORDS = 10;

/** Entries that share a place: so many are looked at for a key, and the one that ends first makes room. */
const BUCKET_ENTRIES = 8;
const FIRST_ENTRIES = 1024;
/** 10 MB. Our choice. */
const MAX_ENTRIES = 131_072;

/**
 * What rules remember of hosts: a bounded table with packets' time, whose columns are the caller's. An entry ends by
 * itself; where too many live, the one that would end first goes. Claims memory when the first entry is made.
 */
export class TrackTable {
  /** By the entry that `find` and `claim` give. */
  startMs = new Float64Array(0);
  count = new Float64Array(0);
  /** 0 is a free entry. */
  endMs = new Float64Array(0);
  /** Entries that had to go before their end. */
  evicted = 0;
  readonly #seed: readonly [number, number];
  #keys = new Uint32Array(0);
  /** Most tables never have an entry, and then a look costs nothing. */
  #isUsed = false;

  constructor(seed: readonly [number, number]) {
    this.#seed = seed;
  }

  /** The entry of this key, or -1: none, or it has ended. */
  find(key: Uint32Array, nowMs: number): number {
    if (!this.#isUsed) return -1;
    const first = this.#bucketOf(key);
    for (let entry = first; entry < first + BUCKET_ENTRIES; entry++) {
      if (this.endMs[entry]! > nowMs && this.#isAt(entry, key)) return entry;
    }
    return -1;
  }

  /** An entry of this key with its numbers at 0, in place of one that has ended. The caller has not found one. */
  claim(key: Uint32Array, nowMs: number): number {
    this.#isUsed = true;
    if (this.endMs.length === 0) this.#resize(FIRST_ENTRIES);
    let entry = this.#firstToEnd(key);
    while (this.endMs[entry]! > nowMs && this.endMs.length < MAX_ENTRIES) {
      this.#resize(this.endMs.length * 2);
      entry = this.#firstToEnd(key);
    }
    if (this.endMs[entry]! > nowMs) this.evicted++;
    this.#keys.set(key, entry * TRACK_KEY_WORDS);
    this.startMs[entry] = 0;
    this.count[entry] = 0;
    this.endMs[entry] = 0;
    return entry;
  }

  #firstToEnd(key: Uint32Array): number {
    const first = this.#bucketOf(key);
    let best = first;
    for (let entry = first; entry < first + BUCKET_ENTRIES; entry++) {
      // An entry of this key that has ended must not stay beside the new one.
      if (this.#isAt(entry, key)) return entry;
      if (this.endMs[entry]! < this.endMs[best]!) best = entry;
    }
    return best;
  }

  #bucketOf(key: Uint32Array): number {
    const hash = halfSipHash(key, TRACK_KEY_WORDS, this.#seed[0], this.#seed[1]) >>> 0;
    return (hash % (this.endMs.length / BUCKET_ENTRIES)) * BUCKET_ENTRIES;
  }

  #isAt(entry: number, key: Uint32Array): boolean {
    const at = entry * TRACK_KEY_WORDS;
    for (let i = 0; i < TRACK_KEY_WORDS; i++) if (this.#keys[at + i] !== key[i]) return false;
    return true;
  }

  /** Doubling parts each place in two, so that everything fits. */
  #resize(entries: number): void {
    const { startMs, count, endMs } = this;
    const keys = this.#keys;
    this.startMs = new Float64Array(entries);
    this.count = new Float64Array(entries);
    this.endMs = new Float64Array(entries);
    this.#keys = new Uint32Array(entries * TRACK_KEY_WORDS);
    for (let old = 0; old < endMs.length; old++) {
      if (endMs[old] === 0) continue;
      const key = keys.subarray(old * TRACK_KEY_WORDS, (old + 1) * TRACK_KEY_WORDS);
      let entry = this.#bucketOf(key);
      while (this.endMs[entry] !== 0) entry++;
      this.#keys.set(key, entry * TRACK_KEY_WORDS);
      this.startMs[entry] = startMs[old]!;
      this.count[entry] = count[old]!;
      this.endMs[entry] = endMs[old]!;
    }
  }
}
