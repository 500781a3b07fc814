import { EMPTY_BYTES } from '../base/bytes.ts';
import type { Direction } from '../base/direction.ts';

/** How a frame begins. Capture sources translate their own numbers (DLT_*, LINKTYPE_*) into these. */
export const LINK = { ethernet: 1, rawIp: 2, linuxSll: 3, linuxSll2: 4, loopback: 5, ppp: 6, ciscoHdlc: 7 } as const;
export type LinkType = (typeof LINK)[keyof typeof LINK];

/** What is known of a packet's transport checksum, see NFQA_SKB_INFO in linux/netfilter/nfnetlink_queue.h. */
export const CHECKSUM = {
  /** Somebody checked it, or the user told us not to. */
  trusted: 0,
  /** Nobody checked it yet: judge it ourselves. */
  unverified: 1,
  /** Not filled in yet (it was produced on this host): never judge it. */
  notReady: 2,
} as const;
export type ChecksumState = (typeof CHECKSUM)[keyof typeof CHECKSUM];

export const IP_PROTOCOL = {
  icmp: 1,
  ipv4: 4,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  gre: 47,
  esp: 50,
  icmpv6: 58,
  sctp: 132,
} as const;

/** `Packet.tunnelLink` of a packet that carries no other one. */
export const NO_TUNNEL = 0;

/** `Packet.flow` of a packet that belongs to no flow. */
export const NO_FLOW = -1;

/**
 * One packet on its way through the stages: what the capture source knows, what `decode` found, and the flow that it
 * belongs to. One object is reused for all packets; everything in it is valid until the next packet is set.
 */
export class Packet {
  // --- set by the capture source ---
  /** Borrowed from the source, until the batch is decided. */
  bytes: Uint8Array = EMPTY_BYTES;
  /** The frame is `bytes[start, end)`; from NFQUEUE it is the IP packet itself. */
  start = 0;
  end = 0;
  /** Bytes on the wire; more than `end - start` where the source cut the packet. */
  wireBytes = 0;
  linkType: LinkType = LINK.rawIp;
  /** Since 1970 UTC, microseconds in the fraction. */
  timeMs = 0;
  /** Number of the packet in its source; the first is 1. */
  number = 0;
  checksum: ChecksumState = CHECKSUM.unverified;
  /** Interface indexes of the kernel; 0 is unknown. */
  inInterface = 0;
  outInterface = 0;
  /** Travels inside the host: 127.0.0.1 and source = destination are ordinary there. */
  isLoopback = false;
  /** With which mark it came to the queue; 0 elsewhere. */
  mark = 0;
  /** How many tunnels it came through before it lay open like this. What its own headers claim is the sender's word. */
  tunnelDepth = 0;
  /** The outermost packet of that frame, while this one is in hand. Null: it came in no tunnel. */
  carrier: Packet | null = null;

  // --- set by decode ---
  /** 0: no IP packet could be read. Then nothing below is valid. */
  ipVersion: 0 | 4 | 6 = 0;
  /** Outer VLAN id, or -1. Part of the flow's key. */
  vlanId = -1;
  /** The IP packet is `bytes[ipStart, ipEnd)`: without link header, without padding behind it. */
  ipStart = 0;
  ipEnd = 0;
  /** An IPv4 address is the last word, the others 0. */
  readonly source = new Uint32Array(4);
  readonly destination = new Uint32Array(4);
  /** IPv4 time to live or IPv6 hop limit. */
  ttl = 0;
  /** Of the transport header, behind all IPv6 extension headers. */
  protocol = 0;
  /** A fragment that is not a whole packet: no ports, no payload. Its data is `bytes[transportStart, ipEnd)`. */
  isFragment = false;
  transportStart = 0;
  /** TCP, UDP, SCTP; else 0. */
  sourcePort = 0;
  destinationPort = 0;
  /** TCP only: flags of byte 13, sequence and acknowledgement numbers, window as on the wire. */
  tcpFlags = 0;
  sequence = 0;
  acknowledgement = 0;
  window = 0;
  /** TCP only: there is an MD5 signature or authentication option (RFC 2385, RFC 5925). */
  isTcpSigned = false;
  /** ICMP and ICMPv6 only. */
  icmpType = 0;
  icmpCode = 0;
  /** Behind the transport header, or behind the IP header where the protocol is not known. */
  payloadStart = 0;
  payloadEnd = 0;
  /**
   * A header could not be read to its end, since it is malformed or the source cut it; an event says which. What that
   * header and those behind it should have given is 0 and empty, and the packet belongs to no flow.
   */
  isUnreadable = false;
  /** The checksum of the IPv4 header or of the transport is wrong. False too where nobody could or should judge it. */
  hasBadChecksum = false;
  /** Bytes at the end of the payload that were on the wire, but that the source cut off. */
  missingBytes = 0;
  /**
   * Valid only where `isFragment`: offset of the payload in the whole packet's, more fragments follow, identification.
   */
  fragmentOffsetBytes = 0;
  hasMoreFragments = false;
  fragmentId = 0;
  /**
   * Valid only where `isFragment`: where the headers end that the whole packet begins with, and in IPv6, else 0, the
   * byte that has to name what follows then instead of the fragment header.
   */
  fragmentHeadersEnd = 0;
  fragmentNextHeaderAt = 0;
  /** What is in the tunnel begins like this, and is `bytes[tunnelStart, tunnelEnd)`; NO_TUNNEL: nothing is. */
  tunnelLink: LinkType | typeof NO_TUNNEL = NO_TUNNEL;
  tunnelStart = 0;
  /** Where it ends in what the capture kept, and where it ended on the wire. */
  tunnelEnd = 0;
  tunnelWireEnd = 0;
  /** What decoding found wrong or remarkable, Suricata's names where they exist. Emptied by `decode`. */
  readonly events: string[] = [];

  // --- set by flow ---
  /** Slot in the flow table, or NO_FLOW. */
  flow = NO_FLOW;
  direction: Direction = 0;

  get payloadBytes(): number {
    return this.payloadEnd - this.payloadStart;
  }

  /** Becomes all of `bytes`, borrowed, which nobody cut. What else the capture source knows stays as it is. */
  setBytes(bytes: Uint8Array, linkType: LinkType = LINK.rawIp): void {
    this.bytes = bytes;
    this.start = 0;
    this.end = bytes.length;
    this.wireBytes = bytes.length;
    this.linkType = linkType;
  }

  /** Takes over what the capture source knows of the packet in which this one was. */
  comeWith(other: Packet): void {
    this.timeMs = other.timeMs;
    this.number = other.number;
    this.checksum = other.checksum;
    this.inInterface = other.inInterface;
    this.outInterface = other.outInterface;
    this.isLoopback = other.isLoopback;
    this.tunnelDepth = other.tunnelDepth;
    this.carrier = other.carrier;
  }
}
