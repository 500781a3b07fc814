import { EMPTY_BYTES, i32, u8, u16 } from '../base/bytes.ts';
import { type CutEvent, tooShort } from './cut.ts';
import type { Packet } from './packet.ts';

export const TCP_EVENTS = {
  'tcp.pkt_too_small': 'shorter than a TCP header',
  'tcp.hlen_too_small': 'header length below 20 bytes',
  'tcp.invalid_optlen': 'header length larger than the segment',
  'tcp.opt_invalid_len': 'option length is wrong or runs beyond the header',
  'tcp.opt_duplicate': 'the same option twice',
  'tcp.no_flags': 'none of FIN, SYN, RST, PSH, ACK and URG is set',
  'tcp.syn_fin': 'SYN and FIN are set',
  'tcp.syn_rst': 'SYN and RST are set',
  'tcp.rst_fin': 'RST and FIN are set',
  'tcp.port_zero': 'source or destination port is 0',
  'tcp.invalid_checksum': 'wrong checksum',
} as const;
export type TcpEvent = keyof typeof TCP_EVENTS;

export const TCP_FLAG = { fin: 0x01, syn: 0x02, rst: 0x04, psh: 0x08, ack: 0x10, urg: 0x20 } as const;

// RFC 9293 §3.1, offsets in bytes from the start of the header.
const SOURCE_PORT = 0;
const DESTINATION_PORT = 2;
const SEQUENCE = 4;
const ACKNOWLEDGEMENT = 8;
const DATA_OFFSET = 12;
const FLAGS = 13;
const WINDOW = 14;
const MIN_HEADER_BYTES = 20;
/** CWR and ECE say nothing here: RFC 3168, and AccECN (RFC 9768) sets them together with any others. */
const ALL_FLAGS = 0x3f;

/** RFC 9293 §3.2, RFC 7323, RFC 2018, RFC 7413, RFC 2385, RFC 5925: kinds, and the lengths that they may have. */
const OPTION = {
  ...{ end: 0, nop: 1, mss: 2, windowScale: 3, sackPermitted: 4, sack: 5, timestamps: 8 },
  ...{ md5Signature: 19, authentication: 29 },
} as const;
const MSS_BYTES = 4;
const WINDOW_SCALE_BYTES = 3;
const SACK_PERMITTED_BYTES = 2;
const TIMESTAMPS_BYTES = 10;
/** Two NOPs and a timestamp of ten bytes: all that most segments carry. */
const PADDED_TIMESTAMPS = 0x0101080a;
const PADDED_TIMESTAMPS_BYTES = 12;

/** A window onto one TCP segment. Borrowed: valid until the next `reset`. */
export class TcpView {
  #bytes: Uint8Array = EMPTY_BYTES;
  #start = 0;

  /** The segment is `bytes[start, end)`; `wireEnd` is beyond `end` where the capture cut it. */
  reset(bytes: Uint8Array, start: number, end: number, wireEnd: number): TcpEvent | CutEvent | null {
    this.#bytes = bytes;
    this.#start = start;
    if (end - start < MIN_HEADER_BYTES) return tooShort(start + MIN_HEADER_BYTES, wireEnd, 'tcp.pkt_too_small');
    const headerBytes = this.headerBytes;
    if (headerBytes < MIN_HEADER_BYTES) return 'tcp.hlen_too_small';
    if (start + headerBytes > end) return tooShort(start + headerBytes, wireEnd, 'tcp.invalid_optlen');
    return null;
  }

  get headerBytes(): number {
    return (u8(this.#bytes, this.#start + DATA_OFFSET) >> 4) << 2;
  }
  get optionsStart(): number {
    return this.#start + MIN_HEADER_BYTES;
  }
  get payloadStart(): number {
    return this.#start + this.headerBytes;
  }

  /** Fills the fields that only TCP has, and the ports. */
  read(packet: Packet): void {
    packet.sourcePort = u16(this.#bytes, this.#start + SOURCE_PORT);
    packet.destinationPort = u16(this.#bytes, this.#start + DESTINATION_PORT);
    packet.sequence = i32(this.#bytes, this.#start + SEQUENCE) >>> 0;
    packet.acknowledgement = i32(this.#bytes, this.#start + ACKNOWLEDGEMENT) >>> 0;
    packet.tcpFlags = u8(this.#bytes, this.#start + FLAGS);
    packet.window = u16(this.#bytes, this.#start + WINDOW);
  }

  checkFlagsAndPorts(events: string[]): void {
    const sourcePort = u16(this.#bytes, this.#start + SOURCE_PORT);
    if (sourcePort === 0 || u16(this.#bytes, this.#start + DESTINATION_PORT) === 0) events.push('tcp.port_zero');
    const flags = u8(this.#bytes, this.#start + FLAGS) & ALL_FLAGS;
    if (IS_FLAGS_POSSIBLE[flags] === 1) return;
    if (flags === 0) events.push('tcp.no_flags');
    if (hasBoth(flags, TCP_FLAG.syn, TCP_FLAG.fin)) events.push('tcp.syn_fin');
    if (hasBoth(flags, TCP_FLAG.syn, TCP_FLAG.rst)) events.push('tcp.syn_rst');
    if (hasBoth(flags, TCP_FLAG.rst, TCP_FLAG.fin)) events.push('tcp.rst_fin');
  }
}

/**
 * The options of one segment: `read` them from `bytes[start, end)`, which is what lies between the fixed header of 20
 * bytes and the payload. Reused; the fields hold until the next `read`.
 */
export class TcpOptions {
  /** -1: not there. */
  mss = -1;
  /** As sent, so up to 255; RFC 7323 §2.3 has a receiver use 14 where it is more. -1: not there. */
  windowScale = -1;
  isSackPermitted = false;
  hasTimestamps = false;
  timestamp = 0;
  timestampEcho = 0;
  /** RFC 2385 or RFC 5925. */
  isSigned = false;
  #hasSack = false;

  /**
   * Null: all is well. Else the first thing wrong; options before it were read, and those behind one that does not fit
   * were not. Where an option comes twice, the first counts.
   */
  read(bytes: Uint8Array, start: number, end: number): TcpEvent | null {
    this.mss = -1;
    this.windowScale = -1;
    this.isSackPermitted = false;
    this.hasTimestamps = false;
    this.isSigned = false;
    if (end - start === PADDED_TIMESTAMPS_BYTES && i32(bytes, start) === PADDED_TIMESTAMPS) {
      this.#readTimestamps(bytes, start + 2);
      return null;
    }
    this.#hasSack = false;
    let event: TcpEvent | null = null;
    let at = start;
    while (at < end) {
      const kind = u8(bytes, at);
      if (kind === OPTION.end) break;
      if (kind === OPTION.nop) {
        at++;
        continue;
      }
      // A last byte that begins an option is no option; stacks take it for padding.
      if (end - at < 2) break;
      const length = u8(bytes, at + 1);
      if (length < 2 || length > end - at) return event ?? 'tcp.opt_invalid_len';
      const fault = this.#readOption(kind, bytes, at, length);
      event ??= fault;
      at += length;
    }
    return event;
  }

  /** The option lies within `bytes`; its length may be another than this kind has. */
  #readOption(kind: number, bytes: Uint8Array, at: number, length: number): TcpEvent | null {
    let isDuplicate = false;
    let isLengthRight = true;
    switch (kind) {
      case OPTION.mss:
        isLengthRight = length === MSS_BYTES;
        isDuplicate = this.mss >= 0;
        if (isLengthRight && !isDuplicate) this.mss = u16(bytes, at + 2);
        break;
      case OPTION.windowScale:
        isLengthRight = length === WINDOW_SCALE_BYTES;
        isDuplicate = this.windowScale >= 0;
        if (isLengthRight && !isDuplicate) this.windowScale = u8(bytes, at + 2);
        break;
      case OPTION.sackPermitted:
        isLengthRight = length === SACK_PERMITTED_BYTES;
        isDuplicate = this.isSackPermitted;
        if (isLengthRight) this.isSackPermitted = true;
        break;
      case OPTION.sack:
        // RFC 2018 §3: eight bytes for each block. One without blocks is seen in real traffic.
        isLengthRight = length % 8 === 2;
        isDuplicate = this.#hasSack;
        this.#hasSack = true;
        break;
      case OPTION.timestamps:
        isLengthRight = length === TIMESTAMPS_BYTES;
        isDuplicate = this.hasTimestamps;
        if (isLengthRight && !isDuplicate) this.#readTimestamps(bytes, at);
        break;
      case OPTION.md5Signature:
      case OPTION.authentication:
        this.isSigned = true;
        break;
      default:
        break;
    }
    if (!isLengthRight) return 'tcp.opt_invalid_len';
    return isDuplicate ? 'tcp.opt_duplicate' : null;
  }

  #readTimestamps(bytes: Uint8Array, at: number): void {
    this.hasTimestamps = true;
    this.timestamp = i32(bytes, at + 2) >>> 0;
    this.timestampEcho = i32(bytes, at + 6) >>> 0;
  }
}

const hasBoth = (flags: number, one: number, other: number): boolean => (flags & (one | other)) === (one | other);

const IS_FLAGS_POSSIBLE = Uint8Array.from({ length: ALL_FLAGS + 1 }, (_, flags) =>
  flags !== 0 &&
  !hasBoth(flags, TCP_FLAG.syn, TCP_FLAG.fin) &&
  !hasBoth(flags, TCP_FLAG.syn, TCP_FLAG.rst) &&
  !hasBoth(flags, TCP_FLAG.rst, TCP_FLAG.fin)
    ? 1
    : 0,
);
