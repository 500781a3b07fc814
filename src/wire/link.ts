import { i32, u8, u16, u32, u32le } from '../base/bytes.ts';
import { type CutEvent, tooShort } from './cut.ts';
import { LINK, type LinkType } from './packet.ts';

export const LINK_EVENTS = {
  'ethernet.pkt_too_small': 'shorter than an Ethernet header',
  'vlan.header_too_small': 'shorter than the VLAN tag that is announced',
  'vlan.too_many_layers': 'more VLAN tags than are looked behind',
  'sll.pkt_too_small': 'shorter than a Linux cooked header',
  'sll2.pkt_too_small': 'shorter than a Linux cooked header, version 2',
  'ltnull.pkt_too_small': 'shorter than a BSD loopback header',
  'ppp.pkt_too_small': 'shorter than a PPP header',
  'ipraw.invalid_ip_version': 'neither IPv4 nor IPv6',
} as const;
export type LinkEvent = keyof typeof LINK_EVENTS;

/** Service provider, customer, and one to spare: Suricata stops there too. Beyond: `vlan.too_many_layers`. */
export const MAX_VLAN_TAGS = 3;

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

const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd, vlan: 0x8100, providerVlan: 0x88a8, oldProviderVlan: 0x9100 } as const;
/** RFC 1661 §2, RFC 1662 §3.1, RFC 5072 §4. */
const PPP = { addressAndControl: 0xff03, ipv4: 0x0021, ipv6: 0x0057 } as const;
/** linux/if_arp.h */
const ARPHRD_LOOPBACK = 772;

/** What precedes the IP packet in a frame. After `reset` returned null, the fields tell where IP starts. */
export class LinkView {
  /** 0: the frame carries something else, which is nothing to complain about. */
  ipVersion: 0 | 4 | 6 = 0;
  ipStart = 0;
  /** Outermost VLAN id, or -1. */
  vlanId = -1;
  /** The frame was captured on a loopback interface. */
  isLoopback = false;

  /** The frame is `bytes[start, end)`; `wireEnd` is beyond `end` where the capture cut it. */
  reset(
    linkType: LinkType,
    bytes: Uint8Array,
    start: number,
    end: number,
    wireEnd: number,
  ): LinkEvent | CutEvent | 'ipv4.pkt_too_small' | null {
    this.ipVersion = 0;
    this.ipStart = start;
    this.vlanId = -1;
    this.isLoopback = false;
    switch (linkType) {
      case LINK.rawIp:
        return this.#readRawIp(bytes, start, end, wireEnd);
      case LINK.ethernet:
        if (end - start < ETHERNET_BYTES) return tooShort(start + ETHERNET_BYTES, wireEnd, 'ethernet.pkt_too_small');
        // Linux writes no address on lo; a network interface cannot have none.
        this.isLoopback = i32(bytes, start) === 0 && i32(bytes, start + 4) === 0 && i32(bytes, start + 8) === 0;
        return this.#readEtherType(bytes, start + ETHERNET_TYPE, start + ETHERNET_BYTES, end, wireEnd);
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
        return null;
      case LINK.ppp:
        return this.#readPpp(bytes, start, end, wireEnd);
      default:
        return linkType satisfies never;
    }
  }

  #readRawIp(
    bytes: Uint8Array,
    start: number,
    end: number,
    wireEnd: number,
  ): LinkEvent | CutEvent | 'ipv4.pkt_too_small' | null {
    if (end === start) return tooShort(start + 1, wireEnd, 'ipv4.pkt_too_small');
    const version = u8(bytes, start) >> 4;
    if (version !== 4 && version !== 6) return 'ipraw.invalid_ip_version';
    this.ipVersion = version;
    return null;
  }

  /** `typeAt`: an EtherType; `payloadStart`: what it names. */
  #readEtherType(
    bytes: Uint8Array,
    typeAt: number,
    payloadStart: number,
    end: number,
    wireEnd: number,
  ): LinkEvent | CutEvent | null {
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
    return null;
  }

  /** The address and control bytes may be left out, and a protocol below 256 may be one byte (RFC 1661 §6.5, §6.6). */
  #readPpp(bytes: Uint8Array, start: number, end: number, wireEnd: number): LinkEvent | CutEvent | null {
    if (end - start < 2) return tooShort(start + 2, wireEnd, 'ppp.pkt_too_small');
    let at = start;
    if (u16(bytes, at) === PPP.addressAndControl) at += 2;
    if (end === at) return tooShort(at + 1, wireEnd, 'ppp.pkt_too_small');
    const isCompressed = (u8(bytes, at) & 1) === 1;
    if (!isCompressed && end - at < 2) return tooShort(at + 2, wireEnd, 'ppp.pkt_too_small');
    const protocol = isCompressed ? u8(bytes, at) : u16(bytes, at);
    this.ipStart = at + (isCompressed ? 1 : 2);
    this.ipVersion = protocol === PPP.ipv4 ? 4 : protocol === PPP.ipv6 ? 6 : 0;
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
