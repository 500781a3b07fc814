import { EventEmitter } from 'node:events';
import { parse } from 'pcap-parser';
import { u16, u16le, u32, u32le } from '../base/bytes.ts';
import type { LinkType } from '../wire/packet.ts';
import {
  type CapturedPacket,
  type CaptureReader,
  linkTypeOf,
  MAX_CAPTURED_BYTES,
  MAX_WIRE_BYTES,
  Malformed,
} from './capture-format.ts';

/** First four bytes of a classic capture file, read in its own byte order: microseconds, nanoseconds. */
const MAGIC = { micro: 0xa1b2c3d4, nano: 0xa1b23c4d } as const;

// draft-ietf-opsawg-pcap §4 and §5, offsets in bytes.
const FILE_HEADER_BYTES = 24;
const MAJOR = 4;
const MINOR = 6;
const SNAPLEN = 16;
const LINK_TYPE = 20;
const RECORD_HEADER_BYTES = 16;
const CAPTURED = 8;
const ORIGINAL = 12;
/** Some programs write a small snapshot length and then whole packets. */
const LEAST_SNAPLEN_BYTES = 65_535;

export const isPcap = (start: Uint8Array): boolean => [u32(start, 0), u32le(start, 0)].some(isMagic);

/**
 * Classic capture files, of both byte orders and both units of time. `pcap-parser` takes the records apart; it trusts
 * every length and knows microseconds only, so nothing gets to it that was not checked here.
 */
export class PcapReader implements CaptureReader {
  neededBytes = FILE_HEADER_BYTES;
  readonly #packet: CapturedPacket;
  readonly #onPacket: () => void;
  readonly #feed = new Feed();
  #isHeaderRead = false;
  #isLittleEndian = false;
  #maxCapturedBytes = 0;
  /** Fractions of a second to microseconds. */
  #fractionsPerMicrosecond = 1;

  constructor(packet: CapturedPacket, onPacket: () => void) {
    this.#packet = packet;
    this.#onPacket = onPacket;
  }

  get missingAtEnd(): string | null {
    return this.#isHeaderRead ? null : `the file header, which has ${FILE_HEADER_BYTES} bytes`;
  }

  read(bytes: Buffer, offset: number): number {
    let at = 0;
    if (!this.#isHeaderRead) {
      this.#readFileHeader(bytes, offset);
      at = FILE_HEADER_BYTES;
    }
    this.neededBytes = RECORD_HEADER_BYTES;
    while (bytes.length - at >= RECORD_HEADER_BYTES) {
      const capturedBytes = this.#u32(bytes, at + CAPTURED);
      const fault = this.#recordFault(capturedBytes, this.#u32(bytes, at + ORIGINAL));
      if (fault !== null) {
        this.#feed.push(bytes, at);
        throw new Malformed(offset + at, fault);
      }
      const end = at + RECORD_HEADER_BYTES + capturedBytes;
      if (end > bytes.length) {
        this.neededBytes = end - at;
        break;
      }
      at = end;
    }
    this.#feed.push(bytes, at);
    return at;
  }

  #readFileHeader(bytes: Buffer, offset: number): void {
    this.#isLittleEndian = isMagic(u32le(bytes, 0));
    const major = this.#u16(bytes, MAJOR);
    const minor = this.#u16(bytes, MINOR);
    if (major !== 2 || minor !== 4)
      throw new Malformed(offset, `version ${major}.${minor} of the format: expected 2.4`);
    // The upper 16 bits tell of a frame check sequence; the IP length leaves it out.
    const linkType = linkTypeOf(this.#u32(bytes, LINK_TYPE) & 0xffff, offset);
    const snaplen = this.#u32(bytes, SNAPLEN);
    this.#maxCapturedBytes = Math.min(Math.max(snaplen, LEAST_SNAPLEN_BYTES), MAX_CAPTURED_BYTES);
    if (this.#u32(bytes, 0) === MAGIC.nano) {
      this.#fractionsPerMicrosecond = 1000;
      if (this.#isLittleEndian) bytes.writeUInt32LE(MAGIC.micro, 0);
      else bytes.writeUInt32BE(MAGIC.micro, 0);
    }
    this.#isHeaderRead = true;
    this.#startParser(linkType);
  }

  #startParser(linkType: LinkType): void {
    const packet = this.#packet;
    packet.linkType = linkType;
    packet.start = 0;
    const parser = parse(this.#feed);
    parser.on('packet', ({ header, data }) => {
      packet.bytes = data;
      packet.end = data.length;
      // Some programs leave the original length out.
      packet.wireBytes = Math.max(header.originalLength, data.length);
      // One division, so that the nearest number to the time is what comes out.
      const microseconds = header.timestampMicroseconds / this.#fractionsPerMicrosecond;
      packet.timeMs = (header.timestampSeconds * 1e6 + microseconds) / 1000;
      this.#onPacket();
    });
    parser.on('error', (error) => {
      throw new Error(`pcap-parser refused what was checked before: ${error.message}`, { cause: error });
    });
  }

  #recordFault(capturedBytes: number, originalBytes: number): string | null {
    if (capturedBytes > this.#maxCapturedBytes) {
      return `a captured length of ${capturedBytes} bytes: expected at most ${this.#maxCapturedBytes}`;
    }
    if (originalBytes > MAX_WIRE_BYTES) {
      return `an original length of ${originalBytes} bytes: expected at most ${MAX_WIRE_BYTES}`;
    }
    return null;
  }

  #u16(bytes: Uint8Array, at: number): number {
    return this.#isLittleEndian ? u16le(bytes, at) : u16(bytes, at);
  }

  #u32(bytes: Uint8Array, at: number): number {
    return this.#isLittleEndian ? u32le(bytes, at) : u32(bytes, at);
  }
}

const isMagic = (value: number): boolean => value === MAGIC.micro || value === MAGIC.nano;

/** What `pcap-parser` takes for a stream. It is given whole records only, so that it has nothing to keep. */
class Feed extends EventEmitter {
  push(bytes: Buffer, end: number): void {
    if (end > 0) this.emit('data', bytes.subarray(0, end));
  }

  pause(): void {}

  resume(): void {}
}
