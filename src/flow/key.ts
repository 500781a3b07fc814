import { halfSipHash } from '../base/hash.ts';
import { IP_PROTOCOL, type Packet } from '../wire/packet.ts';

/** By what a packet finds its flow. One object is reused: valid until the next `read`. */
export class FlowKey {
  /** VLAN, IP version, protocol and how deep in tunnels, in one number. */
  tag = 0;
  /** As the packet carries them, source in the upper half; ICMP has stand-ins. A signed 32-bit integer. */
  ports = 0;
  /** The same the other way round. */
  swappedPorts = 0;
  /** The same for both directions. */
  hash = 0;
  readonly #key0: number;
  readonly #key1: number;
  readonly #words = new Uint32Array(MAX_WORDS);

  constructor(seed: readonly [number, number]) {
    [this.#key0, this.#key1] = seed;
  }

  /** False where the packet belongs to no flow: it is no IP packet, or a fragment, which has no ports. */
  read(packet: Packet): boolean {
    if (packet.ipVersion === 0 || packet.isFragment) return false;
    const isV6 = packet.ipVersion === 6;
    const protocol = packet.protocol;
    // Who gets a packet out of a tunnel is unknown: what it claims to be must not reach a connection of the outside.
    this.tag =
      (packet.vlanId + 1) |
      (isV6 ? V6_BIT : 0) |
      (protocol << PROTOCOL_SHIFT) |
      (packet.tunnelDepth << TUNNEL_DEPTH_SHIFT);
    if (protocol === IP_PROTOCOL.icmp || protocol === IP_PROTOCOL.icmpv6) this.#readIcmp(packet, protocol);
    else {
      this.ports = (packet.sourcePort << 16) | packet.destinationPort;
      this.swappedPorts = (packet.destinationPort << 16) | packet.sourcePort;
    }

    const { source, destination } = packet;
    const isSourceFirst = isFirst(source, destination, this.ports);
    const first = isSourceFirst ? source : destination;
    const second = isSourceFirst ? destination : source;
    const words = this.#words;
    words[0] = this.tag;
    words[1] = isSourceFirst ? this.ports : this.swappedPorts;
    let count = 2;
    for (let word = isV6 ? 0 : 3; word < 4; word++) {
      words[count++] = first[word]!;
      words[count++] = second[word]!;
    }
    this.hash = halfSipHash(words, count, this.#key0, this.#key1);
    return true;
  }

  /**
   * As in Suricata, type and code stand in for one port and the type of what answers for the other, so that an answer
   * meets its question. Identifiers do not count: all pings between two hosts are one flow.
   */
  #readIcmp({ icmpType, icmpCode }: Packet, protocol: number): void {
    const own = icmpType | (icmpCode << 8);
    const other = (protocol === IP_PROTOCOL.icmp ? ICMP_COUNTERPART : ICMPV6_COUNTERPART)[icmpType]!;
    this.ports = (own << 16) | other;
    this.swappedPorts = (other << 16) | own;
  }
}

/**
 * Of two endpoints, each an address of four words and a port, whether the one whose port is in the upper half comes
 * first. Unused words of IPv4 addresses are the same in both.
 */
export function isFirst(address: Uint32Array, other: Uint32Array, ports: number): boolean {
  for (let word = 0; word < 4; word++) {
    const a = address[word]!;
    const b = other[word]!;
    if (a !== b) return a < b;
  }
  return ports >>> 16 <= (ports & 0xffff);
}

/** The protocol of a tag. */
export const protocolOf = (tag: number): number => (tag >>> PROTOCOL_SHIFT) & 0xff;
/** As in `Packet.tunnelDepth`. */
export const tunnelDepthOf = (tag: number): number => tag >>> TUNNEL_DEPTH_SHIFT;
export const isV6Tag = (tag: number): boolean => (tag & V6_BIT) !== 0;
/** -1 without a VLAN. */
export const vlanIdOf = (tag: number): number => (tag & (V6_BIT - 1)) - 1;

// A VLAN id has twelve bits (IEEE 802.1Q), plus one for "none".
const V6_BIT = 1 << 13;
const PROTOCOL_SHIFT = 14;
const TUNNEL_DEPTH_SHIFT = 22;
/** Tag, ports, two IPv6 addresses. */
const MAX_WORDS = 10;

/** The type that answers each type, or that it answers; 0 where there is none. */
const ICMP_COUNTERPART = counterparts([
  [8, 0], // echo
  [13, 14], // timestamp
  [15, 16], // information
  [17, 18], // address mask, RFC 950
]);
const ICMPV6_COUNTERPART = counterparts([
  [128, 129], // echo
  [130, 131], // multicast listeners, RFC 2710
  [133, 134], // routers, RFC 4861
  [135, 136], // neighbours
  [144, 145], // home agents, RFC 6275
]);

function counterparts(pairs: readonly (readonly [number, number])[]): Uint8Array {
  const other = new Uint8Array(256);
  for (const [question, answer] of pairs) {
    other[question] = answer;
    other[answer] = question;
  }
  return other;
}
