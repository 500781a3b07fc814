import { STAGE } from '../app/protocol.ts';
import { u8 } from '../base/bytes.ts';
import { IP_PROTOCOL, type Packet } from '../wire/packet.ts';
import type { BufferChoice, PacketTest } from './draft.ts';
import { evaluateSteps } from './evaluate.ts';
import type { Inspected, Step } from './rule.ts';

/** A header that rules can look into as into a buffer: sets `start` and `end`. False: the packet has none. */
type Locate = (packet: Packet, into: Inspected) => boolean;

/** RFC 791 §3.1, RFC 768, RFC 792 and RFC 4443 §2.1: fixed lengths in bytes. */
const UDP_HEADER_BYTES = 8;
const ICMP_HEADER_BYTES = 8;

function transport(protocol: number, headerBytes: number | null): Locate {
  return (packet, into) => {
    if (packet.protocol !== protocol || packet.isFragment || packet.ipVersion === 0) return false;
    into.start = packet.transportStart;
    into.end = headerBytes === null ? packet.payloadStart : Math.min(into.start + headerBytes, packet.ipEnd);
    return into.end > into.start;
  };
}

function ip(version: 4 | 6): Locate {
  return (packet, into) => {
    if (packet.ipVersion !== version) return false;
    into.start = packet.ipStart;
    into.end = version === 4 ? packet.ipStart + (u8(packet.bytes, packet.ipStart) & 0x0f) * 4 : packet.transportStart;
    return into.end > into.start && into.end <= packet.ipEnd;
  };
}

/** RFC 791 §3.1 and RFC 8200 §3: where the source address is in the header; the destination follows it. */
const ADDRESSES = { 4: { at: 12, bytes: 4 }, 6: { at: 8, bytes: 16 } } as const;

const address =
  (index: 0 | 1): Locate =>
  (packet, into) => {
    if (packet.ipVersion === 0) return false;
    const { at, bytes } = ADDRESSES[packet.ipVersion];
    into.start = packet.ipStart + at + index * bytes;
    into.end = into.start + bytes;
    return true;
  };

const DEFINITIONS: readonly (readonly [string, string, Locate])[] = [
  ['ip.src', 'The source address: 4 or 16 bytes', address(0)],
  ['ip.dst', 'The destination address: 4 or 16 bytes', address(1)],
  ['ipv4.hdr', 'The IPv4 header, with its options', ip(4)],
  ['ipv6.hdr', 'The IPv6 header, with its extension headers', ip(6)],
  ['tcp.hdr', 'The TCP header, with its options', transport(IP_PROTOCOL.tcp, null)],
  ['udp.hdr', 'The UDP header', transport(IP_PROTOCOL.udp, UDP_HEADER_BYTES)],
  ['icmpv4.hdr', 'The ICMP header', transport(IP_PROTOCOL.icmp, ICMP_HEADER_BYTES)],
  ['icmpv6.hdr', 'The ICMPv6 header', transport(IP_PROTOCOL.icmpv6, ICMP_HEADER_BYTES)],
];

/** Buffers that belong to no protocol's transactions: no transaction has them. */
export const PACKET_BUFFERS: readonly { readonly choice: BufferChoice; readonly locate: Locate }[] = DEFINITIONS.map(
  ([name, summary, locate]) => ({
    choice: { protocol: '', definition: { name, summary, direction: null, stage: STAGE.head, read: () => null } },
    locate,
  }),
);

/** Null: the buffer is one of transactions, or the payload. */
export const locatorOf = (choice: BufferChoice | null): Locate | null =>
  PACKET_BUFFERS.find((buffer) => buffer.choice === choice)?.locate ?? null;

/** Do the steps match the header? A condition on packets like any other. */
export function headerTest(locate: Locate, steps: readonly Step[]): PacketTest {
  const view: Inspected = { bytes: new Uint8Array(0), start: 0, end: 0, skippedBytes: 0 };
  return (packet) => {
    view.bytes = packet.bytes;
    return locate(packet, view) && evaluateSteps(steps, view);
  };
}
