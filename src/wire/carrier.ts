import { u8, u16, u32 } from '../base/bytes.ts';
import { type CutEvent, tooShort } from './cut.ts';

export const CARRIER_EVENTS = {
  'pppoe.pkt_too_small': 'shorter than a PPPoE header',
  'pppoe.wrong_code': 'PPPoE discovery with a code that no standard names',
  'pppoe.malformed_tags': 'PPPoE discovery whose tags are longer than the frame',
  'mpls.header_too_small': 'an MPLS label stack that does not end',
  'mpls.pkt_too_small': 'too short to tell what lies behind the MPLS labels',
  'mpls.bad_label_router_alert': 'the last MPLS label is the router alert, which others must follow',
  'mpls.bad_label_implicit_null': 'an MPLS label that is never sent',
  'mpls.bad_label_reserved': 'the last MPLS label is one that is reserved',
  'mpls.unknown_payload_type': 'neither IP nor Ethernet behind MPLS labels',
  'ieee8021ah.header_too_small': 'shorter than the header of a provider backbone bridge',
  'vntag.header_too_small': 'shorter than the VN-Tag that is announced',
  'vntag.unknown_type': 'a VN-Tag on something that is not IP',
  'dce.pkt_too_small': 'shorter than a FabricPath header and the frame behind it',
  'nsh.header_too_small': 'shorter than a network service header',
  'nsh.unsupported_version': 'a network service header of another version',
  'nsh.bad_header_length': 'a network service header whose length cannot be true',
  'nsh.reserved_type': 'a network service header of a reserved type',
  'nsh.unsupported_type': 'a network service header of a type that no standard names',
  'nsh.unknown_payload': 'a network service header before something that is not read',
} as const;
export type CarrierEvent = keyof typeof CARRIER_EVENTS;

/** What networks of providers and data centres put between an Ethernet header and IP, by EtherType. */
export const CARRIER = {
  pppoeDiscovery: 0x8863,
  pppoeSession: 0x8864,
  mpls: 0x8847,
  mplsMulticast: 0x8848,
  backboneBridge: 0x88e7,
  fabricPath: 0x8903,
  vnTag: 0x8926,
  networkService: 0x894f,
} as const;

/** What follows a header. `type`: what its last two bytes say. */
export const NEXT = { nothing: 0, type: 1, ipv4: 2, ipv6: 3, ethernet: 4, ppp: 5, mpls: 6 } as const;
export type Next = (typeof NEXT)[keyof typeof NEXT];

/** RFC 2516 §4 and §5. */
const PPPOE = { code: 1, length: 4, bytes: 6, discoveryCodes: new Set([0x07, 0x09, 0x19, 0x65, 0xa7]) };
const MPLS_LABEL_BYTES = 4;
/** RFC 3032 §2.1: labels below 16 mean something of their own. */
const MPLS_LABEL = { ipv4: 0, routerAlert: 1, ipv6: 2, implicitNull: 3, lastReserved: 15 } as const;
/** RFC 4385 §3: before Ethernet stands a control word, whose first four bits are zero. */
const CONTROL_WORD_BYTES = 4;
/** IEEE 802.1ah: the service's tag, two addresses, an EtherType. */
const BACKBONE_BRIDGE_BYTES = 18;
const VN_TAG_BYTES = 6;
const FABRIC_PATH_BYTES = 2;
const ETHERNET_BYTES = 14;
/** RFC 8300 §2.2: version, length in units of four bytes, type of metadata, next protocol. */
const NSH = { bytes: 8, mdType: 2, next: 3, fixedBytes: 24 } as const;

/** One header of a `CARRIER`. After `read` returned null, `next` lies at `nextStart`. */
export class CarrierView {
  next: Next = NEXT.nothing;
  nextStart = 0;
  /** Why nothing is next, where that has a name and the frame is readable. */
  remark: CarrierEvent | null = null;

  /** The header is `bytes[start, end)`; `wireEnd` is beyond `end` where the capture cut it. */
  read(type: number, bytes: Uint8Array, start: number, end: number, wireEnd: number): CarrierEvent | CutEvent | null {
    this.next = NEXT.nothing;
    this.nextStart = end;
    this.remark = null;
    switch (type) {
      case CARRIER.pppoeSession:
        return this.#readFixed(start + PPPOE.bytes, end, wireEnd, 'pppoe.pkt_too_small', NEXT.ppp);
      case CARRIER.pppoeDiscovery:
        return this.#readDiscovery(bytes, start, end, wireEnd);
      case CARRIER.mpls:
      case CARRIER.mplsMulticast:
        return this.readMpls(bytes, start, end, wireEnd);
      case CARRIER.backboneBridge:
        return this.#readFixed(start + BACKBONE_BRIDGE_BYTES, end, wireEnd, 'ieee8021ah.header_too_small', NEXT.type);
      case CARRIER.vnTag:
        return this.#readFixed(start + VN_TAG_BYTES, end, wireEnd, 'vntag.header_too_small', NEXT.type);
      case CARRIER.fabricPath: {
        const neededEnd = start + FABRIC_PATH_BYTES + ETHERNET_BYTES;
        if (neededEnd > end) return tooShort(neededEnd, wireEnd, 'dce.pkt_too_small');
        return this.#goOn(NEXT.ethernet, start + FABRIC_PATH_BYTES);
      }
      case CARRIER.networkService:
        return this.#readNetworkService(bytes, start, end, wireEnd);
      default:
        return null;
    }
  }

  /** RFC 3032 §2.1; what lies behind is told by the last label, else guessed by its first four bits, as routers do. */
  readMpls(bytes: Uint8Array, start: number, end: number, wireEnd: number): CarrierEvent | CutEvent | null {
    let at = start;
    let entry = 0;
    do {
      if (at + MPLS_LABEL_BYTES > end) return tooShort(at + MPLS_LABEL_BYTES, wireEnd, 'mpls.header_too_small');
      entry = u32(bytes, at);
      at += MPLS_LABEL_BYTES;
    } while ((entry & 0x100) === 0);
    const label = entry >>> 12;
    if (label === MPLS_LABEL.ipv4) return this.#goOn(NEXT.ipv4, at);
    if (label === MPLS_LABEL.ipv6) return this.#goOn(NEXT.ipv6, at);
    if (label === MPLS_LABEL.routerAlert) this.remark = 'mpls.bad_label_router_alert';
    else if (label === MPLS_LABEL.implicitNull) this.remark = 'mpls.bad_label_implicit_null';
    else if (label < MPLS_LABEL.lastReserved) this.remark = 'mpls.bad_label_reserved';
    if (this.remark !== null) return null;
    if (at + CONTROL_WORD_BYTES > end) return tooShort(at + CONTROL_WORD_BYTES, wireEnd, 'mpls.pkt_too_small');
    switch (u8(bytes, at) >> 4) {
      case 4:
        return this.#goOn(NEXT.ipv4, at);
      case 6:
        return this.#goOn(NEXT.ipv6, at);
      case 0:
        return this.#goOn(NEXT.ethernet, at + CONTROL_WORD_BYTES);
      default:
        return 'mpls.unknown_payload_type';
    }
  }

  #goOn(next: Next, start: number): null {
    this.next = next;
    this.nextStart = start;
    return null;
  }

  #readFixed(
    headerEnd: number,
    end: number,
    wireEnd: number,
    event: CarrierEvent,
    next: Next,
  ): CarrierEvent | CutEvent | null {
    return headerEnd > end ? tooShort(headerEnd, wireEnd, event) : this.#goOn(next, headerEnd);
  }

  #readDiscovery(bytes: Uint8Array, start: number, end: number, wireEnd: number): CarrierEvent | CutEvent | null {
    const tagsStart = start + PPPOE.bytes;
    if (tagsStart > end) return tooShort(tagsStart, wireEnd, 'pppoe.pkt_too_small');
    if (!PPPOE.discoveryCodes.has(u8(bytes, start + PPPOE.code))) this.remark = 'pppoe.wrong_code';
    else if (u16(bytes, start + PPPOE.length) > wireEnd - tagsStart) this.remark = 'pppoe.malformed_tags';
    return null;
  }

  #readNetworkService(bytes: Uint8Array, start: number, end: number, wireEnd: number): CarrierEvent | CutEvent | null {
    if (start + NSH.bytes > end) return tooShort(start + NSH.bytes, wireEnd, 'nsh.header_too_small');
    if (u8(bytes, start) >> 6 !== 0) {
      this.remark = 'nsh.unsupported_version';
      return null;
    }
    const headerBytes = (u16(bytes, start) & 0x3f) * 4;
    if (start + headerBytes >= end) return tooShort(start + headerBytes + 1, wireEnd, 'nsh.bad_header_length');
    const type = u8(bytes, start + NSH.mdType);
    if (type === 0 || type === 0x0f) this.remark = 'nsh.reserved_type';
    else if (type > 2) this.remark = 'nsh.unsupported_type';
    if (this.remark !== null) return null;
    if (type === 1 ? headerBytes !== NSH.fixedBytes : headerBytes < NSH.bytes) return 'nsh.bad_header_length';
    switch (u8(bytes, start + NSH.next)) {
      case 1:
        return this.#goOn(NEXT.ipv4, start + headerBytes);
      case 2:
        return this.#goOn(NEXT.ipv6, start + headerBytes);
      case 3:
        return this.#goOn(NEXT.ethernet, start + headerBytes);
      case 5:
        return this.#goOn(NEXT.mpls, start + headerBytes);
      default:
        this.remark = 'nsh.unknown_payload';
        return null;
    }
  }
}
