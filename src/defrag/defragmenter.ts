import { EMPTY_BYTES, u8 } from '../base/bytes.ts';
import { addWords, finish } from '../wire/checksum.ts';
import type { WireEvent } from '../wire/events.ts';
import { IPV4_HEADER_BYTES } from '../wire/ipv4.ts';
import { IPV6_HEADER_BYTES } from '../wire/ipv6.ts';
import type { Packet } from '../wire/packet.ts';
import { ChunkPool } from './chunk-pool.ts';
import { Datagram } from './datagram.ts';
import type { DefragOptions } from './options.ts';

/** What became of a fragment. */
export const FRAGMENT = {
  /** It was kept, it was there already, or an event says why it was not. */
  waits: 0,
  /** With it the packet is whole. */
  completes: 1,
  /** An earlier fragment of its packet was dropped: it must not arrive. */
  condemned: 2,
} as const;
export type FragmentOutcome = (typeof FRAGMENT)[keyof typeof FRAGMENT];

/**
 * RFC 791 §3.1: the total length has 16 bits. RFC 8200 §3: so has the payload length, without the 40 bytes in front.
 */
const MAX_LENGTH_BYTES = 65_535;
/** Ethernet with three VLAN tags has 26, Linux cooked capture with them 32. */
const MAX_LINK_BYTES = 64;

/**
 * Puts fragments together, RFC 791 §3.2 and RFC 8200 §4.5. The first data wins, and whether a fragment with other data
 * may go on is for others to decide: it has an event. Memory and number are bounded, and time is the packets' own.
 */
export class Defragmenter {
  readonly #options: DefragOptions;
  readonly #pool: ChunkPool;
  /** In the order in which they began, which is the order in which they time out. */
  readonly #entries = new Map<string, Entry>();
  readonly #spare: Datagram[] = [];
  /** Whole packets are written to one or the other, made when the first one is. */
  readonly #buffers: [Uint8Array, Uint8Array] = [EMPTY_BYTES, EMPTY_BYTES];
  /** Packets that were forgotten because the rest of them did not come. */
  timeouts = 0;

  constructor(options: DefragOptions) {
    this.#options = options;
    this.#pool = new ChunkPool(options.memoryBytes);
  }

  get usedBytes(): number {
    return this.#pool.usedBytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * Takes a decoded fragment. What is wrong with it becomes an event of it. Where it completes its packet, `whole` is
   * set as a capture source would: its bytes are borrowed until the next fragment from elsewhere completes one.
   */
  add(fragment: Packet, whole: Packet): FragmentOutcome {
    this.expire(fragment.timeMs);
    const key = keyOf(fragment);
    let entry = this.#entries.get(key);
    if (entry?.datagram === null) return FRAGMENT.condemned;

    const start = fragment.fragmentOffsetBytes;
    const end = start + dataBytesOf(fragment);
    const isLast = !fragment.hasMoreFragments;
    this.#checkSize(fragment);
    // One that nobody accepts, or that the capture cut, is no part of its packet.
    if (fragment.hasBadChecksum || fragment.missingBytes > 0 || !isUsable(fragment)) return FRAGMENT.waits;
    if (this.#headersBytes(fragment, entry) + end > MAX_LENGTH_BYTES) {
      raise(fragment, 'frag_pkt_too_large');
      return FRAGMENT.waits;
    }

    const fit = entry?.datagram.fit(start, end, isLast, fragment.bytes, fragment.transportStart) ?? 'new';
    if (fit === 'duplicate') return FRAGMENT.waits;
    if (fit === 'overlap') raise(fragment, 'frag_overlap');
    if (fit === 'wrong-end') {
      raise(fragment, 'frag_wrong_end');
      return FRAGMENT.waits;
    }
    entry ??= this.#begin(key, fragment);
    if (entry?.datagram == null || !this.#hasRoom(fragment, entry.datagram, start, end)) return FRAGMENT.waits;
    const { datagram } = entry;
    datagram.keep(start, end, isLast, fragment.bytes, fragment.transportStart);
    if (start === 0 && entry.headers === null) this.#keepHeaders(entry, fragment);
    if (entry.headers === null || !datagram.isComplete) return FRAGMENT.waits;
    // The first fragment may have come last, with more headers than the others let expect.
    if (this.#headersBytes(fragment, entry) + datagram.dataBytes > MAX_LENGTH_BYTES) {
      raise(fragment, 'frag_pkt_too_large');
      return FRAGMENT.waits;
    }
    this.#assemble(entry.headers, datagram, fragment, whole);
    this.#end(key, entry);
    return FRAGMENT.completes;
  }

  /** No later fragment of the same packet arrives, until the time for it is over. */
  condemn(fragment: Packet): void {
    const key = keyOf(fragment);
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      if (this.#entries.size < this.#options.maxDatagrams) {
        this.#entries.set(key, { datagram: null, headers: null, startedMs: fragment.timeMs });
      }
    } else if (entry.datagram !== null) this.#release(entry);
  }

  /**
   * Forgets what has waited for too long. Cheap when there is nothing. What began in the future means that time went
   * back: it counts as begun now, or it would keep all behind it until time has caught up.
   */
  expire(nowMs: number): void {
    if (this.#entries.size === 0) return;
    for (const [key, entry] of this.#entries) {
      if (entry.startedMs > nowMs) {
        entry.startedMs = nowMs;
        continue;
      }
      if (nowMs - entry.startedMs < this.#options.timeoutMs) return;
      if (entry.datagram !== null) this.timeouts++;
      this.#end(key, entry);
    }
  }

  #checkSize(fragment: Packet): void {
    const { minFirstBytes, minOffsetBytes } = this.#options;
    const start = fragment.fragmentOffsetBytes;
    const wireBytes = dataBytesOf(fragment) + fragment.missingBytes;
    if (start === 0) {
      const packetBytes = fragment.transportStart - fragment.ipStart + wireBytes;
      if (packetBytes < minFirstBytes) raise(fragment, 'frag_first_too_small');
    } else if (start < minOffsetBytes) raise(fragment, 'frag_offset_too_small');
    // Of IPv6, decoding has said so.
    if (fragment.ipVersion === 6 || hasRightLength(fragment, wireBytes)) return;
    fragment.events.push('ipv4.frag_invalid_length' satisfies WireEvent);
  }

  /** What counts, beside the data, to the length that is bounded. */
  #headersBytes(fragment: Packet, entry: Entry | undefined): number {
    if (entry?.headers != null) {
      return fragment.ipVersion === 4 ? entry.headers.length : entry.headers.length - IPV6_HEADER_BYTES;
    }
    const headersBytes = fragment.fragmentHeadersEnd - fragment.ipStart;
    if (fragment.ipVersion === 6) return headersBytes - IPV6_HEADER_BYTES;
    // Options need not be copied into every fragment.
    return fragment.fragmentOffsetBytes === 0 ? headersBytes : IPV4_HEADER_BYTES;
  }

  #begin(key: string, fragment: Packet): Entry | undefined {
    if (this.#entries.size >= this.#options.maxDatagrams) {
      raise(fragment, 'frag_ignored');
      fragment.events.push('defrag.max_datagrams' satisfies WireEvent);
      return undefined;
    }
    const datagram = this.#spare.pop() ?? new Datagram(this.#pool);
    const entry: Entry = { datagram, headers: null, startedMs: fragment.timeMs };
    this.#entries.set(key, entry);
    return entry;
  }

  #hasRoom(fragment: Packet, datagram: Datagram, start: number, end: number): boolean {
    const headersBytes = start === 0 ? fragment.fragmentHeadersEnd - fragment.ipStart : 0;
    if (this.#pool.hasRoom(datagram.neededChunks(start, end), headersBytes)) return true;
    raise(fragment, 'frag_ignored');
    fragment.events.push('defrag.memcap' satisfies WireEvent);
    return false;
  }

  /** Those of the first fragment, as they are to be in front of the whole packet; only the lengths are missing. */
  #keepHeaders(entry: Entry, fragment: Packet): void {
    const { bytes, ipStart, fragmentHeadersEnd } = fragment;
    const headers = bytes.slice(ipStart, fragmentHeadersEnd);
    if (fragment.ipVersion === 6) headers[fragment.fragmentNextHeaderAt - ipStart] = u8(bytes, fragmentHeadersEnd);
    this.#pool.usedBytes += headers.length;
    entry.headers = headers;
  }

  #assemble(headers: Uint8Array, datagram: Datagram, last: Packet, whole: Packet): void {
    const bytes = this.#bufferBeside(last);
    // The link header tells the VLAN, and whether the frame was one of a loopback interface.
    const linkBytes = last.ipStart - last.start;
    for (let i = 0; i < linkBytes; i++) bytes[i] = last.bytes[last.start + i]!;
    bytes.set(headers, linkBytes);
    const dataStart = linkBytes + headers.length;
    datagram.copyTo(bytes, dataStart);
    const end = dataStart + datagram.dataBytes;
    if (last.ipVersion === 4) finishIpv4(bytes, linkBytes, dataStart, end);
    else writeU16(bytes, linkBytes + IPV6_LENGTH, end - linkBytes - IPV6_HEADER_BYTES);
    takeOver(last, whole, bytes, end);
  }

  /** The fragment in hand may itself have been in a tunnel in a packet that was put together. */
  #bufferBeside(last: Packet): Uint8Array {
    const index = last.bytes === this.#buffers[0] ? 1 : 0;
    if (this.#buffers[index].length === 0) {
      this.#buffers[index] = new Uint8Array(MAX_LINK_BYTES + IPV6_HEADER_BYTES + MAX_LENGTH_BYTES);
    }
    return this.#buffers[index];
  }

  #end(key: string, entry: Entry): void {
    if (entry.datagram !== null) this.#release(entry);
    this.#entries.delete(key);
  }

  #release(entry: Entry): void {
    entry.datagram!.clear();
    this.#spare.push(entry.datagram!);
    entry.datagram = null;
    if (entry.headers !== null) this.#pool.usedBytes -= entry.headers.length;
    entry.headers = null;
  }
}

interface Entry {
  /** Null: condemned. */
  datagram: Datagram | null;
  /** Of the first fragment, once it is there. */
  headers: Uint8Array | null;
  startedMs: number;
}

// RFC 791 §3.1, RFC 8200 §3, offsets in bytes from the start of the header.
const IPV4_LENGTH = 2;
const IPV4_FRAGMENT = 6;
const IPV4_CHECKSUM = 10;
const IPV6_LENGTH = 4;

/**
 * RFC 791 §2.3 names the protocol too, RFC 8200 §4.5 does not. A string, since fragments are rare, and since Map hashes
 * it in a way that nobody can foresee from outside. Fragments out of a tunnel do not meet those beside it: a host that
 * is not its end has only the latter.
 */
function keyOf({ ipVersion, source, destination, protocol, vlanId, fragmentId, tunnelDepth }: Packet): string {
  const where = `${fragmentId} ${vlanId} ${tunnelDepth}`;
  if (ipVersion === 4) return `${source[3]} ${destination[3]} ${protocol} ${where}`;
  return `${source.join(':')} ${destination.join(':')} ${where}`;
}

const dataBytesOf = (fragment: Packet): number => fragment.ipEnd - fragment.transportStart;

/** RFC 791 §3.2, RFC 8200 §4.5: a fragment that others follow has blocks of eight bytes, and none has nothing. */
const hasRightLength = (fragment: Packet, wireBytes: number): boolean =>
  wireBytes > 0 && (!fragment.hasMoreFragments || wireBytes % 8 === 0);

const isUsable = (fragment: Packet): boolean => hasRightLength(fragment, dataBytesOf(fragment));

function raise(fragment: Packet, event: FamilyEvent): void {
  const name: WireEvent = fragment.ipVersion === 4 ? `ipv4.${event}` : `ipv6.${event}`;
  fragment.events.push(name);
}

type FamilyEvent =
  | 'frag_overlap'
  | 'frag_pkt_too_large'
  | 'frag_ignored'
  | 'frag_first_too_small'
  | 'frag_offset_too_small'
  | 'frag_wrong_end';

/** A header with these fields is one of a packet that never was in pieces. */
function finishIpv4(bytes: Uint8Array, start: number, dataStart: number, end: number): void {
  writeU16(bytes, start + IPV4_LENGTH, end - start);
  // Of the flags, only "more fragments" goes.
  bytes[start + IPV4_FRAGMENT] = u8(bytes, start + IPV4_FRAGMENT) & 0xc0;
  bytes[start + IPV4_FRAGMENT + 1] = 0;
  writeU16(bytes, start + IPV4_CHECKSUM, 0);
  writeU16(bytes, start + IPV4_CHECKSUM, finish(addWords(0, bytes, start, dataStart)));
}

function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function takeOver(last: Packet, whole: Packet, bytes: Uint8Array, end: number): void {
  whole.bytes = bytes;
  whole.start = 0;
  whole.end = end;
  whole.wireBytes = end;
  whole.linkType = last.linkType;
  whole.comeWith(last);
}
