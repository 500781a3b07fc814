import { halfSipHash } from '../base/hash.ts';
import type { Packet } from '../wire/packet.ts';

/** Version, and as much of the address as tells sources apart. */
const KEY_WORDS = 3;

/**
 * Concurrent flows by who began them. There is an entry for each source that has a flow, so forged sources need no more
 * room than their flows do. An IPv6 source is a network of 64 bits: one host may have as many addresses as it likes in
 * there (RFC 4291 §2.5.4). What this host sends itself is not counted: a proxy opens many connections.
 */
export class SourceCounts {
  readonly #seed: readonly [number, number];
  readonly #keys: Uint32Array;
  readonly #flows: Int32Array;
  readonly #halfOpen: Int32Array;
  readonly #hashes: Int32Array;
  // Links are entries plus one: 0 is none. A free entry's link goes to the next free one.
  readonly #heads: Int32Array;
  readonly #links: Int32Array;
  /** Of each flow slot the entry plus one, 0 where it is not counted. */
  readonly #entryOf: Int32Array;
  readonly #wanted = new Uint32Array(KEY_WORDS);
  #firstFree = 0;
  /** Entries from here on were never used. */
  #unused = 0;
  #size = 0;

  /** `capacity`: flow slots. */
  constructor(capacity: number, seed: readonly [number, number]) {
    this.#seed = seed;
    this.#keys = new Uint32Array(capacity * KEY_WORDS);
    this.#flows = new Int32Array(capacity);
    this.#halfOpen = new Int32Array(capacity);
    this.#hashes = new Int32Array(capacity);
    this.#heads = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(capacity, 2))));
    this.#links = new Int32Array(capacity);
    this.#entryOf = new Int32Array(capacity);
  }

  /** Sources that have a flow. */
  get size(): number {
    return this.#size;
  }

  /** Concurrent flows that the packet's source has begun. */
  flowsOf(packet: Packet): number {
    const entry = this.#find(packet, this.#hash(packet));
    return entry < 0 ? 0 : this.#flows[entry]!;
  }

  /** Of these, those whose handshake is not complete. */
  halfOpenOf(packet: Packet): number {
    const entry = this.#find(packet, this.#hash(packet));
    return entry < 0 ? 0 : this.#halfOpen[entry]!;
  }

  /** The packet's source has begun the flow in this slot. */
  begin(slot: number, packet: Packet, isHalfOpen: boolean): void {
    this.#entryOf[slot] = 0;
    if (isOwn(packet)) return;
    const hash = this.#hash(packet);
    let entry = this.#find(packet, hash);
    if (entry < 0) entry = this.#add(hash);
    this.#flows[entry] = this.#flows[entry]! + 1;
    this.#entryOf[slot] = entry + 1;
    if (isHalfOpen) this.addHalfOpen(slot, 1);
  }

  /** The flow's handshake is complete (-1), or begins anew (1). */
  addHalfOpen(slot: number, change: number): void {
    const entry = this.#entryOf[slot]! - 1;
    if (entry >= 0) this.#halfOpen[entry] = this.#halfOpen[entry]! + change;
  }

  end(slot: number, isHalfOpen: boolean): void {
    if (isHalfOpen) this.addHalfOpen(slot, -1);
    const entry = this.#entryOf[slot]! - 1;
    this.#entryOf[slot] = 0;
    if (entry < 0) return;
    this.#flows[entry] = this.#flows[entry]! - 1;
    if (this.#flows[entry] === 0) this.#remove(entry);
  }

  /** Leaves the packet's source in `#wanted`, where `#find` and `#add` look for it. */
  #hash(packet: Packet): number {
    const key = this.#wanted;
    const isV6 = packet.ipVersion === 6;
    key[0] = packet.ipVersion;
    key[1] = isV6 ? packet.source[0]! : 0;
    key[2] = isV6 ? packet.source[1]! : packet.source[3]!;
    return halfSipHash(key, KEY_WORDS, this.#seed[0], this.#seed[1]);
  }

  #find(packet: Packet, hash: number): number {
    if (isOwn(packet)) return -1;
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

  #add(hash: number): number {
    const entry = this.#firstFree === 0 ? this.#unused++ : this.#firstFree - 1;
    if (this.#firstFree !== 0) this.#firstFree = this.#links[entry]!;
    this.#keys.set(this.#wanted, entry * KEY_WORDS);
    this.#flows[entry] = 0;
    this.#halfOpen[entry] = 0;
    this.#hashes[entry] = hash;
    const bucket = hash & (this.#heads.length - 1);
    this.#links[entry] = this.#heads[bucket]!;
    this.#heads[bucket] = entry + 1;
    this.#size++;
    return entry;
  }

  #remove(entry: number): void {
    const bucket = this.#hashes[entry]! & (this.#heads.length - 1);
    let link = this.#heads[bucket]!;
    if (link === entry + 1) this.#heads[bucket] = this.#links[entry]!;
    else {
      while (this.#links[link - 1] !== entry + 1) link = this.#links[link - 1]!;
      this.#links[link - 1] = this.#links[entry]!;
    }
    this.#links[entry] = this.#firstFree;
    this.#firstFree = entry + 1;
    this.#size--;
  }
}

/** It leaves this host, and came in by no interface. */
const isOwn = ({ inInterface, outInterface }: Packet): boolean => inInterface === 0 && outInterface !== 0;
