import { u8, u16 } from '../base/bytes.ts';
import { IPV6_HEADER_BYTES } from './ipv6.ts';
import { LINK, type LinkType, type Packet } from './packet.ts';

export const UDP_TUNNEL_EVENTS = {
  'vxlan.unknown_payload_type': 'a VXLAN frame that is neither IP nor tagged for a VLAN',
  'geneve.unknown_payload_type': 'a GENEVE packet that is neither IP nor Ethernet',
} as const;
export type UdpTunnelEvent = keyof typeof UDP_TUNNEL_EVENTS;

/** RFC 4380, RFC 7348, RFC 8926: as registered at IANA. */
const PORT = { teredo: 3544, vxlan: 4789, geneve: 6081 } as const;

const IPV6_PAYLOAD_LENGTH = 4;
const TEREDO_ORIGIN_BYTES = 8;
const VXLAN_BYTES = 8;
/** RFC 7348 §5: the flag that says that there is a network identifier; without it a receiver drops the packet. */
const VXLAN_HAS_NETWORK = 0x08;
const GENEVE_BYTES = 8;
const ETHERNET_BYTES = 14;
const ETHERNET_TYPE = 12;
const ETHERTYPE = {
  ipv4: 0x0800,
  ipv6: 0x86dd,
  bridge: 0x6558,
  vlan: 0x8100,
  providerVlan: 0x88a8,
  arp: 0x0806,
} as const;

/** Nothing but these ports makes a UDP packet a tunnel: looked at for each one, so as few comparisons as will do. */
export const mayBeTunnel = (sourcePort: number, destinationPort: number): boolean =>
  destinationPort === PORT.vxlan ||
  destinationPort === PORT.geneve ||
  destinationPort === PORT.teredo ||
  sourcePort === PORT.teredo;

/**
 * Finds out whether the payload of a UDP packet is a packet or frame of its own, and tells the packet. What only
 * resembles a tunnel stays a payload like any other. `wireEnd`: of the payload, before the capture cut it.
 */
export function readUdpTunnel(packet: Packet, wireEnd: number): UdpTunnelEvent | null {
  if (packet.destinationPort === PORT.vxlan) return readVxlan(packet, wireEnd);
  if (packet.destinationPort === PORT.geneve) return readGeneve(packet, wireEnd);
  readTeredo(packet, wireEnd);
  return null;
}

/** RFC 4380 §5.1.1: an IPv6 packet, behind the sender's translated address where a server says it. */
function readTeredo(packet: Packet, wireEnd: number): void {
  const { bytes, payloadEnd } = packet;
  let at = packet.payloadStart;
  if (payloadEnd - at >= TEREDO_ORIGIN_BYTES && u16(bytes, at) === 0) at += TEREDO_ORIGIN_BYTES;
  if (payloadEnd - at < IPV6_HEADER_BYTES || u8(bytes, at) >> 4 !== 6) return;
  if (at + IPV6_HEADER_BYTES + u16(bytes, at + IPV6_PAYLOAD_LENGTH) === wireEnd) open(packet, LINK.rawIp, at, wireEnd);
}

function readVxlan(packet: Packet, wireEnd: number): UdpTunnelEvent | null {
  const { bytes, payloadStart, payloadEnd } = packet;
  const frameStart = payloadStart + VXLAN_BYTES;
  if (payloadEnd - frameStart < ETHERNET_BYTES || (u8(bytes, payloadStart) & VXLAN_HAS_NETWORK) === 0) return null;
  switch (u16(bytes, frameStart + ETHERNET_TYPE)) {
    case ETHERTYPE.ipv4:
    case ETHERTYPE.ipv6:
    case ETHERTYPE.vlan:
    case ETHERTYPE.providerVlan:
      open(packet, LINK.ethernet, frameStart, wireEnd);
      return null;
    case ETHERTYPE.arp:
      return null;
    default:
      return 'vxlan.unknown_payload_type';
  }
}

function readGeneve(packet: Packet, wireEnd: number): UdpTunnelEvent | null {
  const { bytes, payloadStart, payloadEnd } = packet;
  if (payloadEnd - payloadStart < GENEVE_BYTES) return null;
  // RFC 8926 §3.4: version, and the length of the options in words of four bytes.
  const first = u8(bytes, payloadStart);
  const start = payloadStart + GENEVE_BYTES + (first & 0x3f) * 4;
  if (first >> 6 !== 0 || start >= payloadEnd) return null;
  switch (u16(bytes, payloadStart + 2)) {
    case ETHERTYPE.ipv4:
    case ETHERTYPE.ipv6:
      open(packet, LINK.rawIp, start, wireEnd);
      return null;
    case ETHERTYPE.bridge:
      open(packet, LINK.ethernet, start, wireEnd);
      return null;
    case ETHERTYPE.arp:
      return null;
    default:
      return 'geneve.unknown_payload_type';
  }
}

function open(packet: Packet, link: LinkType, start: number, wireEnd: number): void {
  packet.tunnelLink = link;
  packet.tunnelStart = start;
  packet.tunnelEnd = packet.payloadEnd;
  packet.tunnelWireEnd = wireEnd;
}
