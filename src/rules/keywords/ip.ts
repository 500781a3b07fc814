import { u8, u16 } from '../../base/bytes.ts';
import { IP_PROTOCOL, type Packet } from '../../wire/packet.ts';
import { defineKeyword } from '../keyword.ts';
import { isInRange, nothing, uintRange, word } from '../values.ts';

/** RFC 791 §3.1, offsets in bytes from the start of the header. */
const IDENTIFICATION = 4;
const FLAGS_OFFSET = 6;
const TYPE_OF_SERVICE = 1;
const OPTIONS = 20;

const ttl = defineKeyword({
  name: 'ttl',
  summary: 'IPv4 time to live, or IPv6 hop limit',
  example: 'ttl:<5;',
  parse: uintRange({ max: 255 }),
  compile: (range, draft) => draft.testPacket((packet) => isInRange(range, packet.ttl)),
});

const id = defineKeyword({
  name: 'id',
  summary: 'IPv4 identification',
  example: 'id:31337;',
  parse: uintRange({ max: 65_535, isQuotable: true }),
  compile: (range, draft) =>
    draft.testPacket(
      (packet) => packet.ipVersion === 4 && isInRange(range, u16(packet.bytes, packet.ipStart + IDENTIFICATION)),
    ),
});

const tos = defineKeyword({
  name: 'tos',
  summary: 'IPv4 type of service; xHH is hexadecimal',
  example: 'tos:!0;',
  parse: (value) => {
    const match = /^(!)?\s*(?:x([0-9a-fA-F]{1,2})|(\d{1,3}))$/.exec(word(value));
    const number = match === null ? 256 : match[2] === undefined ? Number(match[3]) : Number.parseInt(match[2], 16);
    if (number > 255) value.fail('tos takes a number from 0 to 255, or x00 to xff');
    return { min: number, max: number, isNegated: match?.[1] !== undefined };
  },
  compile: (range, draft) =>
    draft.testPacket(
      (packet) => packet.ipVersion === 4 && isInRange(range, u8(packet.bytes, packet.ipStart + TYPE_OF_SERVICE)),
    ),
});

const l3Proto = defineKeyword({
  name: 'l3_proto',
  summary: 'The packet is one of IPv4 or of IPv6',
  example: 'l3_proto:ipv6;',
  parse: (value) => {
    const version = /^ip(?:v)?([46])$/i.exec(value.text)?.[1];
    return version === undefined ? value.fail('l3_proto takes ipv4 or ipv6') : Number(version);
  },
  compile: (version, draft) => draft.testPacket((packet) => packet.ipVersion === version),
});

const sameip = defineKeyword({
  name: 'sameip',
  summary: 'Source and destination address are the same',
  example: 'sameip;',
  parse: nothing,
  compile: (_, draft) => draft.testPacket(hasSameAddresses),
});

const ipProto = defineKeyword({
  name: 'ip_proto',
  summary: 'IP protocol by number or name, with ! < or > before it',
  example: 'ip_proto:!47;',
  parse: (value) => {
    const match = /^([!<>])?\s*([\w-]+)$/.exec(word(value));
    if (match === null) return value.fail('ip_proto takes a protocol number or name, with ! < or > before it');
    const name = match[2]!.toLowerCase();
    const number = /^\d+$/.test(name) ? Number(name) : PROTOCOL_NUMBERS[name];
    if (number === undefined || number > 255) return value.fail(`"${match[2]}" is no IP protocol`);
    if (match[1] === '<') return { min: 0, max: number - 1, isNegated: false };
    if (match[1] === '>') return { min: number + 1, max: 255, isNegated: false };
    return { min: number, max: number, isNegated: match[1] === '!' };
  },
  compile: (range, draft) => {
    draft.ipProtocolRanges.push(range);
    draft.testPacket((packet) => isInRange(range, packet.protocol));
  },
});

const fragbits = defineKeyword({
  name: 'fragbits',
  summary: 'IPv4 fragment flags: M more, D do not fragment, R reserved; + all and others, * any, ! none',
  example: 'fragbits:M;',
  parse: (value) => {
    const match = /^([+*!])?\s*([MDR]+)\s*([+*!])?$/.exec(word(value));
    if (match === null || (match[1] !== undefined && match[3] !== undefined)) {
      return value.fail('fragbits takes M, D, R with + * or ! before them');
    }
    const bits = [...match[2]!].reduce((all, letter) => all | FRAGMENT_BITS[letter]!, 0);
    return { bits, modifier: match[1] ?? match[3] ?? '' };
  },
  compile: ({ bits, modifier }, draft) =>
    draft.testPacket((packet) => {
      if (packet.ipVersion !== 4) return false;
      const flags = u16(packet.bytes, packet.ipStart + FLAGS_OFFSET) & ALL_FRAGMENT_BITS;
      if (modifier === '+') return (flags & bits) === bits;
      if (modifier === '*') return (flags & bits) !== 0;
      if (modifier === '!') return (flags & bits) !== bits;
      return flags === bits;
    }),
});

const fragoffset = defineKeyword({
  name: 'fragoffset',
  summary: 'IPv4 fragment offset in units of 8 bytes',
  example: 'fragoffset:>0;',
  parse: uintRange({ max: 8191 }),
  compile: (range, draft) =>
    draft.testPacket(
      (packet) => packet.ipVersion === 4 && isInRange(range, u16(packet.bytes, packet.ipStart + FLAGS_OFFSET) & 0x1fff),
    ),
});

const ipopts = defineKeyword({
  name: 'ipopts',
  summary: 'The IPv4 header has this option; any: it has some',
  example: 'ipopts:lsrr;',
  parse: (value) => {
    const name = word(value).toLowerCase();
    return Object.hasOwn(IP_OPTIONS, name)
      ? IP_OPTIONS[name]!
      : value.fail(`"${name}" is no option: ${Object.keys(IP_OPTIONS).join(', ')}`);
  },
  compile: (option, draft) => draft.testPacket((packet) => hasIpOption(packet, option)),
});

export const ipKeywords = [l3Proto, ttl, id, tos, sameip, ipProto, fragbits, fragoffset, ipopts];

function hasSameAddresses(packet: Packet): boolean {
  const { source, destination } = packet;
  return (
    packet.ipVersion !== 0 &&
    source[3] === destination[3] &&
    source[2] === destination[2] &&
    source[1] === destination[1] &&
    source[0] === destination[0]
  );
}

const ANY_OPTION = -1;
const END_OF_LIST = 0;
const NO_OPERATION = 1;

function hasIpOption(packet: Packet, wanted: number): boolean {
  if (packet.ipVersion !== 4) return false;
  const { bytes, ipStart } = packet;
  const end = ipStart + (u8(bytes, ipStart) & 0x0f) * 4;
  for (let at = ipStart + OPTIONS; at < end; ) {
    const type = u8(bytes, at);
    if (wanted === ANY_OPTION || type === wanted) return true;
    if (type === END_OF_LIST) return false;
    if (type === NO_OPERATION) {
      at++;
    } else {
      const length = at + 1 < end ? u8(bytes, at + 1) : 0;
      if (length < 2) return false;
      at += length;
    }
  }
  return false;
}

/** IANA's option numbers, with the copied flag and the class in them. */
const IP_OPTIONS: Readonly<Record<string, number>> = {
  any: ANY_OPTION,
  eol: END_OF_LIST,
  nop: NO_OPERATION,
  rr: 7,
  ts: 68,
  sec: 130,
  lsrr: 131,
  esec: 133,
  cipso: 134,
  satid: 136,
  ssrr: 137,
};

const ALL_FRAGMENT_BITS = 0xe000;
const FRAGMENT_BITS: Readonly<Record<string, number>> = { R: 0x8000, D: 0x4000, M: 0x2000 };

/** The names of /etc/protocols that rules use. */
const PROTOCOL_NUMBERS: Readonly<Record<string, number>> = {
  ip: 0,
  icmp: IP_PROTOCOL.icmp,
  igmp: 2,
  ipencap: 4,
  ipip: 4,
  tcp: IP_PROTOCOL.tcp,
  egp: 8,
  igp: 9,
  udp: IP_PROTOCOL.udp,
  ipv6: 41,
  'ipv6-route': 43,
  'ipv6-frag': 44,
  rsvp: 46,
  gre: 47,
  esp: 50,
  ah: 51,
  'ipv6-icmp': IP_PROTOCOL.icmpv6,
  'ipv6-nonxt': 59,
  'ipv6-opts': 60,
  eigrp: 88,
  ospf: 89,
  pim: 103,
  vrrp: 112,
  l2tp: 115,
  sctp: IP_PROTOCOL.sctp,
  udplite: 136,
};
