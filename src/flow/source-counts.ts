import { randomFillSync } from 'node:crypto';
import { halfSipHash } from '../base/hash.ts';
import { SharedLock } from '../base/shared-lock.ts';
import type { Packet } from '../wire/packet.ts';

/** Version, and as much of the address as tells sources apart. */
const KEY_WORDS = 3;
/** Of an entry by worker: flows, and those of them whose handshake is not complete. */
const COUNTS = 2;

/** Cells of the head. `unused`: entries from there on were never used. */
const HEAD = { lock: 0, entries: 1, workers: 2, seed: 3, firstFree: 5, unused: 6, size: 7 } as const;
const HEAD_CELLS = 8;

/**
 * Concurrent flows by who began them. There is an entry for each source that has a flow, so forged sources need no more
 * room than their flows do. An IPv6 source is a network of 64 bits: one host may have as many addresses as it likes in
 * there (RFC 4291 §2.5.4). What this host sends itself is not counted: a proxy opens many connections.
 *
 * Workers can share the memory, and then count the flows of all of them; each has its own count within an entry, so
 * that the flows of a worker that died can be taken out.
 */
export class SourceCounts {
  readonly #head: Int32Array;
  // Links are entries plus one: 0 is none. A free entry's link goes to the next free one.
  readonly #heads: Int32Array;
  readonly #links: Int32Array;
  readonly #hashes: Int32Array;
  readonly #keys: Uint32Array;
  readonly #counts: Int32Array;
  readonly #workers: number;
  /** Where this worker's counts begin within an entry's. */
  readonly #own: number;
  /** Null: nobody else uses the memory. */
  readonly #lock: SharedLock | null;
  /** Of each flow slot of this worker the entry plus one, 0 where it is not counted. */
  readonly #entryOf: Int32Array;
  readonly #wanted = new Uint32Array(KEY_WORDS);

  private constructor(memory: ArrayBufferLike, worker: number, slots: number, isShared: boolean) {
    this.#head = new Int32Array(memory, 0, HEAD_CELLS);
    const entries = this.#head[HEAD.entries]!;
    this.#workers = this.#head[HEAD.workers]!;
    let at = HEAD_CELLS * Int32Array.BYTES_PER_ELEMENT;
    const take = (cells: number): Int32Array => {
      const column = new Int32Array(memory, at, cells);
      at += column.byteLength;
      return column;
    };
    this.#heads = take(bucketsFor(entries));
    this.#links = take(entries);
    this.#hashes = take(entries);
    this.#counts = take(entries * this.#workers * COUNTS);
    this.#keys = new Uint32Array(memory, at, entries * KEY_WORDS);
    this.#own = worker * COUNTS;
    this.#lock = isShared ? new SharedLock(this.#head, worker) : null;
    this.#entryOf = new Int32Array(slots);
  }

  /** Of one worker alone, with so many flow slots. `seed` is secret and random for each process. */
  static own(slots: number, seed: readonly [number, number]): SourceCounts {
    const memory = new ArrayBuffer(bytesFor(slots, 1));
    const head = new Int32Array(memory, 0, HEAD_CELLS);
    head.set([slots, 1, ...seed], HEAD.entries);
    return new SourceCounts(memory, 0, slots, false);
  }

  /** Memory for several workers, for as many sources at once. The kernel gives what is used of it. */
  static sharedMemory(sources: number, workers: number): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(bytesFor(sources, workers));
    const head = new Int32Array(memory, 0, HEAD_CELLS);
    head.set([sources, workers], HEAD.entries);
    randomFillSync(head.subarray(HEAD.seed, HEAD.seed + 2));
    return memory;
  }

  /** As `worker` sees it, 0, 1, 2 ..., with so many flow slots of its own. */
  static shared(memory: SharedArrayBuffer, worker: number, slots: number): SourceCounts {
    return new SourceCounts(memory, worker, slots, true);
  }

  /**
   * Takes out what a worker left behind that ended without ending its flows, wherever it was. It must not run any more.
   * Time is linear in the sources.
   */
  static forget(memory: SharedArrayBuffer, worker: number): void {
    const head = new Int32Array(memory, 0, HEAD_CELLS);
    new SharedLock(head, worker).forget(worker);
    // The caller takes part as one more worker.
    new SourceCounts(memory, head[HEAD.workers]!, 0, true).#rebuildWithout(worker);
  }

  /** Sources that have a flow. */
  get size(): number {
    return this.#head[HEAD.size]!;
  }

  /** Concurrent flows that the packet's source has begun. */
  flowsOf(packet: Packet): number {
    return this.#total(packet, 0);
  }

  /** Of these, those whose handshake is not complete. */
  halfOpenOf(packet: Packet): number {
    return this.#total(packet, 1);
  }

  /** The packet's source has begun the flow in this slot. It is not counted where there are too many sources. */
  begin(slot: number, packet: Packet, isHalfOpen: boolean): void {
    this.#entryOf[slot] = 0;
    if (isOwn(packet)) return;
    const hash = this.#hash(packet);
    this.#lock?.enter();
    let entry = this.#find(hash);
    if (entry < 0) entry = this.#add(hash);
    if (entry >= 0) this.#change(entry, 0, 1);
    this.#lock?.leave();
    this.#entryOf[slot] = entry + 1;
    if (isHalfOpen) this.addHalfOpen(slot, 1);
  }

  /** The flow's handshake is complete (-1), or begins anew (1). */
  addHalfOpen(slot: number, change: number): void {
    const entry = this.#entryOf[slot]! - 1;
    // No lock: the entry stays as long as it has this flow, and nobody else writes this worker's counts.
    if (entry >= 0) this.#change(entry, 1, change);
  }

  end(slot: number, isHalfOpen: boolean): void {
    if (isHalfOpen) this.addHalfOpen(slot, -1);
    const entry = this.#entryOf[slot]! - 1;
    this.#entryOf[slot] = 0;
    if (entry < 0) return;
    this.#lock?.enter();
    this.#change(entry, 0, -1);
    if (this.#sum(entry, 0) === 0) this.#remove(entry);
    this.#lock?.leave();
  }

  /** Of all workers. `count` is 0 for flows, 1 for half-open ones. */
  #total(packet: Packet, count: number): number {
    if (isOwn(packet)) return 0;
    const hash = this.#hash(packet);
    this.#lock?.enter();
    const entry = this.#find(hash);
    const total = entry < 0 ? 0 : this.#sum(entry, count);
    this.#lock?.leave();
    return total;
  }

  #sum(entry: number, count: number): number {
    const end = (entry + 1) * this.#workers * COUNTS;
    let sum = 0;
    for (let at = entry * this.#workers * COUNTS + count; at < end; at += COUNTS) sum += this.#counts[at]!;
    return sum;
  }

  #change(entry: number, count: number, by: number): void {
    const at = entry * this.#workers * COUNTS + this.#own + count;
    this.#counts[at] = this.#counts[at]! + by;
  }

  /** Leaves the packet's source in `#wanted`, where `#find` and `#add` look for it. */
  #hash(packet: Packet): number {
    const key = this.#wanted;
    const isV6 = packet.ipVersion === 6;
    key[0] = packet.ipVersion;
    key[1] = isV6 ? packet.source[0]! : 0;
    key[2] = isV6 ? packet.source[1]! : packet.source[3]!;
    return halfSipHash(key, KEY_WORDS, this.#head[HEAD.seed]!, this.#head[HEAD.seed + 1]!);
  }

  #find(hash: number): number {
    const wanted = this.#wanted;
    const keys = this.#keys;
    let link = this.#heads[hash & (this.#heads.length - 1)]!;
    while (link !== 0) {
      const at = (link - 1) * KEY_WORDS;
      if (keys[at] === wanted[0] && keys[at + 1] === wanted[1] && keys[at + 2] === wanted[2]) return link - 1;
      link = this.#links[link - 1]!;
    }
    return -1;
  }

  /** An entry without flows for the wanted source, or -1: there is no room. */
  #add(hash: number): number {
    const head = this.#head;
    const free = head[HEAD.firstFree]!;
    if (free === 0 && head[HEAD.unused] === this.#links.length) return -1;
    const entry = free === 0 ? head[HEAD.unused]!++ : free - 1;
    if (free !== 0) head[HEAD.firstFree] = this.#links[entry]!;
    this.#keys.set(this.#wanted, entry * KEY_WORDS);
    this.#hashes[entry] = hash;
    this.#link(entry);
    return entry;
  }

  #link(entry: number): void {
    const bucket = this.#hashes[entry]! & (this.#heads.length - 1);
    this.#links[entry] = this.#heads[bucket]!;
    this.#heads[bucket] = entry + 1;
    this.#head[HEAD.size]!++;
  }

  #remove(entry: number): void {
    const bucket = this.#hashes[entry]! & (this.#heads.length - 1);
    let link = this.#heads[bucket]!;
    if (link === entry + 1) this.#heads[bucket] = this.#links[entry]!;
    else {
      while (this.#links[link - 1] !== entry + 1) link = this.#links[link - 1]!;
      this.#links[link - 1] = this.#links[entry]!;
    }
    this.#free(entry);
    this.#head[HEAD.size]!--;
  }

  #free(entry: number): void {
    this.#links[entry] = this.#head[HEAD.firstFree]!;
    this.#head[HEAD.firstFree] = entry + 1;
  }

  /** All links anew, since the worker may have been in the midst of changing some. */
  #rebuildWithout(worker: number): void {
    const head = this.#head;
    this.#lock?.enter();
    this.#heads.fill(0);
    head[HEAD.firstFree] = 0;
    head[HEAD.size] = 0;
    for (let entry = 0; entry < head[HEAD.unused]!; entry++) {
      const at = (entry * this.#workers + worker) * COUNTS;
      this.#counts.fill(0, at, at + COUNTS);
      if (this.#sum(entry, 0) === 0) this.#free(entry);
      else this.#link(entry);
    }
    this.#lock?.leave();
  }
}

const bucketsFor = (entries: number): number => 2 ** Math.ceil(Math.log2(Math.max(entries, 2)));

const bytesFor = (entries: number, workers: number): number =>
  (HEAD_CELLS + bucketsFor(entries) + entries * (2 + workers * COUNTS + KEY_WORDS)) * Int32Array.BYTES_PER_ELEMENT;

/** It leaves this host, and came in by no interface. */
const isOwn = ({ inInterface, outInterface }: Packet): boolean => inInterface === 0 && outInterface !== 0;
