import { u8, u32 } from '../base/bytes.ts';
import { CountryRecords } from './country-records.ts';

/** MaxMind DB file format 2.0: what stands before the metadata, at the end of the file. */
const MARKER = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
/** Zeros between the tree and the records. */
const SEPARATOR_BYTES = 16;
const RECORD_BITS: readonly unknown[] = [24, 28, 32];
const IPV6_BITS = 128;
const IPV4_BITS = 32;

/** Addresses whose country is remembered, of those asked for last. Ours. */
const CACHED_ADDRESSES = 4096;
/** The version, then the four words. */
const COLUMNS = 5;

/** In which country an address is, by a database of the user in MaxMind's format (GeoLite2-Country and the like). */
export class Countries {
  readonly #bytes: Uint8Array;
  readonly #records: CountryRecords;
  readonly #nodes: number;
  readonly #recordBits: number;
  readonly #version: number;
  /** Where IPv4 addresses begin in a tree of IPv6 addresses. */
  readonly #ipv4Node: number;
  readonly #addresses = new Uint32Array(CACHED_ADDRESSES * COLUMNS);
  readonly #codes: (string | null)[] = new Array(CACHED_ADDRESSES).fill(null);

  /** Throws RangeError with what is wrong. Keeps the database, which nobody may change. */
  constructor(database: Uint8Array) {
    const markerAt = Buffer.from(database.buffer, database.byteOffset, database.length).lastIndexOf(MARKER);
    if (markerAt < 0) throw new RangeError('the end of the file says nothing of it');
    const metadataAt = markerAt + MARKER.length;
    const metadata = new CountryRecords(database, metadataAt);
    const number = (key: string): number => Number(metadata.find(metadataAt, [key]) ?? Number.NaN);
    this.#bytes = database;
    this.#nodes = number('node_count');
    this.#recordBits = number('record_size');
    this.#version = number('ip_version');
    const treeBytes = this.#nodes * (this.#recordBits / 4);
    if (!RECORD_BITS.includes(this.#recordBits))
      throw new RangeError(`${this.#recordBits} bits in a record of its tree`);
    if (!(treeBytes + SEPARATOR_BYTES <= markerAt)) throw new RangeError('the file is too short for its tree');
    this.#records = new CountryRecords(database, treeBytes + SEPARATOR_BYTES);
    let node = 0;
    for (let bit = IPV4_BITS; this.#version === 6 && bit < IPV6_BITS; bit++) node = this.#next(node, 0);
    this.#ipv4Node = node;
  }

  /** The two letters of ISO 3166; null: unknown. */
  of(version: 4 | 6, address: Uint32Array): string | null {
    const slot = Math.imul(address[0]! ^ address[1]! ^ address[2]! ^ address[3]!, 0x9e3779b1) >>> 20;
    const row = slot * COLUMNS;
    const cached = this.#addresses;
    let isCached = cached[row] === version;
    for (let word = 0; word < 4; word++) isCached &&= cached[row + 1 + word] === address[word];
    if (!isCached) {
      cached[row] = version;
      for (let word = 0; word < 4; word++) cached[row + 1 + word] = address[word]!;
      this.#codes[slot] = this.#lookUp(version, address);
    }
    return this.#codes[slot]!;
  }

  #lookUp(version: 4 | 6, address: Uint32Array): string | null {
    if (version > this.#version) return null;
    let node = version === 4 ? this.#ipv4Node : 0;
    for (let bit = version === 4 ? IPV6_BITS - IPV4_BITS : 0; bit < IPV6_BITS && node < this.#nodes; bit++) {
      node = this.#next(node, (address[bit >> 5]! >>> (31 - (bit & 31))) & 1);
    }
    if (node <= this.#nodes) return null;
    try {
      // A record's number counts from the tree's end.
      const at = node - this.#nodes + this.#nodes * (this.#recordBits / 4);
      const code = this.#records.find(at, ['country', 'iso_code']);
      return typeof code === 'string' ? code : null;
    } catch (error) {
      // The database is damaged there.
      if (error instanceof RangeError) return null;
      throw error;
    }
  }

  /** A number below that of the nodes is another node, this number is nothing, and a higher one a record. */
  #next(node: number, bit: number): number {
    if (node >= this.#nodes) return node;
    const bytes = this.#bytes;
    const bits = this.#recordBits;
    const at = node * (bits / 4);
    if (bits === 32) return u32(bytes, at + bit * 4);
    if (bits === 24) return u24(bytes, at + bit * 3);
    const middle = u8(bytes, at + 3);
    return bit === 0 ? (middle >> 4) * 0x1000000 + u24(bytes, at) : (middle & 15) * 0x1000000 + u24(bytes, at + 4);
  }
}

const u24 = (bytes: Uint8Array, at: number): number =>
  u8(bytes, at) * 0x10000 + u8(bytes, at + 1) * 0x100 + u8(bytes, at + 2);
