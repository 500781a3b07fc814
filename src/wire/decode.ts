import { u8 } from '../base/bytes.ts';
import { addWords, finish, pseudoHeaderSum } from './checksum.ts';
import { tooShort } from './cut.ts';
import type { WireEvent } from './events.ts';
import { GreView } from './gre.ts';
import { IcmpView } from './icmp.ts';
import { IPV4_HEADER_BYTES, Ipv4View } from './ipv4.ts';
import { IPV6_HEADER_BYTES, Ipv6View } from './ipv6.ts';
import { LinkView } from './link.ts';
import { CHECKSUM, IP_PROTOCOL, LINK, NO_TUNNEL, type Packet } from './packet.ts';
import { SctpView } from './sctp.ts';
import { TcpOptions, TcpView } from './tcp.ts';
import { UdpView } from './udp.ts';
import { mayBeTunnel, readUdpTunnel } from './udp-tunnel.ts';

/**
 * Reads the headers of packets. Reuse one: decoding allocates nothing, save for the array of a packet's events when
 * there are some.
 *
 * Whatever the bytes are, nothing throws and no offset leaves the frame. Offsets rise: `start` <= `ipStart` <=
 * `transportStart` <= `payloadStart` <= `payloadEnd` <= `ipEnd` <= `end`.
 */
export class Decoder {
  readonly #link = new LinkView();
  readonly #ipv4 = new Ipv4View();
  readonly #ipv6 = new Ipv6View();
  readonly #tcp = new TcpView();
  readonly #tcpOptions = new TcpOptions();
  readonly #udp = new UdpView();
  readonly #icmp = new IcmpView();
  readonly #sctp = new SctpView();
  readonly #gre = new GreView();
  /** Where the frame ended before the capture cut it; behind the IP header, where the IP packet did. */
  #wireEnd = 0;
  #addressesStart = 0;
  #isChecksumJudged = false;

  /** Fills the fields that decode sets from those that the capture source set. */
  decode(packet: Packet): void {
    clear(packet);
    const { start, end } = packet;
    this.#wireEnd = Math.max(end, start + packet.wireBytes);
    this.#isChecksumJudged = packet.checksum === CHECKSUM.unverified;
    const link = this.#link;
    let event: WireEvent | null = link.reset(packet.linkType, packet.bytes, start, end, this.#wireEnd);
    packet.vlanId = link.vlanId;
    if (event === null) {
      if (link.ipVersion === 4) event = this.#decodeIpv4(packet, link.ipStart);
      else if (link.ipVersion === 6) event = this.#decodeIpv6(packet, link.ipStart);
      else if (link.remark !== null) packet.events.push(link.remark);
    }
    if (event !== null) stop(packet, event);
    else if (packet.missingBytes > 0) packet.events.push('capture.trunc_pkt');
  }

  /** This and those below return what made them stop: a header that cannot be read, nor what it would lead to. */
  #decodeIpv4(packet: Packet, start: number): WireEvent | null {
    const ip = this.#ipv4;
    const event = ip.reset(packet.bytes, start, packet.end, this.#wireEnd);
    if (event === 'ipv4.wrong_ip_version' || packet.end - start < IPV4_HEADER_BYTES) return event;

    packet.ipVersion = 4;
    setIpRange(packet, start, ip.end);
    ip.readAddresses(packet.source, packet.destination);
    packet.ttl = ip.ttl;
    packet.protocol = ip.protocol;
    ip.checkAddresses(this.#isInside(packet), packet.events);
    if (event !== null) return event;

    if (ip.headerBytes > IPV4_HEADER_BYTES) ip.checkOptions(packet.events);
    ip.checkProtocol(packet.events);
    if (ip.hasRareFlags) ip.checkFlags(packet.events);
    if (this.#isChecksumJudged && !ip.hasRightChecksum()) {
      packet.hasBadChecksum = true;
      packet.events.push('ipv4.invalid_checksum');
    }
    this.#wireEnd = ip.wireEnd;
    this.#addressesStart = ip.addressesStart;
    if (ip.isFragment) {
      packet.isFragment = true;
      packet.fragmentOffsetBytes = ip.fragmentOffsetBytes;
      packet.hasMoreFragments = ip.hasMoreFragments;
      packet.fragmentId = ip.id;
      packet.fragmentHeadersEnd = ip.payloadStart;
      packet.fragmentNextHeaderAt = 0;
    }
    return this.#decodeTransport(packet, ip.payloadStart);
  }

  #decodeIpv6(packet: Packet, start: number): WireEvent | null {
    const ip = this.#ipv6;
    const event = ip.reset(packet.bytes, start, packet.end, this.#wireEnd);
    if (event !== null && event !== 'ipv6.trunc_pkt') return event;

    packet.ipVersion = 6;
    setIpRange(packet, start, ip.end);
    ip.readAddresses(packet.source, packet.destination);
    packet.ttl = ip.ttl;
    packet.protocol = ip.nextHeader;
    ip.checkAddresses(this.#isInside(packet), packet.events);
    if (event !== null) return event;

    this.#wireEnd = ip.wireEnd;
    this.#addressesStart = ip.addressesStart;
    const walkEvent = ip.walk(packet.events);
    packet.protocol = ip.protocol;
    if (walkEvent !== null) return walkEvent;
    if (!ip.hasFinalAddresses) this.#isChecksumJudged = false;
    if (ip.isFragment) {
      packet.isFragment = true;
      packet.fragmentOffsetBytes = ip.fragmentOffsetBytes;
      packet.hasMoreFragments = ip.hasMoreFragments;
      packet.fragmentId = ip.fragmentId;
      packet.fragmentHeadersEnd = ip.fragmentHeaderStart;
      packet.fragmentNextHeaderAt = ip.fragmentNextHeaderAt;
    }
    return this.#decodeTransport(packet, ip.payloadStart);
  }

  #decodeTransport(packet: Packet, start: number): WireEvent | null {
    packet.transportStart = start;
    packet.payloadStart = start;
    packet.payloadEnd = packet.ipEnd;
    packet.missingBytes = this.#wireEnd - packet.ipEnd;
    if (packet.missingBytes > 0) this.#isChecksumJudged = false;
    if (packet.isFragment) {
      packet.payloadStart = packet.ipEnd;
      return null;
    }
    switch (packet.protocol) {
      case IP_PROTOCOL.tcp:
        return this.#decodeTcp(packet, start);
      case IP_PROTOCOL.udp:
        return this.#decodeUdp(packet, start);
      case IP_PROTOCOL.icmp:
        return packet.ipVersion === 4 ? this.#decodeIcmp(packet, 4, start) : null;
      case IP_PROTOCOL.icmpv6:
        return packet.ipVersion === 6 ? this.#decodeIcmp(packet, 6, start) : null;
      case IP_PROTOCOL.sctp:
        return this.#decodeSctp(packet, start);
      case IP_PROTOCOL.ipv4:
        return this.#decodeIpTunnel(packet, 4, start);
      case IP_PROTOCOL.ipv6:
        return this.#decodeIpTunnel(packet, 6, start);
      case IP_PROTOCOL.gre:
        return this.#gre.reset(packet.bytes, start, packet.ipEnd, this.#wireEnd) ?? this.#gre.readTunnel(packet);
      case IP_PROTOCOL.esp:
        return packet.ipEnd - start < ESP_HEADER_BYTES
          ? tooShort(start + ESP_HEADER_BYTES, this.#wireEnd, 'esp.pkt_too_small')
          : null;
      default:
        return null;
    }
  }

  #decodeTcp(packet: Packet, start: number): WireEvent | null {
    const tcp = this.#tcp;
    const event = tcp.reset(packet.bytes, start, packet.ipEnd, this.#wireEnd);
    if (event !== null) return event;
    tcp.read(packet);
    packet.payloadStart = tcp.payloadStart;
    tcp.checkFlagsAndPorts(packet.events);
    if (tcp.optionsStart < packet.payloadStart) {
      const optionEvent = this.#tcpOptions.read(packet.bytes, tcp.optionsStart, packet.payloadStart);
      if (optionEvent !== null) packet.events.push(optionEvent);
      packet.isTcpSigned = this.#tcpOptions.isSigned;
    }
    if (this.#isChecksumJudged) this.#checkTransport(packet, packet.ipEnd, 'tcp.invalid_checksum');
    return null;
  }

  #decodeUdp(packet: Packet, start: number): WireEvent | null {
    const udp = this.#udp;
    const event = udp.reset(packet.bytes, start, packet.ipEnd, this.#wireEnd);
    if (event !== null) return event;
    packet.sourcePort = udp.sourcePort;
    packet.destinationPort = udp.destinationPort;
    packet.payloadStart = udp.payloadStart;
    packet.payloadEnd = udp.end;
    packet.missingBytes = udp.wireEnd - udp.end;
    udp.checkPorts(packet.events);
    if (udp.wireEnd < this.#wireEnd) packet.events.push('udp.trailing_bytes');
    if (mayBeTunnel(packet.sourcePort, packet.destinationPort)) {
      const tunnelEvent = readUdpTunnel(packet, udp.wireEnd);
      if (tunnelEvent !== null) packet.events.push(tunnelEvent);
    }
    if (!this.#isChecksumJudged) return null;
    // RFC 768: zero says that there is none.
    if (udp.checksum !== 0) this.#checkTransport(packet, udp.end, 'udp.invalid_checksum');
    else if (packet.ipVersion === 6) packet.events.push('udp.ipv6_zero_checksum');
    return null;
  }

  #decodeIcmp(packet: Packet, ipVersion: 4 | 6, start: number): WireEvent | null {
    const icmp = this.#icmp;
    const event = icmp.reset(ipVersion, packet.bytes, start, packet.ipEnd, this.#wireEnd);
    if (event !== null) return event;
    packet.icmpType = icmp.type;
    packet.icmpCode = icmp.code;
    packet.payloadStart = icmp.payloadStart;
    icmp.check(packet.ttl, packet.events);
    if (!this.#isChecksumJudged) return null;
    if (ipVersion === 6) this.#checkTransport(packet, packet.ipEnd, 'icmpv6.invalid_checksum');
    else if (finish(addWords(0, packet.bytes, start, packet.ipEnd)) !== 0) {
      packet.hasBadChecksum = true;
      packet.events.push('icmpv4.invalid_checksum');
    }
    return null;
  }

  #decodeSctp(packet: Packet, start: number): WireEvent | null {
    const sctp = this.#sctp;
    const event = sctp.reset(packet.bytes, start, packet.ipEnd, this.#wireEnd);
    if (event !== null) return event;
    packet.sourcePort = sctp.sourcePort;
    packet.destinationPort = sctp.destinationPort;
    packet.payloadStart = sctp.payloadStart;
    return null;
  }

  /** RFC 2003, RFC 2473, RFC 4213: an IP packet as the payload of another one. */
  #decodeIpTunnel(packet: Packet, version: 4 | 6, start: number): WireEvent | null {
    const headerBytes = version === 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
    const isInIpv6 = packet.ipVersion === 6;
    if (packet.ipEnd - start < headerBytes) {
      const event = version === 4 ? 'ipv4.pkt_too_small' : 'ipv6.pkt_too_small';
      const eventInIpv6 = version === 4 ? 'ipv6.ipv4_in_ipv6_too_small' : 'ipv6.ipv6_in_ipv6_too_small';
      return tooShort(start + headerBytes, this.#wireEnd, isInIpv6 ? eventInIpv6 : event);
    }
    if (u8(packet.bytes, start) >> 4 !== version) {
      if (!isInIpv6) return version === 4 ? 'ipv4.wrong_ip_version' : 'ipv6.wrong_ip_version';
      return version === 4 ? 'ipv6.ipv4_in_ipv6_wrong_version' : 'ipv6.ipv6_in_ipv6_wrong_version';
    }
    packet.tunnelLink = LINK.rawIp;
    packet.tunnelStart = start;
    packet.tunnelEnd = packet.ipEnd;
    packet.tunnelWireEnd = this.#wireEnd;
    return null;
  }

  #checkTransport(packet: Packet, end: number, event: WireEvent): void {
    const start = packet.transportStart;
    const version = packet.ipVersion === 4 ? 4 : 6;
    const sum = pseudoHeaderSum(packet.bytes, version, this.#addressesStart, packet.protocol, end - start);
    if (finish(addWords(sum, packet.bytes, start, end)) === 0) return;
    packet.hasBadChecksum = true;
    packet.events.push(event);
  }

  /**
   * Loopback addresses and a packet to its own sender are ordinary inside the host. A capture tells by its link header;
   * where nothing tells, as in a file of raw IP packets, two loopback addresses do. Out of a tunnel, anybody could
   * say so.
   */
  #isInside(packet: Packet): boolean {
    if (packet.tunnelDepth > 0) return false;
    if (packet.isLoopback || this.#link.isLoopback) return true;
    if (packet.inInterface !== 0 || packet.outInterface !== 0) return false;
    const { source, destination } = packet;
    if (packet.ipVersion === 4) return source[3]! >>> 24 === 127 && destination[3]! >>> 24 === 127;
    return isIpv6Loopback(source) && isIpv6Loopback(destination);
  }
}

/** RFC 4303 §2: what is not encrypted. */
const ESP_HEADER_BYTES = 8;

function clear(packet: Packet): void {
  packet.ipVersion = 0;
  setIpRange(packet, packet.start, packet.start);
  packet.ttl = 0;
  packet.protocol = 0;
  packet.isFragment = false;
  packet.tunnelLink = NO_TUNNEL;
  packet.sourcePort = 0;
  packet.destinationPort = 0;
  packet.tcpFlags = 0;
  packet.sequence = 0;
  packet.acknowledgement = 0;
  packet.window = 0;
  packet.isTcpSigned = false;
  packet.icmpType = 0;
  packet.icmpCode = 0;
  packet.isUnreadable = false;
  packet.hasBadChecksum = false;
  packet.missingBytes = 0;
  if (packet.events.length > 0) packet.events.length = 0;
}

/** With nothing in it yet, which is how it stays where the headers are unreadable. */
function setIpRange(packet: Packet, start: number, end: number): void {
  packet.ipStart = start;
  packet.ipEnd = end;
  packet.transportStart = end;
  packet.payloadStart = end;
  packet.payloadEnd = end;
}

function stop(packet: Packet, event: WireEvent): void {
  packet.isUnreadable = true;
  packet.missingBytes = 0;
  packet.payloadStart = packet.ipEnd;
  packet.payloadEnd = packet.ipEnd;
  packet.events.push(event);
}

const isIpv6Loopback = (words: Uint32Array): boolean =>
  words[3] === 1 && words[2] === 0 && words[1] === 0 && words[0] === 0;
