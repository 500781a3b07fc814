import { EMPTY_BYTES, u8 } from '../base/bytes.ts';
import { type CutEvent, tooShort } from './cut.ts';

export const ICMP_EVENTS = {
  'icmpv4.pkt_too_small': 'shorter than an ICMP header',
  'icmpv4.unknown_type': 'a type that no standard names',
  'icmpv4.unknown_code': 'a code that the type does not have',
  'icmpv4.ipv4_trunc_pkt': 'an error message without the header of the packet that caused it',
  'icmpv4.ipv4_unknown_ver': 'an error message about something that is not IPv4',
  'icmpv4.invalid_checksum': 'wrong checksum',
  'icmpv6.pkt_too_small': 'shorter than an ICMPv6 header',
  'icmpv6.unknown_type': 'a type that no standard names',
  'icmpv6.unassigned_type': 'a type that is not assigned',
  'icmpv6.experimentation_type': 'a type for private experiments',
  'icmpv6.unknown_code': 'a code that the type does not have',
  'icmpv6.ipv6_trunc_pkt': 'an error message without the header of the packet that caused it',
  'icmpv6.ipv6_unknown_version': 'an error message about something that is not IPv6',
  'icmpv6.mld_message_with_invalid_hl': 'a multicast listener message that crossed a router',
  'icmpv6.invalid_checksum': 'wrong checksum',
} as const;
export type IcmpEvent = keyof typeof ICMP_EVENTS;

// RFC 792, RFC 4443 §2.1, offsets in bytes from the start of the header. Both protocols have four more bytes whose
// meaning is the type's.
const TYPE = 0;
const CODE = 1;
const HEADER_BYTES = 8;
const UNKNOWN = -1;

/** A window onto one ICMP or ICMPv6 message. Borrowed: valid until the next `reset`. */
export class IcmpView {
  #bytes: Uint8Array = EMPTY_BYTES;
  #start = 0;
  #end = 0;
  #wireEnd = 0;
  #isV6 = false;

  /** The message is `bytes[start, end)`; `wireEnd` is beyond `end` where the capture cut it. */
  reset(ipVersion: 4 | 6, bytes: Uint8Array, start: number, end: number, wireEnd: number): IcmpEvent | CutEvent | null {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.#wireEnd = wireEnd;
    this.#isV6 = ipVersion === 6;
    if (end - start >= HEADER_BYTES) return null;
    return tooShort(start + HEADER_BYTES, wireEnd, this.#isV6 ? 'icmpv6.pkt_too_small' : 'icmpv4.pkt_too_small');
  }

  get type(): number {
    return u8(this.#bytes, this.#start + TYPE);
  }
  get code(): number {
    return u8(this.#bytes, this.#start + CODE);
  }
  get payloadStart(): number {
    return this.#start + HEADER_BYTES;
  }
  /** The message is about a packet, whose beginning is the payload. */
  get isError(): boolean {
    const { type } = this;
    return this.#isV6 ? type >= 1 && type <= 4 : type === 3 || type === 4 || type === 5 || type === 11 || type === 12;
  }

  check(ttl: number, events: string[]): void {
    const { type } = this;
    const highestCode = (this.#isV6 ? ICMPV6_CODES : ICMPV4_CODES)[type]!;
    if (this.#isV6 && isExperimental(type)) events.push('icmpv6.experimentation_type');
    else if (highestCode === UNKNOWN) events.push(this.#isV6 ? unknownIcmpv6(type) : 'icmpv4.unknown_type');
    else if (this.code > highestCode) events.push(this.#isV6 ? 'icmpv6.unknown_code' : 'icmpv4.unknown_code');
    // RFC 2710 §3, RFC 3810 §5: link-local, so the hop limit is 1.
    if (this.#isV6 && ttl !== 1 && ((type >= 130 && type <= 132) || type === 143)) {
      events.push('icmpv6.mld_message_with_invalid_hl');
    }
    if (this.isError) this.#checkEmbedded(events);
  }

  #checkEmbedded(events: string[]): void {
    const at = this.payloadStart;
    const headerBytes = this.#isV6 ? 40 : 20;
    if (at + headerBytes > this.#wireEnd) {
      events.push(this.#isV6 ? 'icmpv6.ipv6_trunc_pkt' : 'icmpv4.ipv4_trunc_pkt');
    } else if (at < this.#end && u8(this.#bytes, at) >> 4 !== (this.#isV6 ? 6 : 4)) {
      events.push(this.#isV6 ? 'icmpv6.ipv6_unknown_version' : 'icmpv4.ipv4_unknown_ver');
    }
  }
}

/** RFC 4443 §2.1. */
const isExperimental = (type: number): boolean => type === 100 || type === 101 || type === 200 || type === 201;

/** The types between 127 and 160 are assigned one by one; of the others, whole ranges are not. */
const unknownIcmpv6 = (type: number): IcmpEvent =>
  (type > 4 && type < 127) || type >= 160 ? 'icmpv6.unassigned_type' : 'icmpv6.unknown_type';

/** The highest code of each type, after the registries of IANA. */
function codesByType(highestCodes: Readonly<Record<number, number>>): Int16Array {
  const codes = new Int16Array(256).fill(UNKNOWN);
  for (const [type, code] of Object.entries(highestCodes)) codes[Number(type)] = code;
  return codes;
}

// RFC 1256 and RFC 5944 give router advertisement the codes 0 and 16, RFC 8335 extended echo the types 42 and 43.
const ICMPV4_CODES = codesByType({
  0: 0,
  3: 15,
  4: 0,
  5: 3,
  8: 0,
  9: 16,
  10: 0,
  11: 1,
  12: 2,
  13: 0,
  14: 0,
  15: 0,
  16: 0,
  17: 0,
  18: 0,
  30: 0,
  40: 5,
  42: 0,
  43: 4,
});

// 138, 155: router renumbering (RFC 2894) and RPL (RFC 6550) use high codes.
const ICMPV6_CODES = codesByType({
  1: 8,
  2: 0,
  3: 1,
  4: 10,
  128: 0,
  129: 0,
  130: 0,
  131: 0,
  132: 0,
  133: 0,
  134: 0,
  135: 0,
  136: 0,
  137: 0,
  138: 255,
  139: 2,
  140: 2,
  141: 0,
  142: 0,
  143: 0,
  144: 0,
  145: 0,
  146: 0,
  147: 0,
  148: 0,
  149: 0,
  151: 0,
  152: 0,
  153: 0,
  154: 5,
  155: 255,
  157: 4,
  158: 4,
  159: 0,
  160: 0,
  161: 4,
});
