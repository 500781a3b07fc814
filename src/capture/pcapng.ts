import { u8, u16, u16le, u32, u32le } from '../base/bytes.ts';
import {
  type CapturedPacket,
  type CaptureReader,
  linkTypeOf,
  MAX_CAPTURED_BYTES,
  MAX_TIME_MS,
  MAX_WIRE_BYTES,
  Malformed,
} from './capture-format.ts';

// draft-ietf-opsawg-pcapng §3.1, §4: the same number in both byte orders for a section, so that it can be found.
const BLOCK = {
  section: 0x0a0d0d0a,
  interface: 1,
  /** Obsolete, appendix A. */
  packet: 2,
  simplePacket: 3,
  enhancedPacket: 6,
} as const;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
/** Type, length, and the length again at the end. */
const BLOCK_HEADER_BYTES = 8;
const BLOCK_TRAILER_BYTES = 4;
const MIN_BLOCK_BYTES = BLOCK_HEADER_BYTES + BLOCK_TRAILER_BYTES;
/** A section's byte order stands behind its length, which is needed to read that. */
const NEEDED_BYTES = 12;
const OPTION = { end: 0, timeResolution: 9, timeOffset: 14 } as const;
const DEFAULT_UNITS_PER_SECOND = 1e6;

/** Blocks that are read are kept whole until then: a packet, and far more options than any program writes. */
const MAX_BLOCK_BYTES = MAX_CAPTURED_BYTES + 2 ** 20;
/** The obsolete packet block had 16 bits for them. */
const MAX_INTERFACES = 65_536;

interface CaptureInterface {
  readonly linkTypeNumber: number;
  readonly snaplen: number;
  readonly unitsPerSecond: number;
  readonly offsetSeconds: number;
}

export const isPcapng = (start: Uint8Array): boolean => u32(start, 0) === BLOCK.section;

/** pcapng files: any number of sections of either byte order, interfaces of any supported link type in each. */
export class PcapngReader implements CaptureReader {
  neededBytes = NEEDED_BYTES;
  readonly #packet: CapturedPacket;
  readonly #onPacket: () => void;
  #isSectionRead = false;
  #isLittleEndian = false;
  readonly #interfaces: CaptureInterface[] = [];
  /** Of a block that is not read and whose end has not come yet. */
  #bytesToSkip = 0;

  constructor(packet: CapturedPacket, onPacket: () => void) {
    this.#packet = packet;
    this.#onPacket = onPacket;
  }

  get missingAtEnd(): string | null {
    if (!this.#isSectionRead) return 'a section header block';
    return this.#bytesToSkip > 0 ? `${this.#bytesToSkip} more bytes of the last block` : null;
  }

  read(bytes: Buffer, offset: number): number {
    let at = 0;
    this.neededBytes = 1;
    for (;;) {
      const skipped = Math.min(this.#bytesToSkip, bytes.length - at);
      at += skipped;
      this.#bytesToSkip -= skipped;
      if (bytes.length - at < NEEDED_BYTES) {
        if (this.#bytesToSkip === 0) this.neededBytes = NEEDED_BYTES;
        return at;
      }
      const type = this.#u32(bytes, at);
      if (type === BLOCK.section) this.#readByteOrder(bytes, at, offset + at);
      const length = this.#u32(bytes, at + 4);
      if (length < MIN_BLOCK_BYTES || length % 4 !== 0) {
        throw new Malformed(
          offset + at,
          `a block of ${length} bytes: expected a multiple of 4, at least ${MIN_BLOCK_BYTES}`,
        );
      }
      if (!isRead(type)) {
        this.#bytesToSkip = length;
        continue;
      }
      if (length > MAX_BLOCK_BYTES) {
        throw new Malformed(offset + at, `a block of ${length} bytes: expected at most ${MAX_BLOCK_BYTES}`);
      }
      if (length > bytes.length - at) {
        this.neededBytes = length;
        return at;
      }
      const trailer = this.#u32(bytes, at + length - BLOCK_TRAILER_BYTES);
      if (trailer !== length) {
        throw new Malformed(
          offset + at,
          `a block that ends with the length ${trailer}: expected ${length}, as at its start`,
        );
      }
      this.#readBlock(type, bytes, at + BLOCK_HEADER_BYTES, at + length - BLOCK_TRAILER_BYTES, offset + at);
      at += length;
    }
  }

  #readByteOrder(bytes: Buffer, at: number, offset: number): void {
    if (u32le(bytes, at + BLOCK_HEADER_BYTES) === BYTE_ORDER_MAGIC) this.#isLittleEndian = true;
    else if (u32(bytes, at + BLOCK_HEADER_BYTES) === BYTE_ORDER_MAGIC) this.#isLittleEndian = false;
    else throw new Malformed(offset, 'a section without the byte-order magic 0x1a2b3c4d');
  }

  /** The body is `bytes[start, end)`. */
  #readBlock(type: number, bytes: Buffer, start: number, end: number, offset: number): void {
    switch (type) {
      case BLOCK.section:
        this.#readSection(bytes, start, end, offset);
        break;
      case BLOCK.interface:
        this.#readInterface(bytes, start, end, offset);
        break;
      case BLOCK.simplePacket:
        this.#readSimplePacket(bytes, start, end, offset);
        break;
      default:
        this.#readPacket(type, bytes, start, end, offset);
    }
  }

  #readSection(bytes: Buffer, start: number, end: number, offset: number): void {
    requireBody(start, end, 16, offset);
    const major = this.#u16(bytes, start + 4);
    if (major !== 1) throw new Malformed(offset, `version ${major} of the format: expected 1`);
    this.#isSectionRead = true;
    this.#interfaces.length = 0;
  }

  #readInterface(bytes: Buffer, start: number, end: number, offset: number): void {
    requireBody(start, end, 8, offset);
    if (this.#interfaces.length === MAX_INTERFACES)
      throw new Malformed(offset, `more than ${MAX_INTERFACES} interfaces`);
    let unitsPerSecond = DEFAULT_UNITS_PER_SECOND;
    let offsetSeconds = 0;
    let at = start + 8;
    while (end - at >= 4) {
      const code = this.#u16(bytes, at);
      const length = this.#u16(bytes, at + 2);
      at += 4;
      if (code === OPTION.end) break;
      if (length > end - at) throw new Malformed(offset, `an option of ${length} bytes: expected at most ${end - at}`);
      if (code === OPTION.timeResolution && length === 1) {
        const resolution = u8(bytes, at);
        unitsPerSecond = (resolution & 0x80) !== 0 ? 2 ** (resolution & 0x7f) : 10 ** resolution;
      } else if (code === OPTION.timeOffset && length === 8) {
        offsetSeconds = Number(this.#isLittleEndian ? bytes.readBigInt64LE(at) : bytes.readBigInt64BE(at));
      }
      at += (length + 3) & ~3;
    }
    this.#interfaces.push({
      linkTypeNumber: this.#u16(bytes, start),
      snaplen: this.#u32(bytes, start + 4),
      unitsPerSecond,
      offsetSeconds,
    });
  }

  /** Enhanced and obsolete packet blocks differ in the interface number's width only. */
  #readPacket(type: number, bytes: Buffer, start: number, end: number, offset: number): void {
    requireBody(start, end, 20, offset);
    const number = type === BLOCK.packet ? this.#u16(bytes, start) : this.#u32(bytes, start);
    const source = this.#interface(number, offset);
    this.#packet.timeMs = timeMs(this.#u32(bytes, start + 4), this.#u32(bytes, start + 8), source, offset);
    const capturedBytes = this.#u32(bytes, start + 12);
    this.#deliver(bytes, start + 20, end, capturedBytes, this.#u32(bytes, start + 16), source, offset);
  }

  /** It has no time of its own: that of the packet before. Its interface is the first of the section. */
  #readSimplePacket(bytes: Buffer, start: number, end: number, offset: number): void {
    requireBody(start, end, 4, offset);
    const source = this.#interface(0, offset);
    const originalBytes = this.#u32(bytes, start);
    const capturedBytes = source.snaplen > 0 ? Math.min(originalBytes, source.snaplen) : originalBytes;
    this.#deliver(bytes, start + 4, end, capturedBytes, originalBytes, source, offset);
  }

  #deliver(
    bytes: Buffer,
    start: number,
    blockEnd: number,
    capturedBytes: number,
    originalBytes: number,
    source: CaptureInterface,
    offset: number,
  ): void {
    const maxBytes = Math.min(MAX_CAPTURED_BYTES, blockEnd - start);
    if (capturedBytes > maxBytes) {
      throw new Malformed(offset, `a captured length of ${capturedBytes} bytes: expected at most ${maxBytes}`);
    }
    if (originalBytes > MAX_WIRE_BYTES) {
      throw new Malformed(offset, `an original length of ${originalBytes} bytes: expected at most ${MAX_WIRE_BYTES}`);
    }
    const packet = this.#packet;
    packet.linkType = linkTypeOf(source.linkTypeNumber, offset);
    packet.bytes = bytes;
    packet.start = start;
    packet.end = start + capturedBytes;
    packet.wireBytes = Math.max(originalBytes, capturedBytes);
    this.#onPacket();
  }

  #interface(number: number, offset: number): CaptureInterface {
    const found = this.#interfaces[number];
    if (found !== undefined) return found;
    throw new Malformed(offset, `a packet of interface ${number}: the section has ${this.#interfaces.length}`);
  }

  #u16(bytes: Uint8Array, at: number): number {
    return this.#isLittleEndian ? u16le(bytes, at) : u16(bytes, at);
  }

  #u32(bytes: Uint8Array, at: number): number {
    return this.#isLittleEndian ? u32le(bytes, at) : u32(bytes, at);
  }
}

function isRead(type: number): boolean {
  switch (type) {
    case BLOCK.section:
    case BLOCK.interface:
    case BLOCK.packet:
    case BLOCK.simplePacket:
    case BLOCK.enhancedPacket:
      return true;
    default:
      return false;
  }
}

function requireBody(start: number, end: number, neededBytes: number, offset: number): void {
  if (end - start >= neededBytes) return;
  throw new Malformed(offset, `a block with ${end - start} bytes of content: expected at least ${neededBytes}`);
}

/** Microseconds since 1970 fit a number exactly; other units are cut to microseconds first, by integers. */
function timeMs(high: number, low: number, source: CaptureInterface, offset: number): number {
  const { unitsPerSecond, offsetSeconds } = source;
  const units = high * 2 ** 32 + low;
  const ms =
    unitsPerSecond === 1e6 && Number.isSafeInteger(units)
      ? units / 1000
      : Number((((BigInt(high) << 32n) | BigInt(low)) * 1_000_000n) / BigInt(unitsPerSecond)) / 1000;
  const sinceEpoch = ms + offsetSeconds * 1000;
  if (sinceEpoch >= 0 && sinceEpoch <= MAX_TIME_MS) return sinceEpoch;
  throw new Malformed(offset, `a time of ${sinceEpoch} ms: expected 0 to ${MAX_TIME_MS}`);
}
