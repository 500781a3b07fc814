import { writeFileSync } from 'node:fs';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { CHECKSUM, LINK, type LinkType, Packet } from '../../src/wire/packet.ts';

/** TCP flags, byte 13 of the header. A string of their initials works too: 'SA' is SYN and ACK. */
export const TCP = { fin: 0x01, syn: 0x02, rst: 0x04, psh: 0x08, ack: 0x10, urg: 0x20, ece: 0x40, cwr: 0x80 } as const;

/** What all packets have. Addresses decide the IP version: one with a colon is IPv6. */
export interface IpFields {
  source?: string;
  destination?: string;
  ttl?: number;
  /** IPv4 identification, or that of an IPv6 fragment header. */
  id?: number;
  dontFragment?: boolean;
  moreFragments?: boolean;
  /** In bytes, a multiple of 8. Setting it or `moreFragments` makes a fragment, in IPv6 by a fragment header. */
  fragmentOffsetBytes?: number;
  /** IPv4 only; padded with zeros to a multiple of four. */
  ipOptions?: Uint8Array;
  /** IPv6 only: whole extension headers in order, whose next-header bytes are filled in here. */
  extensions?: readonly { protocol: number; bytes: Uint8Array }[];
  trafficClass?: number;
  /** Puts an Ethernet header in front. */
  ethernet?: boolean;
  /** 802.1Q tags, outermost first; implies `ethernet`. With more than one, the outer ones are 802.1ad. */
  vlans?: readonly number[];
}

export interface TcpFields extends IpFields {
  sourcePort?: number;
  destinationPort?: number;
  sequence?: number;
  acknowledgement?: number;
  flags?: number | string;
  window?: number;
  urgentPointer?: number;
  /** Padded with end-of-options to a multiple of four. */
  options?: Uint8Array;
  payload?: string | Uint8Array;
  /** Instead of the right checksum. */
  checksum?: number;
}

export interface UdpFields extends IpFields {
  sourcePort?: number;
  destinationPort?: number;
  payload?: string | Uint8Array;
  /** Instead of the right one. */
  lengthBytes?: number;
  checksum?: number;
}

/** ICMP, or ICMPv6 where the addresses are IPv6. */
export interface IcmpFields extends IpFields {
  type?: number;
  code?: number;
  /** The four bytes behind the checksum. */
  rest?: number;
  payload?: string | Uint8Array;
  checksum?: number;
}

export interface RawFields extends IpFields {
  protocol: number;
  payload?: string | Uint8Array;
}

/** A TCP segment from 10.0.0.1:40000 to 10.0.0.2:80, PSH+ACK; all checksums right unless told otherwise. */
export function buildTcp(fields: TcpFields = {}): Uint8Array {
  const options = padded(fields.options ?? new Uint8Array(0));
  const payload = toBytes(fields.payload);
  const headerBytes = 20 + options.length;
  const segment = new Uint8Array(headerBytes + payload.length);
  const view = new DataView(segment.buffer);
  view.setUint16(0, fields.sourcePort ?? 40_000);
  view.setUint16(2, fields.destinationPort ?? 80);
  view.setUint32(4, (fields.sequence ?? 1) >>> 0);
  view.setUint32(8, (fields.acknowledgement ?? 1) >>> 0);
  view.setUint8(12, (headerBytes / 4) << 4);
  view.setUint8(13, tcpFlags(fields.flags ?? 'PA'));
  view.setUint16(14, fields.window ?? 64_240);
  view.setUint16(18, fields.urgentPointer ?? 0);
  segment.set(options, 20);
  segment.set(payload, headerBytes);
  view.setUint16(16, fields.checksum ?? transportChecksum(fields, 6, segment));
  return buildIp({ ...fields, protocol: 6, payload: segment });
}

/** A datagram from 10.0.0.1:40000 to 10.0.0.2:53. */
export function buildUdp(fields: UdpFields = {}): Uint8Array {
  const payload = toBytes(fields.payload);
  const datagram = new Uint8Array(8 + payload.length);
  const view = new DataView(datagram.buffer);
  view.setUint16(0, fields.sourcePort ?? 40_000);
  view.setUint16(2, fields.destinationPort ?? 53);
  view.setUint16(4, fields.lengthBytes ?? datagram.length);
  datagram.set(payload, 8);
  // RFC 768: a sum of zero is sent as all ones, zero says that there is none.
  view.setUint16(6, fields.checksum ?? (transportChecksum(fields, 17, datagram) || 0xffff));
  return buildIp({ ...fields, protocol: 17, payload: datagram });
}

/** An echo request from 10.0.0.1 to 10.0.0.2. */
export function buildIcmp(fields: IcmpFields = {}): Uint8Array {
  const payload = toBytes(fields.payload);
  const message = new Uint8Array(8 + payload.length);
  const view = new DataView(message.buffer);
  const isV6 = isIpv6(fields);
  view.setUint8(0, fields.type ?? (isV6 ? 128 : 8));
  view.setUint8(1, fields.code ?? 0);
  view.setUint32(4, (fields.rest ?? 0x0001_0001) >>> 0);
  message.set(payload, 8);
  view.setUint16(2, fields.checksum ?? (isV6 ? transportChecksum(fields, 58, message) : sum16(message)));
  return buildIp({ ...fields, protocol: isV6 ? 58 : 1, payload: message });
}

/** Any transport as given, behind a correct IP header, and behind Ethernet if asked for. */
export function buildIp(fields: RawFields): Uint8Array {
  const packet = isIpv6(fields) ? buildIpv6(fields) : buildIpv4(fields);
  return fields.ethernet || fields.vlans ? inEthernet(packet, fields.vlans ?? []) : packet;
}

/** `packet`, pointed at `bytes` as a capture source would. */
export function framed(
  bytes: Uint8Array,
  fields: Partial<
    Pick<
      Packet,
      | 'start'
      | 'end'
      | 'wireBytes'
      | 'linkType'
      | 'timeMs'
      | 'number'
      | 'checksum'
      | 'inInterface'
      | 'outInterface'
      | 'isLoopback'
    >
  > = {},
  packet = new Packet(),
): Packet {
  packet.setBytes(bytes);
  packet.checksum = CHECKSUM.unverified;
  Object.assign(packet, fields);
  if (fields.wireBytes === undefined) packet.wireBytes = packet.end - packet.start;
  return packet;
}

export interface CaptureRecord {
  bytes: Uint8Array;
  timeMs?: number;
  /** More than `bytes.length` where the capture cut the packet. */
  wireBytes?: number;
}

/** Numbers of the tcpdump link-layer header types. */
const LINKTYPE: Readonly<Record<LinkType, number>> = {
  [LINK.ethernet]: 1,
  [LINK.rawIp]: 101,
  [LINK.linuxSll]: 113,
  [LINK.linuxSll2]: 276,
  [LINK.loopback]: 0,
  [LINK.ppp]: 9,
  [LINK.ciscoHdlc]: 104,
};

/** A classic little-endian microsecond capture file. Packets without a time are a millisecond apart. */
export function writePcap(
  path: string,
  packets: readonly (Uint8Array | CaptureRecord)[],
  linkType: LinkType = LINK.rawIp,
): void {
  writeFileSync(path, pcapBytes(packets, linkType));
}

export function pcapBytes(
  packets: readonly (Uint8Array | CaptureRecord)[],
  linkType: LinkType = LINK.rawIp,
): Uint8Array {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(262_144, 16);
  header.writeUInt32LE(LINKTYPE[linkType], 20);
  const parts: Uint8Array[] = [header];
  packets.forEach((entry, index) => {
    const record = entry instanceof Uint8Array ? { bytes: entry } : entry;
    const timeMs = record.timeMs ?? 1_700_000_000_000 + index;
    const microseconds = Math.round(timeMs * 1000);
    const recordHeader = Buffer.alloc(16);
    recordHeader.writeUInt32LE(Math.floor(microseconds / 1_000_000), 0);
    recordHeader.writeUInt32LE(microseconds % 1_000_000, 4);
    recordHeader.writeUInt32LE(record.bytes.length, 8);
    recordHeader.writeUInt32LE(record.wireBytes ?? record.bytes.length, 12);
    parts.push(recordHeader, record.bytes);
  });
  return new Uint8Array(Buffer.concat(parts));
}

/** RFC 1071, the plain way: the tests must not check the decoder against itself. */
export function sum16(bytes: Uint8Array, initial = 0): number {
  let sum = initial;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes[i]! * 256 + (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum % 0x1_0000) + Math.floor(sum / 0x1_0000);
  return 0xffff - sum;
}

/** The 4 or 16 bytes of an address as text. */
export function addressBytes(text: string): Uint8Array {
  if (!text.includes(':')) return Uint8Array.from(text.split('.'), Number);
  const [head = '', tail] = text.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const middle = new Array<number>(8 - left.length - right.length).fill(0);
  return Uint8Array.from([...left, ...middle, ...right].flatMap((group) => [group >> 8, group & 0xff]));
}

/** `hex('45 00 ...')`. Whitespace is ignored. */
export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s+/g, ''), 'hex'));

function buildIpv4(fields: RawFields): Uint8Array {
  const options = padded(fields.ipOptions ?? new Uint8Array(0));
  const payload = toBytes(fields.payload);
  const headerBytes = 20 + options.length;
  const packet = new Uint8Array(headerBytes + payload.length);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 0x40 | (headerBytes / 4));
  view.setUint8(1, fields.trafficClass ?? 0);
  view.setUint16(2, packet.length);
  view.setUint16(4, fields.id ?? 1);
  const flags = (fields.dontFragment ? 0x4000 : 0) | (fields.moreFragments ? 0x2000 : 0);
  view.setUint16(6, flags | ((fields.fragmentOffsetBytes ?? 0) / 8));
  view.setUint8(8, fields.ttl ?? 64);
  view.setUint8(9, fields.protocol);
  packet.set(addressBytes(fields.source ?? '10.0.0.1'), 12);
  packet.set(addressBytes(fields.destination ?? '10.0.0.2'), 16);
  packet.set(options, 20);
  view.setUint16(10, sum16(packet.subarray(0, headerBytes)));
  packet.set(payload, headerBytes);
  return packet;
}

function buildIpv6(fields: RawFields): Uint8Array {
  const extensions = [...(fields.extensions ?? [])];
  if (fields.moreFragments || fields.fragmentOffsetBytes !== undefined) {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setUint16(2, (fields.fragmentOffsetBytes ?? 0) | (fields.moreFragments ? 1 : 0));
    view.setUint32(4, fields.id ?? 1);
    extensions.push({ protocol: 44, bytes });
  }
  const chain = extensions.map(({ bytes }, index) => {
    const copy = bytes.slice();
    copy[0] = extensions[index + 1]?.protocol ?? fields.protocol;
    return copy;
  });
  const body = Buffer.concat([...chain, toBytes(fields.payload)]);
  const packet = new Uint8Array(40 + body.length);
  const view = new DataView(packet.buffer);
  view.setUint32(0, 0x6000_0000 | ((fields.trafficClass ?? 0) << 20));
  view.setUint16(4, body.length);
  view.setUint8(6, extensions[0]?.protocol ?? fields.protocol);
  view.setUint8(7, fields.ttl ?? 64);
  packet.set(addressBytes(fields.source ?? 'fd00::1'), 8);
  packet.set(addressBytes(fields.destination ?? 'fd00::2'), 24);
  packet.set(body, 40);
  return packet;
}

function inEthernet(packet: Uint8Array, vlans: readonly number[]): Uint8Array {
  const frame = new Uint8Array(14 + vlans.length * 4 + packet.length);
  const view = new DataView(frame.buffer);
  frame.set([0x02, 0, 0, 0, 0, 0x02, 0x02, 0, 0, 0, 0, 0x01]);
  let at = 12;
  vlans.forEach((id, index) => {
    view.setUint16(at, index < vlans.length - 1 ? 0x88a8 : 0x8100);
    view.setUint16(at + 2, id);
    at += 4;
  });
  view.setUint16(at, packet[0]! >> 4 === 6 ? 0x86dd : 0x0800);
  frame.set(packet, at + 2);
  return frame;
}

/** RFC 9293 §3.1, RFC 8200 §8.1. */
function transportChecksum(fields: IpFields, protocol: number, segment: Uint8Array): number {
  const isV6 = isIpv6(fields);
  const source = addressBytes(fields.source ?? (isV6 ? 'fd00::1' : '10.0.0.1'));
  const destination = addressBytes(fields.destination ?? (isV6 ? 'fd00::2' : '10.0.0.2'));
  const pseudo = Buffer.alloc(source.length * 2 + 8);
  pseudo.set(source, 0);
  pseudo.set(destination, source.length);
  pseudo.writeUInt32BE(segment.length, source.length * 2);
  pseudo.writeUInt32BE(protocol, source.length * 2 + 4);
  return sum16(segment, 0xffff - sum16(pseudo));
}

const isIpv6 = (fields: IpFields): boolean => (fields.source ?? fields.destination ?? '').includes(':');

const toBytes = (payload: string | Uint8Array | undefined): Uint8Array =>
  typeof payload === 'string' ? fromLatin1(payload) : (payload ?? new Uint8Array(0));

function padded(options: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(options.length / 4) * 4);
  bytes.set(options);
  return bytes;
}

function tcpFlags(flags: number | string): number {
  if (typeof flags === 'number') return flags;
  const initials: Readonly<Record<string, number>> = {
    F: TCP.fin,
    S: TCP.syn,
    R: TCP.rst,
    P: TCP.psh,
    A: TCP.ack,
    U: TCP.urg,
    E: TCP.ece,
    C: TCP.cwr,
  };
  let bits = 0;
  for (const initial of flags) {
    const bit = initials[initial];
    if (bit === undefined) throw new RangeError(`no TCP flag "${initial}"`);
    bits |= bit;
  }
  return bits;
}
