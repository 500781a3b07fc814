import { u8, u16, u32 } from '../base/bytes.ts';
import type { Packet } from '../wire/packet.ts';

// RFC 9293 §3.1, bits of byte 13.
export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const ACK = 0x10;

/** What the options of a SYN or SYN-ACK offer. Reused: valid until the next `read`. */
export class SynOptions {
  /** RFC 7323 §2; -1 where it is not offered. */
  windowScale = -1;
  hasTimestamps = false;
  /** TSval, where there are timestamps. */
  timestamp = 0;
  /** RFC 2018. */
  hasSack = false;
  /** RFC 7413: a cookie, or the request for one; also with the experimental number of RFC 6994. */
  hasFastOpen = false;

  read(packet: Packet): void {
    this.windowScale = -1;
    this.hasTimestamps = false;
    this.timestamp = 0;
    this.hasSack = false;
    this.hasFastOpen = false;
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
        this.timestamp = u32(bytes, at + 2) | 0;
      } else if (kind === OPTION_FAST_OPEN) this.hasFastOpen = true;
      else if (kind === OPTION_EXPERIMENT && length >= 4 && u16(bytes, at + 2) === EXPERIMENT_FAST_OPEN) {
        this.hasFastOpen = true;
      }
      at += length;
    }
  }
}

/** Where the packet's TSval is, or -1 without the option. */
export function timestampAt(packet: Packet): number {
  const { bytes } = packet;
  const end = packet.payloadStart;
  let at = packet.transportStart + FIXED_HEADER_BYTES;
  // RFC 7323 appendix A: nearly everybody sends the option in this form, and alone.
  if (end - at === 12 && u32(bytes, at) === TIMESTAMPS_ALIGNED) return at + 4;
  while (at + TIMESTAMPS_BYTES <= end) {
    const kind = u8(bytes, at);
    if (kind === OPTION_END) return -1;
    if (kind === OPTION_NOP) {
      at++;
      continue;
    }
    const length = u8(bytes, at + 1);
    if (length < 2) return -1;
    if (kind === OPTION_TIMESTAMPS) return length === TIMESTAMPS_BYTES ? at + 2 : -1;
    at += length;
  }
  return -1;
}

/** RFC 7323 §2.3: a larger one counts as 14. */
export const MAX_WINDOW_SCALE = 14;

const FIXED_HEADER_BYTES = 20;
const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_WINDOW_SCALE = 3;
const OPTION_SACK_PERMITTED = 4;
const OPTION_TIMESTAMPS = 8;
const TIMESTAMPS_BYTES = 10;
const OPTION_FAST_OPEN = 34;
const OPTION_EXPERIMENT = 254;
const EXPERIMENT_FAST_OPEN = 0xf989;
/** Two no-ops, then kind 8, length 10. */
const TIMESTAMPS_ALIGNED = 0x0101_080a;
