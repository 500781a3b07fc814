import { type Direction, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import type { Packet } from '../wire/packet.ts';
import { FlowKey, isFirst } from './key.ts';

/** The two endpoints. */
const ADDRESS_WORDS = 8;

/**
 * Hands out slots, and finds the one that belongs to a packet: a hash table whose chains run through columns of fixed
 * size. Both directions of a flow are in one chain, since their hash is the same.
 */
export class FlowIndex {
  /** Four words of the client's address at `slot * 8`, the server's at `slot * 8 + 4`, as in `Packet.source`. */
  readonly addresses: Uint32Array;
  /** As FlowKey has them: VLAN, IP version, protocol, tunnels; the client's port in the upper half. */
  readonly tags: Int32Array;
  readonly ports: Int32Array;
  /** The way of the packet that `find` found a flow for. */
  direction: Direction = TO_SERVER;
  readonly #key: FlowKey;
  // Links are slots plus one: 0 is none. A free slot's link goes to the next free one.
  readonly #heads: Int32Array;
  readonly #links: Int32Array;
  readonly #hashes: Int32Array;
  #firstFree = 0;
  /** Slots from here on were never used. */
  #unused = 0;

  constructor(capacity: number, seed: readonly [number, number]) {
    this.#key = new FlowKey(seed);
    this.addresses = new Uint32Array(capacity * ADDRESS_WORDS);
    this.tags = new Int32Array(capacity);
    this.ports = new Int32Array(capacity);
    this.#heads = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(capacity, 2))));
    this.#links = new Int32Array(capacity);
    this.#hashes = new Int32Array(capacity);
  }

  /** Slots that were in use at some time are below. */
  get endSlot(): number {
    return this.#unused;
  }

  /** Of the packet that was read last, the same in both directions. */
  get hash(): number {
    return this.#key.hash;
  }

  hashOf(slot: number): number {
    return this.#hashes[slot]!;
  }

  /** The two endpoints have an order that does not depend on who is the client: whether that one comes first. */
  isClientFirst(slot: number): boolean {
    const at = slot * ADDRESS_WORDS;
    const client = this.addresses.subarray(at, at + 4);
    const server = this.addresses.subarray(at + 4, at + ADDRESS_WORDS);
    return isFirst(client, server, this.ports[slot]!);
  }

  /** False where the packet belongs to no flow. `find` and `add` are about the packet that was read last. */
  read(packet: Packet): boolean {
    return this.#key.read(packet);
  }

  /** The slot of the packet's flow, or -1; `direction` says the packet's way. */
  find(packet: Packet): number {
    const key = this.#key;
    let link = this.#heads[key.hash & (this.#heads.length - 1)]!;
    while (link !== 0) {
      const slot = link - 1;
      if (this.#hashes[slot] === key.hash && this.tags[slot] === key.tag) {
        if (this.ports[slot] === key.ports && this.#isFrom(slot, packet.source, packet.destination)) {
          this.direction = TO_SERVER;
          return slot;
        }
        if (this.ports[slot] === key.swappedPorts && this.#isFrom(slot, packet.destination, packet.source)) {
          this.direction = TO_CLIENT;
          return slot;
        }
      }
      link = this.#links[slot]!;
    }
    return -1;
  }

  /** A slot for the packet's flow, whose client is the packet's source. The caller knows that one is free. */
  add(packet: Packet): number {
    const slot = this.#firstFree === 0 ? this.#unused++ : this.#firstFree - 1;
    if (this.#firstFree !== 0) this.#firstFree = this.#links[slot]!;
    const { tag, ports, hash } = this.#key;
    this.tags[slot] = tag;
    this.ports[slot] = ports;
    this.#hashes[slot] = hash;
    const at = slot * ADDRESS_WORDS;
    for (let word = 0; word < 4; word++) {
      this.addresses[at + word] = packet.source[word]!;
      this.addresses[at + 4 + word] = packet.destination[word]!;
    }
    const bucket = hash & (this.#heads.length - 1);
    this.#links[slot] = this.#heads[bucket]!;
    this.#heads[bucket] = slot + 1;
    return slot;
  }

  /** It is of no protocol then. */
  remove(slot: number): void {
    this.#unlink(slot);
    this.tags[slot] = 0;
    this.#links[slot] = this.#firstFree;
    this.#firstFree = slot + 1;
  }

  /** Copies both addresses, four words each. */
  readAddresses(slot: number, client: Uint32Array, server: Uint32Array): void {
    const at = slot * ADDRESS_WORDS;
    for (let word = 0; word < 4; word++) {
      client[word] = this.addresses[at + word]!;
      server[word] = this.addresses[at + 4 + word]!;
    }
  }

  /** Client and server change places. */
  reverse(slot: number): void {
    const ports = this.ports[slot]!;
    this.ports[slot] = (ports << 16) | (ports >>> 16);
    const { addresses } = this;
    const at = slot * ADDRESS_WORDS;
    for (let word = at; word < at + 4; word++) {
      const client = addresses[word]!;
      addresses[word] = addresses[word + 4]!;
      addresses[word + 4] = client;
    }
  }

  #isFrom(slot: number, client: Uint32Array, server: Uint32Array): boolean {
    const at = slot * ADDRESS_WORDS;
    // The last words differ most, and an IPv4 address is nothing but its last word.
    for (let word = 3; word >= 0; word--) {
      if (this.addresses[at + word] !== client[word] || this.addresses[at + 4 + word] !== server[word]) return false;
    }
    return true;
  }

  #unlink(slot: number): void {
    const bucket = this.#hashes[slot]! & (this.#heads.length - 1);
    let link = this.#heads[bucket]!;
    if (link === slot + 1) {
      this.#heads[bucket] = this.#links[slot]!;
      return;
    }
    while (this.#links[link - 1] !== slot + 1) link = this.#links[link - 1]!;
    this.#links[link - 1] = this.#links[slot]!;
  }
}
