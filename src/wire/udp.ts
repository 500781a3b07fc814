import { EMPTY_BYTES, u16 } from '../base/bytes.ts';
import { type CutEvent, tooShort } from './cut.ts';

export const UDP_EVENTS = {
  'udp.hlen_too_small': 'shorter than a UDP header',
  'udp.pkt_too_small': 'the length field says more than was sent',
  'udp.len_invalid': 'the length field says less than a header',
  'udp.trailing_bytes': 'the length field says less than was sent',
  'udp.port_zero': 'source or destination port is 0',
  'udp.invalid_checksum': 'wrong checksum',
  'udp.ipv6_zero_checksum': 'no checksum, which over IPv6 only some tunnels may do',
} as const;
export type UdpEvent = keyof typeof UDP_EVENTS;

// RFC 768, offsets in bytes from the start of the header.
const SOURCE_PORT = 0;
const DESTINATION_PORT = 2;
const LENGTH = 4;
const CHECKSUM = 6;
const HEADER_BYTES = 8;
const MAX_LENGTH_BYTES = 65_535;

/** A window onto one UDP datagram. Borrowed: valid until the next `reset`. */
export class UdpView {
  #bytes: Uint8Array = EMPTY_BYTES;
  #start = 0;
  /** Where the datagram ends by its own length: on the wire, and in what the capture kept of it. */
  wireEnd = 0;
  end = 0;

  /** The IP payload is `bytes[start, ipEnd)`; `ipWireEnd` is beyond `ipEnd` where the capture cut it. */
  reset(bytes: Uint8Array, start: number, ipEnd: number, ipWireEnd: number): UdpEvent | CutEvent | null {
    this.#bytes = bytes;
    this.#start = start;
    if (ipEnd - start < HEADER_BYTES) return tooShort(start + HEADER_BYTES, ipWireEnd, 'udp.hlen_too_small');
    let length = u16(bytes, start + LENGTH);
    // RFC 2675 §4: zero in a jumbogram, whose length does not fit.
    if (length === 0 && ipWireEnd - start > MAX_LENGTH_BYTES) length = ipWireEnd - start;
    if (start + length > ipWireEnd) return 'udp.pkt_too_small';
    if (length < HEADER_BYTES) return 'udp.len_invalid';
    this.wireEnd = start + length;
    this.end = Math.min(ipEnd, this.wireEnd);
    return null;
  }

  get sourcePort(): number {
    return u16(this.#bytes, this.#start + SOURCE_PORT);
  }
  get destinationPort(): number {
    return u16(this.#bytes, this.#start + DESTINATION_PORT);
  }
  get checksum(): number {
    return u16(this.#bytes, this.#start + CHECKSUM);
  }
  get payloadStart(): number {
    return this.#start + HEADER_BYTES;
  }

  checkPorts(events: string[]): void {
    if (this.sourcePort === 0 || this.destinationPort === 0) events.push('udp.port_zero');
  }
}
