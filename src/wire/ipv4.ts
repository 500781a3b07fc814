import { EMPTY_BYTES, i32, u8, u16 } from '../base/bytes.ts';
import { addWords, finish } from './checksum.ts';
import { type CutEvent, tooShort } from './cut.ts';
import { IP_PROTOCOL } from './packet.ts';

export const IPV4_EVENTS = {
  'ipv4.pkt_too_small': 'shorter than an IPv4 header',
  'ipv4.wrong_ip_version': 'the frame announces IPv4, the header another version',
  'ipv4.hlen_too_small': 'header length below 20 bytes',
  'ipv4.iplen_smaller_than_hlen': 'total length smaller than the header length',
  'ipv4.trunc_pkt': 'total length larger than what was sent',
  'ipv4.invalid_checksum': 'wrong header checksum',
  'ipv4.opt_invalid_len': 'option length is wrong or runs beyond the header',
  'ipv4.opt_malformed': 'the pointer of a route or timestamp option points outside, or a security tag is wrong',
  'ipv4.opt_pad_required': 'the options do not end at a multiple of eight bytes',
  'ipv4.opt_eol_required': 'the last option byte starts an option that has no room',
  'ipv4.opt_duplicate': 'the same option twice',
  'ipv4.opt_invalid': 'an option that no standard names',
  'ipv4.opt_source_route': 'loose or strict source routing',
  'ipv4.opt_record_route': 'routers are asked to write down the way',
  'ipv4.reserved_flag': 'the reserved bit beside the fragmentation flags is set',
  'ipv4.frag_dont_fragment': 'a fragment that says that it must not be fragmented',
  'ipv4.src_multicast': 'the source is a multicast address',
  'ipv4.src_broadcast': 'the source is the broadcast address',
  'ipv4.src_loopback': 'the source is a loopback address, but the packet comes from outside',
  'ipv4.same_src_dst': 'source and destination are the same, but the packet comes from outside',
  'ipv4.icmpv6': 'ICMPv6 in IPv4',
} as const;
export type Ipv4Event = keyof typeof IPV4_EVENTS;

// RFC 791 §3.1, offsets in bytes from the start of the header.
const VERSION_IHL = 0;
const TOTAL_LENGTH = 2;
const ID = 4;
const FRAGMENT = 6;
const TTL = 8;
const PROTOCOL = 9;
const SOURCE = 12;
const DESTINATION = 16;
/** Without options. */
export const IPV4_HEADER_BYTES = 20;
/** RFC 919 §7, as a signed number. */
const BROADCAST = ~0;
/** RFC 791 §3.1: the total length field has 16 bits. */
const MAX_TOTAL_BYTES = 65_535;
/** RFC 791 §3.1 options; RFC 1108 security, RFC 2113 router alert, RFC 4782 quick start; CIPSO is FIPS 188. */
const OPTION = {
  end: 0,
  nop: 1,
  recordRoute: 7,
  quickStart: 25,
  timestamp: 68,
  security: 130,
  looseRoute: 131,
  extendedSecurity: 133,
  cipso: 134,
  streamId: 136,
  strictRoute: 137,
  routerAlert: 148,
} as const;

/** FIPS 188 §4: type, length and domain, then at least one tag. */
const CIPSO_TAGS = 6;
const MIN_CIPSO_BYTES = 10;

/** A window onto one IPv4 packet. Borrowed: valid until the next `reset`. */
export class Ipv4View {
  #bytes: Uint8Array = EMPTY_BYTES;
  #start = 0;
  /** Where the packet ends: on the wire, and in what the capture kept of it. */
  wireEnd = 0;
  end = 0;

  /**
   * Points at a packet that starts at `start`, in a frame that ends at `frameEnd`, or that ended at `frameWireEnd`
   * before the capture cut it. The getters are in bounds if, and only if, this returned null.
   */
  reset(bytes: Uint8Array, start: number, frameEnd: number, frameWireEnd: number): Ipv4Event | CutEvent | null {
    this.#bytes = bytes;
    this.#start = start;
    this.end = frameEnd;
    this.wireEnd = frameWireEnd;
    if (frameEnd - start < IPV4_HEADER_BYTES) {
      return tooShort(start + IPV4_HEADER_BYTES, frameWireEnd, 'ipv4.pkt_too_small');
    }
    if (u8(bytes, start + VERSION_IHL) >> 4 !== 4) return 'ipv4.wrong_ip_version';
    const headerBytes = this.headerBytes;
    if (headerBytes < IPV4_HEADER_BYTES) return 'ipv4.hlen_too_small';
    const totalBytes = this.#totalBytes();
    if (totalBytes < headerBytes) return 'ipv4.iplen_smaller_than_hlen';
    if (start + totalBytes > frameWireEnd) return 'ipv4.trunc_pkt';
    if (start + headerBytes > frameEnd) return 'capture.trunc_pkt';
    this.wireEnd = start + totalBytes;
    this.end = Math.min(frameEnd, this.wireEnd);
    return null;
  }

  get headerBytes(): number {
    return (u8(this.#bytes, this.#start + VERSION_IHL) & 0x0f) << 2;
  }
  get id(): number {
    return u16(this.#bytes, this.#start + ID);
  }
  get hasMoreFragments(): boolean {
    return (u16(this.#bytes, this.#start + FRAGMENT) & 0x2000) !== 0;
  }
  get fragmentOffsetBytes(): number {
    return (u16(this.#bytes, this.#start + FRAGMENT) & 0x1fff) << 3;
  }
  get isFragment(): boolean {
    return (u16(this.#bytes, this.#start + FRAGMENT) & 0x3fff) !== 0;
  }
  /** Anything but "do not fragment" is there, which is all that most packets have. */
  get hasRareFlags(): boolean {
    return (u16(this.#bytes, this.#start + FRAGMENT) & 0xbfff) !== 0;
  }
  get ttl(): number {
    return u8(this.#bytes, this.#start + TTL);
  }
  get protocol(): number {
    return u8(this.#bytes, this.#start + PROTOCOL);
  }
  get addressesStart(): number {
    return this.#start + SOURCE;
  }
  get payloadStart(): number {
    return this.#start + this.headerBytes;
  }

  hasRightChecksum(): boolean {
    return finish(addWords(0, this.#bytes, this.#start, this.payloadStart)) === 0;
  }

  /** Writes both addresses as the last of four words, whose others become 0. */
  readAddresses(source: Uint32Array, destination: Uint32Array): void {
    source[0] = 0;
    source[1] = 0;
    source[2] = 0;
    source[3] = i32(this.#bytes, this.#start + SOURCE);
    destination[0] = 0;
    destination[1] = 0;
    destination[2] = 0;
    destination[3] = i32(this.#bytes, this.#start + DESTINATION);
  }

  /** `isInside`: the packet does not come from a network, so that loopback addresses are what they should be. */
  checkAddresses(isInside: boolean, events: string[]): void {
    const source = i32(this.#bytes, this.#start + SOURCE);
    const firstByte = source >>> 24;
    if (firstByte >= 224) {
      if (firstByte < 240) events.push('ipv4.src_multicast');
      else if (source === BROADCAST) events.push('ipv4.src_broadcast');
    }
    if (isInside) return;
    if (firstByte === 127) events.push('ipv4.src_loopback');
    else if (source === i32(this.#bytes, this.#start + DESTINATION)) events.push('ipv4.same_src_dst');
  }

  checkFlags(events: string[]): void {
    const field = u16(this.#bytes, this.#start + FRAGMENT);
    if ((field & 0x8000) !== 0) events.push('ipv4.reserved_flag');
    if ((field & 0x4000) !== 0 && (field & 0x3fff) !== 0) events.push('ipv4.frag_dont_fragment');
  }

  checkProtocol(events: string[]): void {
    if (this.protocol === IP_PROTOCOL.icmpv6) events.push('ipv4.icmpv6');
  }

  /** Raises each event once, however often its cause occurs. */
  checkOptions(events: string[]): void {
    const end = this.payloadStart;
    let at = this.#start + IPV4_HEADER_BYTES;
    let hasDuplicate = false;
    let hasUnknown = false;
    let hasSourceRoute = false;
    let hasRecordRoute = false;
    let seen = 0;
    if ((end - at) % 8 !== 0) events.push('ipv4.opt_pad_required');
    while (at < end) {
      const type = u8(this.#bytes, at);
      if (type === OPTION.end) break;
      if (type === OPTION.nop) {
        at++;
        continue;
      }
      if (end - at < 2) {
        events.push('ipv4.opt_eol_required');
        break;
      }
      const length = u8(this.#bytes, at + 1);
      if (length < 2 || length > end - at) {
        events.push('ipv4.opt_invalid_len');
        break;
      }
      const bit = optionBit(type);
      if (bit === 0) hasUnknown = true;
      else if ((seen & bit) !== 0) hasDuplicate = true;
      seen |= bit;
      if (type === OPTION.looseRoute || type === OPTION.strictRoute) hasSourceRoute = true;
      const event = this.#checkOption(type, at, length);
      if (event !== null) {
        events.push(event);
        break;
      }
      if (type === OPTION.recordRoute) hasRecordRoute = true;
      at += length;
    }
    if (hasDuplicate) events.push('ipv4.opt_duplicate');
    if (hasUnknown) events.push('ipv4.opt_invalid');
    if (hasSourceRoute) events.push('ipv4.opt_source_route');
    if (hasRecordRoute) events.push('ipv4.opt_record_route');
  }

  #checkOption(type: number, at: number, length: number): Ipv4Event | null {
    switch (type) {
      case OPTION.streamId:
      case OPTION.routerAlert:
        return length === 4 ? null : 'ipv4.opt_invalid_len';
      case OPTION.quickStart:
        return length >= 8 ? null : 'ipv4.opt_invalid_len';
      case OPTION.security:
      case OPTION.extendedSecurity:
        return length >= 3 ? null : 'ipv4.opt_invalid_len';
      case OPTION.cipso:
        if (length < MIN_CIPSO_BYTES) return 'ipv4.opt_invalid_len';
        return this.#hasRightTags(at + CIPSO_TAGS, at + length) ? null : 'ipv4.opt_malformed';
      case OPTION.recordRoute:
      case OPTION.looseRoute:
      case OPTION.strictRoute:
        if (length < 3) return 'ipv4.opt_invalid_len';
        return isPointerRight(u8(this.#bytes, at + 2), 4, length) ? null : 'ipv4.opt_malformed';
      case OPTION.timestamp:
        if (length < 4) return 'ipv4.opt_invalid_len';
        return isPointerRight(u8(this.#bytes, at + 2), 5, length) ? null : 'ipv4.opt_malformed';
      default:
        return null;
    }
  }

  /** FIPS 188 §4: tags of the types 1, 2, 5, 6 and 7, with type and length; only 7 has no byte of zero behind them. */
  #hasRightTags(start: number, end: number): boolean {
    let at = start;
    while (at < end) {
      if (end - at < 2) return false;
      const type = u8(this.#bytes, at);
      const length = u8(this.#bytes, at + 1);
      if (type === 0 || type === 3 || type === 4 || type > 7 || length < 4 || length > end - at) return false;
      if (type !== 7 && u8(this.#bytes, at + 2) !== 0) return false;
      at += length;
    }
    return true;
  }

  #totalBytes(): number {
    const totalBytes = u16(this.#bytes, this.#start + TOTAL_LENGTH);
    const availableBytes = this.wireEnd - this.#start;
    // BIG TCP: a segment before segmentation has no place for its length, see iph_totlen in linux/ip.h.
    const isBigTcp = totalBytes === 0 && availableBytes > MAX_TOTAL_BYTES && this.protocol === IP_PROTOCOL.tcp;
    return isBigTcp ? availableBytes : totalBytes;
  }
}

/** RFC 791 §3.1: pointers count from 1, go in steps of four, and are one beyond the option when it is full. */
const isPointerRight = (pointer: number, first: number, length: number): boolean =>
  pointer >= first && (pointer - first) % 4 === 0 && pointer <= length + 1;

function optionBit(type: number): number {
  switch (type) {
    case OPTION.recordRoute:
      return 0x001;
    case OPTION.quickStart:
      return 0x002;
    case OPTION.timestamp:
      return 0x004;
    case OPTION.security:
      return 0x008;
    case OPTION.looseRoute:
      return 0x010;
    case OPTION.extendedSecurity:
      return 0x020;
    case OPTION.cipso:
      return 0x040;
    case OPTION.streamId:
      return 0x080;
    case OPTION.strictRoute:
      return 0x100;
    case OPTION.routerAlert:
      return 0x200;
    default:
      return 0;
  }
}
