import { randomFillSync } from 'node:crypto';
import { halfSipHash } from '../base/hash.ts';
import { LOCK_CELLS, SharedLock } from '../base/shared-lock.ts';

/** Two numbers that say what is remembered, and the addresses of one host or two. */
export const TRACK_KEY_WORDS = 10;

/** Entries that share a place: so many are looked at for a key, and the one that ends first makes room. */
const BUCKET_ENTRIES = 8;
const FIRST_ENTRIES = 1024;
/** 10 MB. Our choice. */
const MAX_ENTRIES = 131_072;

/**
 * In the head of shared memory, cells of 32 bits: a lock, whether there was ever an entry, and the seed of the hash.
 */
const USED = LOCK_CELLS;
const SEED = USED + 1;
const HEAD_BYTES = 16;
const NUMBERS_BYTES = MAX_ENTRIES * Float64Array.BYTES_PER_ELEMENT;
const KEYS_BYTES = MAX_ENTRIES * TRACK_KEY_WORDS * Uint32Array.BYTES_PER_ELEMENT;

/**
 * What rules remember of hosts: a bounded table with packets' time, whose columns are the caller's. An entry ends by
 * itself; where too many live, the one that would end first goes. Workers can share one: whoever uses it, and what it
 * found in it, does so between `enter` and `leave`.
 */
export class TrackTable {
  /** By the entry that `find` and `claim` give. */
  startMs: Float64Array = new Float64Array(0);
  count: Float64Array = new Float64Array(0);
  /** 0 is a free entry. */
  endMs: Float64Array = new Float64Array(0);
  /** Entries that had to go before their end, to make room for those of this worker. */
  evicted = 0;
  readonly #seed: readonly [number, number];
  #keys: Uint32Array = new Uint32Array(0);
  /** Most tables never have an entry, and then a look costs nothing. */
  #isUsed = false;
  /** Null: nobody else uses it, and it claims memory when the first entry is made. */
  readonly #lock: SharedLock | null;
  readonly #head: Int32Array | null;

  private constructor(seed: readonly [number, number], head: Int32Array | null, lock: SharedLock | null) {
    this.#seed = seed;
    this.#head = head;
    this.#lock = lock;
  }

  /** Of one worker alone. `seed` is secret and random for each process: where hosts land must not be foreseeable. */
  static own(seed: readonly [number, number]): TrackTable {
    return new TrackTable(seed, null, null);
  }

  /** Memory for one table of several workers. The kernel gives what is used of it. */
  static sharedMemory(): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(HEAD_BYTES + 3 * NUMBERS_BYTES + KEYS_BYTES);
    randomFillSync(new Int32Array(memory, SEED * Int32Array.BYTES_PER_ELEMENT, 2));
    return memory;
  }

  /** As `worker` sees it; 0, 1, 2 ... */
  static shared(memory: SharedArrayBuffer, worker: number): TrackTable {
    const head = new Int32Array(memory, 0, HEAD_BYTES / Int32Array.BYTES_PER_ELEMENT);
    const table = new TrackTable([head[SEED]!, head[SEED + 1]!], head, new SharedLock(head, worker));
    const numbers = (column: number): Float64Array<SharedArrayBuffer> =>
      new Float64Array(memory, HEAD_BYTES + column * NUMBERS_BYTES, MAX_ENTRIES);
    [table.startMs, table.count, table.endMs] = [numbers(0), numbers(1), numbers(2)];
    table.#keys = new Uint32Array(memory, HEAD_BYTES + 3 * NUMBERS_BYTES, MAX_ENTRIES * TRACK_KEY_WORDS);
    return table;
  }

  /** A worker has ended, wherever it was: the others can go on. */
  static forget(memory: SharedArrayBuffer, worker: number): void {
    new SharedLock(new Int32Array(memory, 0, LOCK_CELLS), worker).forget(worker);
  }

  /** Until `leave`, no other worker changes the table. */
  enter(): void {
    this.#lock?.enter();
  }

  leave(): void {
    this.#lock?.leave();
  }

  /** The entry of this key, or -1: none, or it has ended. */
  find(key: Uint32Array, nowMs: number): number {
    if (!this.#isUsed && !this.#isUsedByOthers()) return -1;
    const first = this.#bucketOf(key);
    for (let entry = first; entry < first + BUCKET_ENTRIES; entry++) {
      if (this.endMs[entry]! > nowMs && this.#isAt(entry, key)) return entry;
    }
    return -1;
  }

  /** An entry of this key with its numbers at 0, in place of one that has ended. The caller has not found one. */
  claim(key: Uint32Array, nowMs: number): number {
    this.#isUsed = true;
    if (this.#head !== null) Atomics.store(this.#head, USED, 1);
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

  #isUsedByOthers(): boolean {
    this.#isUsed = this.#head !== null && Atomics.load(this.#head, USED) !== 0;
    return this.#isUsed;
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
