import { i32, u8, u16, u32, u32le } from '../base/bytes.ts';
import { CARRIER, CARRIER_EVENTS, CarrierView, NEXT } from './carrier.ts';
import { type CutEvent, tooShort } from './cut.ts';
import { IPV4_HEADER_BYTES } from './ipv4.ts';
import { IPV6_HEADER_BYTES } from './ipv6.ts';
import { LINK, type LinkType } from './packet.ts';

export const LINK_EVENTS = {
  'ethernet.pkt_too_small': 'shorter than an Ethernet header',
  'ethernet.unknown_ethertype': 'neither IP nor a tag; ARP is such a type',
  'vlan.header_too_small': 'shorter than the VLAN tag that is announced',
  'vlan.unknown_type': 'a VLAN tag on something that is not IP',
  'vlan.too_many_layers': 'more VLAN tags than are looked behind',
  'sll.pkt_too_small': 'shorter than a Linux cooked header',
  'sll2.pkt_too_small': 'shorter than a Linux cooked header, version 2',
  'ltnull.pkt_too_small': 'shorter than a BSD loopback header',
  'ltnull.unsupported_type': 'a BSD loopback header for something that is not IP',
  'ppp.pkt_too_small': 'shorter than a PPP header',
  'ppp.ip4_pkt_too_small': 'a PPP frame shorter than the IPv4 header that it announces',
  'ppp.ip6_pkt_too_small': 'a PPP frame shorter than the IPv6 header that it announces',
  'ppp.unsup_proto': 'a PPP frame that carries a known protocol other than IP',
  'ppp.wrong_type': 'a PPP frame of a protocol that no standard names',
  'ipraw.invalid_ip_version': 'neither IPv4 nor IPv6',
  'chdlc.pkt_too_small': 'shorter than a Cisco HDLC header',
  ...CARRIER_EVENTS,
} as const;
export type LinkEvent = keyof typeof LINK_EVENTS;

/** Service provider, customer, and one to spare: Suricata stops there too. Beyond: `vlan.too_many_layers`. */
const MAX_VLAN_TAGS = 3;

/** Headers of carriers, one behind the other; Suricata's limit of all layers. Beyond: `too_many_layers`. */
const MAX_CARRIER_HEADERS = 16;

// IEEE 802.3 §3.1.1: two addresses, then the EtherType. 802.1Q §9.6: two bytes of tag, then the next EtherType.
const ETHERNET_TYPE = 12;
const ETHERNET_BYTES = 14;
const VLAN_TAG_BYTES = 4;
// LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2 of tcpdump.org: where the ARPHRD_ value and the EtherType stand.
const SLL_HARDWARE = 2;
const SLL_PROTOCOL = 14;
const SLL_BYTES = 16;
const SLL2_PROTOCOL = 0;
const SLL2_HARDWARE = 8;
const SLL2_BYTES = 20;
const NULL_BYTES = 4;
/** LINKTYPE_C_HDLC: address and control, then the EtherType. */
const CISCO_HDLC_TYPE = 2;
const CISCO_HDLC_BYTES = 4;

const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd, vlan: 0x8100, providerVlan: 0x88a8, oldProviderVlan: 0x9100 } as const;
const CARRIER_TYPES: ReadonlySet<number> = new Set(Object.values(CARRIER));
/** RFC 1661 §2, RFC 1662 §3.1, RFC 5072 §4. */
const PPP = { addressAndControl: 0xff03, ipv4: 0x0021, ipv6: 0x0057 } as const;
/** Protocols registered at IANA: network layers, their control protocols, and PPP's own. */
const OTHER_PPP_PROTOCOLS: ReadonlySet<number> = new Set([
  0x0023, 0x0025, 0x0027, 0x0029, 0x002b, 0x002d, 0x002f, 0x0031, 0x0033, 0x0035, 0x003d, 0x00fd, 0x0201, 0x0231,
  0x0233, 0x0281, 0x0283, 0x8021, 0x8023, 0x8025, 0x8027, 0x8029, 0x802b, 0x8033, 0x8035, 0x8057, 0x80fd, 0x8281,
  0xc021, 0xc023, 0xc025, 0xc02b, 0xc223, 0xc227,
]);
/** linux/if_arp.h */
const ARPHRD_LOOPBACK = 772;

/** What may keep a frame from being read. */
type LinkFault = LinkEvent | CutEvent | 'ipv4.pkt_too_small' | 'too_many_layers';

/** What precedes the IP packet in a frame. After `reset` returned null, the fields tell where IP starts. */
export class LinkView {
  /** 0: the frame carries something else, which is nothing to complain about. */
  ipVersion: 0 | 4 | 6 = 0;
  ipStart = 0;
  /** Outermost VLAN id, or -1. */
  vlanId = -1;
  /** The frame was captured on a loopback interface. */
  isLoopback = false;
  /** What it carries instead of IP, where that has a name of its own. */
  remark: LinkEvent | null = null;
  readonly #carrier = new CarrierView();
  #carrierHeaders = 0;

  /** The frame is `bytes[start, end)`; `wireEnd` is beyond `end` where the capture cut it. */
  reset(linkType: LinkType, bytes: Uint8Array, start: number, end: number, wireEnd: number): LinkFault | null {
    this.ipVersion = 0;
    this.ipStart = start;
    this.vlanId = -1;
    this.isLoopback = false;
    this.remark = null;
    this.#carrierHeaders = 0;
    switch (linkType) {
      case LINK.rawIp:
        return this.#readRawIp(bytes, start, end, wireEnd);
      case LINK.ethernet:
        // Linux writes no address on lo; a network interface cannot have none.
        this.isLoopback =
          end - start >= ETHERNET_BYTES &&
          i32(bytes, start) === 0 &&
          i32(bytes, start + 4) === 0 &&
          i32(bytes, start + 8) === 0;
        return this.#readEthernet(bytes, start, end, wireEnd);
      case LINK.linuxSll:
        if (end - start < SLL_BYTES) return tooShort(start + SLL_BYTES, wireEnd, 'sll.pkt_too_small');
        this.isLoopback = u16(bytes, start + SLL_HARDWARE) === ARPHRD_LOOPBACK;
        return this.#readEtherType(bytes, start + SLL_PROTOCOL, start + SLL_BYTES, end, wireEnd);
      case LINK.linuxSll2:
        if (end - start < SLL2_BYTES) return tooShort(start + SLL2_BYTES, wireEnd, 'sll2.pkt_too_small');
        this.isLoopback = u16(bytes, start + SLL2_HARDWARE) === ARPHRD_LOOPBACK;
        return this.#readEtherType(bytes, start + SLL2_PROTOCOL, start + SLL2_BYTES, end, wireEnd);
      case LINK.loopback:
        if (end - start < NULL_BYTES) return tooShort(start + NULL_BYTES, wireEnd, 'ltnull.pkt_too_small');
        this.isLoopback = true;
        this.ipVersion = ipVersionOfFamily(u32(bytes, start)) || ipVersionOfFamily(u32le(bytes, start));
        this.ipStart = start + NULL_BYTES;
        if (this.ipVersion === 0) this.remark = 'ltnull.unsupported_type';
        return null;
      case LINK.ppp:
        return this.#readPpp(bytes, start, end, wireEnd);
      case LINK.ciscoHdlc:
        if (end - start < CISCO_HDLC_BYTES) return tooShort(start + CISCO_HDLC_BYTES, wireEnd, 'chdlc.pkt_too_small');
        return this.#readEtherType(bytes, start + CISCO_HDLC_TYPE, start + CISCO_HDLC_BYTES, end, wireEnd);
      default:
        return linkType satisfies never;
    }
  }

  #readRawIp(bytes: Uint8Array, start: number, end: number, wireEnd: number): LinkFault | null {
    if (end === start) return tooShort(start + 1, wireEnd, 'ipv4.pkt_too_small');
    const version = u8(bytes, start) >> 4;
    if (version !== 4 && version !== 6) return 'ipraw.invalid_ip_version';
    this.ipVersion = version;
    return null;
  }

  #readEthernet(bytes: Uint8Array, start: number, end: number, wireEnd: number): LinkFault | null {
    const payloadStart = start + ETHERNET_BYTES;
    if (payloadStart > end) return tooShort(payloadStart, wireEnd, 'ethernet.pkt_too_small');
    const event = this.#readEtherType(bytes, start + ETHERNET_TYPE, payloadStart, end, wireEnd);
    if (event !== null || this.ipVersion !== 0 || this.remark !== null) return event;
    if (this.vlanId >= 0) this.remark = 'vlan.unknown_type';
    else if (!CARRIER_TYPES.has(u16(bytes, start + ETHERNET_TYPE))) this.remark = 'ethernet.unknown_ethertype';
    return null;
  }

  /** `typeAt`: an EtherType; `payloadStart`: what it names. */
  #readEtherType(
    bytes: Uint8Array,
    typeAt: number,
    payloadStart: number,
    end: number,
    wireEnd: number,
  ): LinkFault | null {
    let type = u16(bytes, typeAt);
    let at = payloadStart;
    for (let tags = 0; isVlan(type); tags++) {
      if (tags === MAX_VLAN_TAGS) return 'vlan.too_many_layers';
      if (end - at < VLAN_TAG_BYTES) return tooShort(at + VLAN_TAG_BYTES, wireEnd, 'vlan.header_too_small');
      if (tags === 0) this.vlanId = u16(bytes, at) & 0x0fff;
      type = u16(bytes, at + 2);
      at += VLAN_TAG_BYTES;
    }
    this.ipStart = at;
    this.ipVersion = type === ETHERTYPE.ipv4 ? 4 : type === ETHERTYPE.ipv6 ? 6 : 0;
    return CARRIER_TYPES.has(type) ? this.#readCarrier(type, bytes, at, end, wireEnd) : null;
  }

  #readCarrier(type: number, bytes: Uint8Array, start: number, end: number, wireEnd: number): LinkFault | null {
    if (++this.#carrierHeaders > MAX_CARRIER_HEADERS) return 'too_many_layers';
    const carrier = this.#carrier;
    let event = carrier.read(type, bytes, start, end, wireEnd);
    if (event === null && carrier.next === NEXT.mpls) event = carrier.readMpls(bytes, carrier.nextStart, end, wireEnd);
    if (event !== null) return event;
    const at = carrier.nextStart;
    this.ipStart = at;
    this.remark = carrier.remark;
    switch (carrier.next) {
      case NEXT.ipv4:
        this.ipVersion = 4;
        return null;
      case NEXT.ipv6:
        this.ipVersion = 6;
        return null;
      case NEXT.ethernet:
        return this.#readEthernet(bytes, at, end, wireEnd);
      case NEXT.ppp:
        return this.#readPpp(bytes, at, end, wireEnd);
      case NEXT.type: {
        const fault = this.#readEtherType(bytes, at - 2, at, end, wireEnd);
        if (type === CARRIER.vnTag && fault === null && this.ipVersion === 0) this.remark ??= 'vntag.unknown_type';
        return fault;
      }
      default:
        return null;
    }
  }

  /** The address and control bytes may be left out, and a protocol below 256 may be one byte (RFC 1661 §6.5, §6.6). */
  #readPpp(bytes: Uint8Array, start: number, end: number, wireEnd: number): LinkFault | null {
    if (end - start < 2) return tooShort(start + 2, wireEnd, 'ppp.pkt_too_small');
    let at = start;
    if (u16(bytes, at) === PPP.addressAndControl) at += 2;
    if (end === at) return tooShort(at + 1, wireEnd, 'ppp.pkt_too_small');
    const isCompressed = (u8(bytes, at) & 1) === 1;
    if (!isCompressed && end - at < 2) return tooShort(at + 2, wireEnd, 'ppp.pkt_too_small');
    const protocol = isCompressed ? u8(bytes, at) : u16(bytes, at);
    this.ipStart = at + (isCompressed ? 1 : 2);
    if (protocol === PPP.ipv4) {
      const neededEnd = this.ipStart + IPV4_HEADER_BYTES;
      if (neededEnd > end) return tooShort(neededEnd, wireEnd, 'ppp.ip4_pkt_too_small');
      this.ipVersion = 4;
    } else if (protocol === PPP.ipv6) {
      const neededEnd = this.ipStart + IPV6_HEADER_BYTES;
      if (neededEnd > end) return tooShort(neededEnd, wireEnd, 'ppp.ip6_pkt_too_small');
      this.ipVersion = 6;
    } else this.remark = OTHER_PPP_PROTOCOLS.has(protocol) ? 'ppp.unsup_proto' : 'ppp.wrong_type';
    return null;
  }
}

const isVlan = (type: number): boolean =>
  type === ETHERTYPE.vlan || type === ETHERTYPE.providerVlan || type === ETHERTYPE.oldProviderVlan;

/** AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 24 on NetBSD and OpenBSD, 28 on FreeBSD, 30 on Darwin. */
function ipVersionOfFamily(family: number): 0 | 4 | 6 {
  if (family === 2) return 4;
  return family === 10 || family === 24 || family === 28 || family === 30 ? 6 : 0;
}
