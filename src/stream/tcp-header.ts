import { i32, u8, u16 } from '../base/bytes.ts';
import type { Packet } from '../wire/packet.ts';

// RFC 9293 §3.1, bits of byte 13.
export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const ACK = 0x10;
export const URG = 0x20;

/** What the options of a SYN or SYN-ACK offer. Reused: valid until the next `read`. */
export class SynOptions {
  /** RFC 7323 §2; -1 where it is not offered. */
  windowScale = -1;
  hasTimestamps = false;
  /** TSval and TSecr, where there are timestamps. */
  timestamp = 0;
  timestampEcho = 0;
  /** RFC 2018. */
  hasSack = false;

  read(packet: Packet): void {
    this.windowScale = -1;
    this.hasTimestamps = false;
    this.timestamp = 0;
    this.timestampEcho = 0;
    this.hasSack = false;
    const { bytes } = packet;
    const end = packet.payloadStart;
    let at = packet.transportStart + FIXED_HEADER_BYTES;
    while (at < end) {
      const kind = u8(bytes, at);
      if (kind === OPTION_END) return;
      if (kind === OPTION_NOP) {
        at++;
        continue;
      }
      if (at + 2 > end) return;
      const length = u8(bytes, at + 1);
      // What is malformed ends the options here, as in the kernel; that it is malformed, decoding has said.
      if (length < 2 || at + length > end) return;
      if (kind === OPTION_WINDOW_SCALE && length === 3)
        this.windowScale = Math.min(u8(bytes, at + 2), MAX_WINDOW_SCALE);
      else if (kind === OPTION_SACK_PERMITTED && length === 2) this.hasSack = true;
      else if (kind === OPTION_TIMESTAMPS && length === TIMESTAMPS_BYTES) {
        this.hasTimestamps = true;
        this.timestamp = i32(bytes, at + 2);
        this.timestampEcho = i32(bytes, at + 6);
      }
      at += length;
    }
  }
}

/** What the options of any segment say that decides whether its receiver takes it. Reused, as above. */
export class SegmentOptions {
  hasTimestamps = false;
  /** TSval and TSecr, where there are timestamps. */
  timestamp = 0;
  timestampEcho = 0;

  read(packet: Packet): void {
    const { bytes } = packet;
    const end = packet.payloadStart;
    let at = packet.transportStart + FIXED_HEADER_BYTES;
    this.hasTimestamps = false;
    // RFC 7323 appendix A: nearly everybody sends the option in this form, and alone.
    if (end - at === 12 && i32(bytes, at) === TIMESTAMPS_ALIGNED) {
      this.#readTimestamps(bytes, at + 2);
      return;
    }
    while (at + 2 <= end) {
      const kind = u8(bytes, at);
      if (kind === OPTION_END) return;
      if (kind === OPTION_NOP) {
        at++;
        continue;
      }
      const length = u8(bytes, at + 1);
      if (length < 2 || at + length > end) return;
      if (kind === OPTION_TIMESTAMPS && length === TIMESTAMPS_BYTES) this.#readTimestamps(bytes, at);
      at += length;
    }
  }

  #readTimestamps(bytes: Uint8Array, at: number): void {
    this.hasTimestamps = true;
    this.timestamp = i32(bytes, at + 2);
    this.timestampEcho = i32(bytes, at + 6);
  }
}

/** Of a segment with URG. RFC 9293 §3.8.5 has it point behind the urgent byte, and so does every stack by default. */
export const urgentPointer = (packet: Packet): number => u16(packet.bytes, packet.transportStart + URGENT_POINTER);

/** RFC 7323 §2.3: a larger one counts as 14. */
export const MAX_WINDOW_SCALE = 14;

const FIXED_HEADER_BYTES = 20;
const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_WINDOW_SCALE = 3;
const OPTION_SACK_PERMITTED = 4;
const OPTION_TIMESTAMPS = 8;
const TIMESTAMPS_BYTES = 10;
const URGENT_POINTER = 18;
/** Two no-ops, then kind 8, length 10. */
const TIMESTAMPS_ALIGNED = 0x0101_080a;
