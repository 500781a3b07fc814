import { u16 } from '../base/bytes.ts';
import { halfSipHash } from '../base/hash.ts';
import { IP_PROTOCOL, type Packet } from '../wire/packet.ts';

/** By what a packet finds its flow. One object is reused: valid until the next `read`. */
export class FlowKey {
  /** VLAN, IP version and protocol in one number. */
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
    this.tag = (packet.vlanId + 1) | (isV6 ? V6_BIT : 0) | (protocol << PROTOCOL_SHIFT);
    if (protocol === IP_PROTOCOL.icmp || protocol === IP_PROTOCOL.icmpv6) this.#readIcmp(packet, protocol);
    else {
      this.ports = (packet.sourcePort << 16) | packet.destinationPort;
      this.swappedPorts = (packet.destinationPort << 16) | packet.sourcePort;
    }

    const { source, destination } = packet;
    const isSourceFirst = this.#isSourceFirst(source, destination, isV6);
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
   * An answer meets its question (RFC 792, RFC 4443 §4): identifier and question's type stand in for the ports, and
   * the answer has them swapped. All other messages of one type between two hosts are one flow.
   */
  #readIcmp(packet: Packet, protocol: number): void {
    const type = packet.icmpType;
    const questionType = protocol === IP_PROTOCOL.icmp ? ICMP_QUESTION[type]! : ICMPV6_QUESTION[type]!;
    const at = packet.transportStart + ICMP_IDENTIFIER;
    if (questionType === 0 || at + 2 > packet.ipEnd) {
      this.ports = (type << 16) | type;
      this.swappedPorts = this.ports;
      return;
    }
    const id = u16(packet.bytes, at);
    const asked = (id << 16) | questionType;
    const answered = (questionType << 16) | id;
    this.ports = type === questionType ? asked : answered;
    this.swappedPorts = type === questionType ? answered : asked;
  }

  #isSourceFirst(source: Uint32Array, destination: Uint32Array, isV6: boolean): boolean {
    for (let word = isV6 ? 0 : 3; word < 4; word++) {
      const a = source[word]!;
      const b = destination[word]!;
      if (a !== b) return a < b;
    }
    return this.ports <= this.swappedPorts;
  }
}

/** The protocol of a tag. */
export const protocolOf = (tag: number): number => tag >>> PROTOCOL_SHIFT;
export const isV6Tag = (tag: number): boolean => (tag & V6_BIT) !== 0;
/** -1 without a VLAN. */
export const vlanIdOf = (tag: number): number => (tag & (V6_BIT - 1)) - 1;

// A VLAN id has twelve bits (IEEE 802.1Q), plus one for "none".
const V6_BIT = 1 << 13;
const PROTOCOL_SHIFT = 14;
/** Tag, ports, two IPv6 addresses. */
const MAX_WORDS = 10;
const ICMP_IDENTIFIER = 4;

/** The type of the question to which each type belongs; 0 where there is no identifier. */
const ICMP_QUESTION = new Uint8Array(256);
for (const [question, answer] of [
  [8, 0], // echo
  [13, 14], // timestamp
  [15, 16], // information
  [17, 18], // address mask, RFC 950
] as const) {
  ICMP_QUESTION[question] = question;
  ICMP_QUESTION[answer] = question;
}
const ICMPV6_QUESTION = new Uint8Array(256);
ICMPV6_QUESTION[128] = 128;
ICMPV6_QUESTION[129] = 128;
