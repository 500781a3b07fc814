import { EMPTY_BYTES, u16 } from '../base/bytes.ts';
import { type CutEvent, tooShort } from './cut.ts';

export const SCTP_EVENTS = {
  'sctp.pkt_too_small': 'shorter than the common header of SCTP',
} as const;
export type SctpEvent = keyof typeof SCTP_EVENTS;

// RFC 9260 §3.1, offsets in bytes from the start of the header.
const SOURCE_PORT = 0;
const DESTINATION_PORT = 2;
const HEADER_BYTES = 12;

/** A window onto one SCTP packet: its ports. Chunks are payload. Borrowed: valid until the next `reset`. */
export class SctpView {
  #bytes: Uint8Array = EMPTY_BYTES;
  #start = 0;

  reset(bytes: Uint8Array, start: number, end: number, wireEnd: number): SctpEvent | CutEvent | null {
    this.#bytes = bytes;
    this.#start = start;
    return end - start < HEADER_BYTES ? tooShort(start + HEADER_BYTES, wireEnd, 'sctp.pkt_too_small') : null;
  }

  get sourcePort(): number {
    return u16(this.#bytes, this.#start + SOURCE_PORT);
  }
  get destinationPort(): number {
    return u16(this.#bytes, this.#start + DESTINATION_PORT);
  }
  get payloadStart(): number {
    return this.#start + HEADER_BYTES;
  }
}
