import { parseAddress } from '../../src/base/address.ts';

/** Zeros between tree and data (MaxMind DB format 2.0). */
const SEPARATOR_BYTES = 16;
const MARKER = Buffer.from('abcdef4d61784d696e642e636f6d', 'hex');

/** A database in MaxMind's format, of networks (`192.0.2.0/24`) and their countries. */
export function countryDatabase(
  networks: Readonly<Record<string, string>>,
  { recordBits = 24, ipVersion = 6 } = {},
): Buffer {
  const tree: Node[] = [[null, null]];
  const data: Buffer[] = [];
  let dataBytes = 0;
  for (const [network, code] of Object.entries(networks)) {
    put(tree, bitsOf(network, ipVersion), { at: dataBytes });
    const continent = map([['code', text('EU')]]);
    // The key is written once; later records point to it.
    const key = dataBytes === 0 ? text('country') : pointer(1 + text('continent').length + continent.length);
    const country = map([
      ['geoname_id', number(1)],
      ['iso_code', text(code)],
    ]);
    const record = Buffer.concat([mapOf(2), text('continent'), continent, key, country]);
    data.push(record);
    dataBytes += record.length;
  }
  const numberOf = (entry: Entry): number =>
    entry === null ? tree.length : typeof entry === 'number' ? entry : tree.length + SEPARATOR_BYTES + entry.at;
  const nodes = tree.map(([left, right]) => {
    const digits = recordBits / 4;
    const [first, second] = [left, right].map((entry) => numberOf(entry).toString(16).padStart(digits, '0'));
    // Records of 28 bits share a byte in the middle.
    const hex = recordBits === 28 ? `${first!.slice(1)}${first![0]}${second}` : `${first}${second}`;
    return Buffer.from(hex, 'hex');
  });
  const metadata = map([
    ['binary_format_major_version', number(2)],
    ['binary_format_minor_version', number(0)],
    ['database_type', text('Test')],
    ['ip_version', number(ipVersion)],
    ['node_count', number(tree.length)],
    ['record_size', number(recordBits)],
  ]);
  return Buffer.concat([...nodes, Buffer.alloc(SEPARATOR_BYTES), ...data, MARKER, metadata]);
}

/** The number of the next node, the place of a record, or nothing. */
type Entry = number | { readonly at: number } | null;
type Node = [Entry, Entry];

function put(tree: Node[], bits: readonly number[], record: Entry): void {
  let node = 0;
  for (const bit of bits.slice(0, -1)) {
    const next = tree[node]![bit]!;
    if (typeof next === 'number') {
      node = next;
      continue;
    }
    tree[node]![bit] = tree.length;
    node = tree.length;
    tree.push([null, null]);
  }
  tree[node]![bits.at(-1)!] = record;
}

function bitsOf(network: string, ipVersion: number): number[] {
  const [address = '', prefix] = network.split('/');
  const words = new Uint32Array(4);
  const version = parseAddress(address, words);
  const isShort = ipVersion === 4;
  // IPv4 addresses are the first ones of IPv6.
  const count = Number(prefix) + (version === 4 && !isShort ? 96 : 0);
  return Array.from({ length: count }, (_, n) => {
    const i = isShort ? n + 96 : n;
    return (words[i >> 5]! >>> (31 - (i & 31))) & 1;
  });
}

const POINTER = 1;
const STRING = 2;
const UINT32 = 6;
const MAP = 7;

const text = (value: string): Buffer => Buffer.concat([Buffer.of((STRING << 5) | value.length), Buffer.from(value)]);

function number(value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = (UINT32 << 5) | 4;
  bytes.writeUInt32BE(value, 1);
  return bytes;
}

const mapOf = (entries: number): Buffer => Buffer.of((MAP << 5) | entries);

const pointer = (to: number): Buffer => Buffer.of((POINTER << 5) | (to >> 8), to & 0xff);

const map = (entries: readonly (readonly [string, Buffer])[]): Buffer =>
  Buffer.concat([mapOf(entries.length), ...entries.flatMap(([key, value]) => [text(key), value])]);
