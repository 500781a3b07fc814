import { EMPTY_BYTES, i32, u8, u16, u32 } from '../base/bytes.ts';
import { type CutEvent, tooShort } from './cut.ts';
import { isExtension, isKnown, NEXT, RANK, rankOf, transportHeaderBytes } from './ipv6-headers.ts';
import { IP_PROTOCOL } from './packet.ts';

export const IPV6_EVENTS = {
  'ipv6.pkt_too_small': 'shorter than an IPv6 header',
  'ipv6.wrong_ip_version': 'the frame announces IPv6, the header another version',
  'ipv6.trunc_pkt': 'payload length larger than what was sent',
  'ipv6.trunc_exthdr': 'an extension header, or the header that it announces, runs beyond the packet',
  'ipv6.exthdr_too_many': 'more extension headers than a packet could need',
  'ipv6.exthdr_misordered': 'extension headers in another order than RFC 8200 §4.1 gives',
  'ipv6.exthdr_dupl_hh': 'two hop-by-hop options headers',
  'ipv6.exthdr_dupl_dh': 'more than two destination options headers',
  'ipv6.exthdr_dupl_rh': 'two routing headers',
  'ipv6.exthdr_dupl_fh': 'two fragment headers',
  'ipv6.exthdr_dupl_ah': 'two authentication headers',
  'ipv6.exthdr_useless_fh': 'a fragment header on a whole packet',
  'ipv6.exthdr_invalid_optlen': 'an option runs beyond its header, or its length is wrong',
  'ipv6.exthdr_ah_res_not_null': 'reserved bytes of the authentication header are not zero',
  'ipv6.fh_non_zero_reserved_field': 'reserved byte of the fragment header is not zero',
  'ipv6.frag_invalid_length': 'a fragment that is not the last has a length that is no multiple of eight',
  'ipv6.frag_incomplete_headers': 'a first fragment without all headers up to the one of the transport',
  'ipv6.hopopts_unknown_opt': 'unknown hop-by-hop option',
  'ipv6.hopopts_only_padding': 'hop-by-hop options header with nothing but padding',
  'ipv6.dstopts_unknown_opt': 'unknown destination option',
  'ipv6.dstopts_only_padding': 'destination options header with nothing but padding',
  'ipv6.zero_len_padn': 'a padding option without a byte of padding',
  'ipv6.rh_type_0': 'routing header of type 0',
  'ipv6.data_after_none_header': 'data behind the mark that nothing follows',
  'ipv6.unknown_next_header': 'a next header that no decoder knows',
  'ipv6.ipv4_in_ipv6_too_small': 'a tunnel with less than an IPv4 header',
  'ipv6.ipv4_in_ipv6_wrong_version': 'a tunnel for IPv4 with another version in it',
  'ipv6.ipv6_in_ipv6_too_small': 'a tunnel with less than an IPv6 header',
  'ipv6.ipv6_in_ipv6_wrong_version': 'a tunnel for IPv6 with another version in it',
  'ipv6.src_multicast': 'the source is a multicast address',
  'ipv6.src_loopback': 'the source is the loopback address, but the packet comes from outside',
  'ipv6.same_src_dst': 'source and destination are the same, but the packet comes from outside',
  'ipv6.icmpv4': 'ICMP for IPv4 in IPv6',
} as const;
export type Ipv6Event = keyof typeof IPV6_EVENTS;

/**
 * RFC 8200 §4.1 names seven, one of them twice; with mobility (RFC 6275) there are nine that a packet could need.
 * Beyond: `ipv6.exthdr_too_many`. All are read nevertheless, since a host may do so too; each has at least eight bytes.
 */
export const MAX_EXTENSION_HEADERS = 9;

// RFC 8200 §3, offsets in bytes from the start of the header.
const VERSION = 0;
const PAYLOAD_LENGTH = 4;
const NEXT_HEADER = 6;
const HOP_LIMIT = 7;
const SOURCE = 8;
const DESTINATION = 24;
/** Without extension headers. */
export const IPV6_HEADER_BYTES = 40;
const MAX_PAYLOAD_BYTES = 65_535;
const FRAGMENT_HEADER_BYTES = 8;

/** RFC 8200 §4.2, RFC 2675, RFC 2711, RFC 6275 §6.3, RFC 6788 and the like: registered at IANA. */
const OPTION = { pad1: 0x00, padN: 0x01, routerAlert: 0x05, homeAddress: 0xc9, jumbo: 0xc2 } as const;

/** A window onto one IPv6 packet. Borrowed: valid until the next `reset`. */
export class Ipv6View {
  #bytes: Uint8Array = EMPTY_BYTES;
  #start = 0;
  /** Where the packet ends: on the wire, and in what the capture kept of it. */
  wireEnd = 0;
  end = 0;

  // --- set by `walk` ---
  /** The first header that is no extension header; in a fragment, what follows the fragment header. */
  protocol = 0;
  payloadStart = 0;
  isFragment = false;
  fragmentOffsetBytes = 0;
  hasMoreFragments = false;
  fragmentId = 0;
  /** Of a fragment: its fragment header, and the byte that names it. */
  fragmentHeaderStart = 0;
  fragmentNextHeaderAt = 0;
  /** The transport's checksum covers the addresses of this header: no routing is left, there is no home address. */
  hasFinalAddresses = true;

  #hasOnlyPadding = false;
  #hasUnknownOption = false;
  #hasEmptyPadding = false;

  /** As `Ipv4View.reset`. Behind a null, `walk` comes next. */
  reset(bytes: Uint8Array, start: number, frameEnd: number, frameWireEnd: number): Ipv6Event | CutEvent | null {
    this.#bytes = bytes;
    this.#start = start;
    this.end = frameEnd;
    this.wireEnd = frameWireEnd;
    if (frameEnd - start < IPV6_HEADER_BYTES)
      return tooShort(start + IPV6_HEADER_BYTES, frameWireEnd, 'ipv6.pkt_too_small');
    if (u8(bytes, start + VERSION) >> 4 !== 6) return 'ipv6.wrong_ip_version';
    let payloadBytes = u16(bytes, start + PAYLOAD_LENGTH);
    const availableBytes = frameWireEnd - start - IPV6_HEADER_BYTES;
    // BIG TCP and jumbograms (RFC 2675): too long for the field. What the kernel handed over is the length.
    if (payloadBytes === 0 && availableBytes > MAX_PAYLOAD_BYTES) payloadBytes = availableBytes;
    if (payloadBytes > availableBytes) return 'ipv6.trunc_pkt';
    this.wireEnd = start + IPV6_HEADER_BYTES + payloadBytes;
    this.end = Math.min(frameEnd, this.wireEnd);
    return null;
  }

  get ttl(): number {
    return u8(this.#bytes, this.#start + HOP_LIMIT);
  }
  get nextHeader(): number {
    return u8(this.#bytes, this.#start + NEXT_HEADER);
  }
  get addressesStart(): number {
    return this.#start + SOURCE;
  }

  /** Writes both addresses as four words each. */
  readAddresses(source: Uint32Array, destination: Uint32Array): void {
    for (let word = 0; word < 4; word++) {
      source[word] = i32(this.#bytes, this.#start + SOURCE + word * 4);
      destination[word] = i32(this.#bytes, this.#start + DESTINATION + word * 4);
    }
  }

  /** `isInside`: as in `Ipv4View.checkAddresses`. */
  checkAddresses(isInside: boolean, events: string[]): void {
    if (u8(this.#bytes, this.#start + SOURCE) === 0xff) events.push('ipv6.src_multicast');
    if (isInside) return;
    let isLoopback = true;
    let isSame = true;
    for (let at = 0; at < 16; at += 4) {
      const word = i32(this.#bytes, this.#start + SOURCE + at);
      if (word !== (at === 12 ? 1 : 0)) isLoopback = false;
      if (word !== i32(this.#bytes, this.#start + DESTINATION + at)) isSame = false;
    }
    if (isLoopback) events.push('ipv6.src_loopback');
    else if (isSame) events.push('ipv6.same_src_dst');
  }

  /** Reads the extension headers. Returns what made it stop before their end, null if nothing did. */
  walk(events: string[]): Ipv6Event | CutEvent | null {
    this.isFragment = false;
    this.hasFinalAddresses = true;
    this.protocol = this.nextHeader;
    this.payloadStart = this.#start + IPV6_HEADER_BYTES;
    if (this.protocol === IP_PROTOCOL.tcp || this.protocol === IP_PROTOCOL.udp) return null;

    let next = this.protocol;
    let at = this.payloadStart;
    let rank: number = RANK.start;
    let seen = 0;
    let destinationHeaders = 0;
    let isMisordered = false;
    this.fragmentNextHeaderAt = this.#start + NEXT_HEADER;
    for (let headers = 0; isExtension(next); headers++) {
      this.protocol = next;
      this.payloadStart = at;
      if (headers === MAX_EXTENSION_HEADERS) events.push('ipv6.exthdr_too_many');
      if (this.end - at < FRAGMENT_HEADER_BYTES) {
        return tooShort(at + FRAGMENT_HEADER_BYTES, this.wireEnd, 'ipv6.trunc_exthdr');
      }
      const length = this.#extensionBytes(next, at);
      if (at + length > this.end) return tooShort(at + length, this.wireEnd, 'ipv6.trunc_exthdr');

      const headerRank = rankOf(next, rank);
      if (next === NEXT.destination) {
        if (++destinationHeaders === 3) events.push('ipv6.exthdr_dupl_dh');
      } else if (headerRank !== RANK.last) {
        const bit = 1 << headerRank;
        if ((seen & bit) !== 0) addOnce(events, duplicateEvent(next));
        else if (headerRank < rank) isMisordered = true;
        seen |= bit;
      }
      if (headerRank > rank) rank = headerRank;

      this.#readExtension(next, at, length, events);
      if (!this.isFragment) this.fragmentNextHeaderAt = at;
      next = u8(this.#bytes, at);
      at += length;
      this.protocol = next;
      this.payloadStart = at;
      // What follows may be the middle of a transport header: only the reassembled packet tells.
      if (this.isFragment) break;
    }
    if (isMisordered) events.push('ipv6.exthdr_misordered');
    if (this.isFragment) {
      if (this.fragmentOffsetBytes === 0 && !this.#hasAllHeaders(next, at)) {
        events.push('ipv6.frag_incomplete_headers');
      }
      return null;
    }
    // No header is shorter than two bytes. Suricata counts this among the extension headers, not to the transport.
    const isPromiseKept = next === NEXT.none || at === this.#start + IPV6_HEADER_BYTES || this.end - at >= 2;
    if (!isPromiseKept) return tooShort(at + 2, this.wireEnd, 'ipv6.trunc_exthdr');
    if (next === NEXT.none && at < this.end) events.push('ipv6.data_after_none_header');
    if (next === IP_PROTOCOL.icmp) events.push('ipv6.icmpv4');
    else if (!isKnown(next)) events.push('ipv6.unknown_next_header');
    return null;
  }

  /** RFC 7112 §5. What the capture cut is not judged. */
  #hasAllHeaders(firstHeader: number, start: number): boolean {
    let next = firstHeader;
    let at = start;
    while (isExtension(next)) {
      if (at + FRAGMENT_HEADER_BYTES > this.end) return at + FRAGMENT_HEADER_BYTES <= this.wireEnd;
      const length = this.#extensionBytes(next, at);
      next = u8(this.#bytes, at);
      at += length;
    }
    return at + transportHeaderBytes(next) <= this.wireEnd;
  }

  #extensionBytes(type: number, at: number): number {
    if (type === NEXT.fragment) return FRAGMENT_HEADER_BYTES;
    const field = u8(this.#bytes, at + 1);
    // RFC 4302 §2.2: in words of four bytes, minus two. The others count in eight, not counting the first.
    if (type === NEXT.authentication) return Math.max((field + 2) * 4, FRAGMENT_HEADER_BYTES);
    return (field + 1) * 8;
  }

  #readExtension(type: number, at: number, length: number, events: string[]): void {
    switch (type) {
      case NEXT.fragment:
        this.#readFragmentHeader(at, events);
        return;
      case NEXT.routing:
        // RFC 5095 forbids type 0. While segments are left, this host is not the one that reads the transport.
        if (u8(this.#bytes, at + 2) === 0) addOnce(events, 'ipv6.rh_type_0');
        if (u8(this.#bytes, at + 3) !== 0) this.hasFinalAddresses = false;
        return;
      case NEXT.authentication:
        if (u16(this.#bytes, at + 2) !== 0) addOnce(events, 'ipv6.exthdr_ah_res_not_null');
        return;
      case NEXT.hopByHop:
      case NEXT.destination: {
        const isHopByHop = type === NEXT.hopByHop;
        if (!this.#readOptions(at + 2, at + length)) addOnce(events, 'ipv6.exthdr_invalid_optlen');
        if (this.#hasEmptyPadding) addOnce(events, 'ipv6.zero_len_padn');
        if (this.#hasUnknownOption) {
          addOnce(events, isHopByHop ? 'ipv6.hopopts_unknown_opt' : 'ipv6.dstopts_unknown_opt');
        }
        if (this.#hasOnlyPadding) {
          addOnce(events, isHopByHop ? 'ipv6.hopopts_only_padding' : 'ipv6.dstopts_only_padding');
        }
        return;
      }
      default:
        return;
    }
  }

  #readFragmentHeader(at: number, events: string[]): void {
    if (u8(this.#bytes, at + 1) !== 0) addOnce(events, 'ipv6.fh_non_zero_reserved_field');
    const field = u16(this.#bytes, at + 2);
    this.fragmentHeaderStart = at;
    this.fragmentOffsetBytes = field & 0xfff8;
    this.hasMoreFragments = (field & 1) !== 0;
    this.fragmentId = u32(this.#bytes, at + 4);
    // RFC 6946: offset 0 without more to come is a whole packet, legal and to be read as one.
    this.isFragment = this.hasMoreFragments || this.fragmentOffsetBytes !== 0;
    if (!this.isFragment) addOnce(events, 'ipv6.exthdr_useless_fh');
    else if (this.hasMoreFragments && (this.wireEnd - at - FRAGMENT_HEADER_BYTES) % 8 !== 0) {
      events.push('ipv6.frag_invalid_length');
    }
  }

  /** RFC 8200 §4.2. False: an option does not fit. */
  #readOptions(start: number, end: number): boolean {
    this.#hasEmptyPadding = false;
    this.#hasUnknownOption = false;
    this.#hasOnlyPadding = false;
    let hasPadding = false;
    let hasOther = false;
    let at = start;
    while (at < end) {
      const type = u8(this.#bytes, at);
      if (type === OPTION.pad1) {
        hasPadding = true;
        at++;
        continue;
      }
      if (at + 2 > end) return false;
      const length = u8(this.#bytes, at + 1);
      if (at + 2 + length > end) return false;
      if (type === OPTION.padN) {
        hasPadding = true;
        if (length === 0) this.#hasEmptyPadding = true;
      } else {
        hasOther = true;
        if (!this.#isOptionLengthRight(type, length)) return false;
      }
      at += 2 + length;
    }
    this.#hasOnlyPadding = hasPadding && !hasOther;
    return true;
  }

  #isOptionLengthRight(type: number, length: number): boolean {
    switch (type) {
      case OPTION.routerAlert:
        return length === 2;
      case OPTION.jumbo:
        return length === 4;
      case OPTION.homeAddress:
        this.hasFinalAddresses = false;
        return length === 16;
      default:
        this.#hasUnknownOption = true;
        return true;
    }
  }
}

function duplicateEvent(next: number): Ipv6Event {
  if (next === NEXT.hopByHop) return 'ipv6.exthdr_dupl_hh';
  if (next === NEXT.routing) return 'ipv6.exthdr_dupl_rh';
  return next === NEXT.fragment ? 'ipv6.exthdr_dupl_fh' : 'ipv6.exthdr_dupl_ah';
}

/** At most as many events as there are names, whatever the packet repeats. */
function addOnce(events: string[], event: Ipv6Event): void {
  if (!events.includes(event)) events.push(event);
}
