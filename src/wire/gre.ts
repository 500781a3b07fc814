import { EMPTY_BYTES, u8, u16 } from '../base/bytes.ts';
import { type CutEvent, tooShort } from './cut.ts';
import { LINK, NO_TUNNEL, type Packet } from './packet.ts';

export const GRE_EVENTS = {
  'gre.pkt_too_small': 'shorter than a GRE header',
  'gre.wrong_version': 'neither version 0 nor version 1 (PPTP)',
  'gre.version0_recur': 'version 0 with recursion control, which RFC 2784 took out',
  'gre.version0_flags': 'version 0 with flags that nobody defined',
  'gre.version0_hdr_too_big': 'version 0 header runs beyond the packet',
  'gre.version0_malformed_sre_hdr': 'version 0 source routes run beyond the packet',
  'gre.version1_chksum': 'version 1 with a checksum',
  'gre.version1_route': 'version 1 with routing',
  'gre.version1_ssr': 'version 1 with a strict source route',
  'gre.version1_recur': 'version 1 with recursion control',
  'gre.version1_flags': 'version 1 with flags that nobody defined',
  'gre.version1_no_key': 'version 1 without a key',
  'gre.version1_wrong_protocol': 'version 1 that carries something else than PPP',
  'gre.version1_hdr_too_big': 'version 1 header runs beyond the packet',
  'erspan.header_too_small': 'a mirrored frame (ERSPAN) shorter than the header in front of it',
  'erspan.unsupported_version': 'a mirrored frame of another version of ERSPAN than type II',
} as const;
export type GreEvent = keyof typeof GRE_EVENTS;

// RFC 2784 §2.1 with RFC 2890 (version 0), RFC 2637 §4.1 (version 1), offsets in bytes from the start of the header.
const FLAGS = 0;
const VERSION = 1;
const PROTOCOL = 2;
const PPTP_PAYLOAD_LENGTH = 4;
const HEADER_BYTES = 4;
/** Checksum with offset, key, sequence number, acknowledgement: each has four bytes. */
const FIELD_BYTES = 4;
const FLAG = { checksum: 0x80, routing: 0x40, key: 0x20, sequence: 0x10, strictRoute: 0x08, recursion: 0x07 } as const;
const VERSION_MASK = 0x07;
const UNDEFINED_FLAGS = 0x78;
const ACKNOWLEDGEMENT = 0x80;
/** RFC 1701: address family, offset, length; both zero in the last. */
const ROUTE_BYTES = 4;

const PROTOCOL_TYPE = { ipv4: 0x0800, ipv6: 0x86dd, ppp: 0x880b, ethernet: 0x6558, erspan: 0x88be } as const;
/** draft-foschiano-erspan-03 §4.1 and §4.2: type II has version 1 in the upper half of its first byte. */
const ERSPAN_BYTES = 8;
const ERSPAN_VERSION = 1;

/** A window onto one GRE packet. Borrowed: valid until the next `reset`. */
export class GreView {
  #bytes: Uint8Array = EMPTY_BYTES;
  #start = 0;
  #end = 0;
  #wireEnd = 0;

  /** The GRE packet is `bytes[start, end)`; `wireEnd` is beyond `end` where the capture cut it. */
  reset(bytes: Uint8Array, start: number, end: number, wireEnd: number): GreEvent | CutEvent | null {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.#wireEnd = wireEnd;
    return end - start < HEADER_BYTES ? tooShort(start + HEADER_BYTES, wireEnd, 'gre.pkt_too_small') : null;
  }

  /** Reads the rest of the header, and tells the packet what is in the tunnel. Null: all is well. */
  readTunnel(packet: Packet): GreEvent | CutEvent | null {
    const version = u8(this.#bytes, this.#start + VERSION) & VERSION_MASK;
    if (version === 0) return this.#readVersion0(packet);
    return version === 1 ? this.#readVersion1(packet) : 'gre.wrong_version';
  }

  #readVersion0(packet: Packet): GreEvent | CutEvent | null {
    const flags = u8(this.#bytes, this.#start + FLAGS);
    if ((flags & FLAG.recursion) !== 0) return 'gre.version0_recur';
    if ((u8(this.#bytes, this.#start + VERSION) & UNDEFINED_FLAGS) !== 0) return 'gre.version0_flags';
    let at = this.#start + HEADER_BYTES;
    if ((flags & (FLAG.checksum | FLAG.routing)) !== 0) at += FIELD_BYTES;
    if ((flags & FLAG.key) !== 0) at += FIELD_BYTES;
    if ((flags & FLAG.sequence) !== 0) at += FIELD_BYTES;
    if (at > this.#end) return tooShort(at, this.#wireEnd, 'gre.version0_hdr_too_big');
    if ((flags & FLAG.routing) !== 0) {
      let isLast = false;
      while (!isLast) {
        if (at + ROUTE_BYTES > this.#end) {
          return tooShort(at + ROUTE_BYTES, this.#wireEnd, 'gre.version0_malformed_sre_hdr');
        }
        const length = u8(this.#bytes, at + 3);
        isLast = length === 0 && u16(this.#bytes, at) === 0;
        at += ROUTE_BYTES + length;
        if (at > this.#end) return tooShort(at, this.#wireEnd, 'gre.version0_malformed_sre_hdr');
      }
    }
    // ERSPAN of type I has no sequence number, and no header of its own.
    if (u16(this.#bytes, this.#start + PROTOCOL) === PROTOCOL_TYPE.erspan && (flags & FLAG.sequence) !== 0) {
      if (at + ERSPAN_BYTES > this.#end) return tooShort(at + ERSPAN_BYTES, this.#wireEnd, 'erspan.header_too_small');
      if (u8(this.#bytes, at) >> 4 !== ERSPAN_VERSION) return 'erspan.unsupported_version';
      at += ERSPAN_BYTES;
    }
    this.#openTunnel(packet, at);
    return null;
  }

  #readVersion1(packet: Packet): GreEvent | CutEvent | null {
    const flags = u8(this.#bytes, this.#start + FLAGS);
    const moreFlags = u8(this.#bytes, this.#start + VERSION);
    if ((flags & FLAG.checksum) !== 0) return 'gre.version1_chksum';
    if ((flags & FLAG.routing) !== 0) return 'gre.version1_route';
    if ((flags & FLAG.strictRoute) !== 0) return 'gre.version1_ssr';
    if ((flags & FLAG.recursion) !== 0) return 'gre.version1_recur';
    if ((moreFlags & UNDEFINED_FLAGS) !== 0) return 'gre.version1_flags';
    if (u16(this.#bytes, this.#start + PROTOCOL) !== PROTOCOL_TYPE.ppp) return 'gre.version1_wrong_protocol';
    if ((flags & FLAG.key) === 0) return 'gre.version1_no_key';
    let at = this.#start + HEADER_BYTES + FIELD_BYTES;
    if ((flags & FLAG.sequence) !== 0) at += FIELD_BYTES;
    if ((moreFlags & ACKNOWLEDGEMENT) !== 0) at += FIELD_BYTES;
    if (at > this.#end) return tooShort(at, this.#wireEnd, 'gre.version1_hdr_too_big');
    // One that only acknowledges carries nothing.
    if (u16(this.#bytes, this.#start + PPTP_PAYLOAD_LENGTH) !== 0) this.#openTunnel(packet, at);
    return null;
  }

  #openTunnel(packet: Packet, start: number): void {
    switch (u16(this.#bytes, this.#start + PROTOCOL)) {
      case PROTOCOL_TYPE.ipv4:
      case PROTOCOL_TYPE.ipv6:
        packet.tunnelLink = LINK.rawIp;
        break;
      case PROTOCOL_TYPE.ppp:
        packet.tunnelLink = LINK.ppp;
        break;
      case PROTOCOL_TYPE.ethernet:
      case PROTOCOL_TYPE.erspan:
        packet.tunnelLink = LINK.ethernet;
        break;
      default:
        packet.tunnelLink = NO_TUNNEL;
        return;
    }
    packet.tunnelStart = start;
    packet.tunnelEnd = this.#end;
    packet.tunnelWireEnd = this.#wireEnd;
  }
}
