import { EMPTY_BYTES, u8, u16le, u32le, u64le } from '../../base/bytes.ts';
import { SMB2_HEADER_BYTES } from './header.ts';
import { type CommandBytes, partOf } from './message-reader.ts';

/** What stands behind a command's header. Numbers beyond its end are 0. */
export class Smb2Body implements CommandBytes {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly wholeEnd: number;

  constructor({ bytes, start, end, wholeEnd }: CommandBytes) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.wholeEnd = wholeEnd;
  }

  has(at: number, count: number): boolean {
    return this.start + SMB2_HEADER_BYTES + at + count <= this.end;
  }

  u8(at: number): number {
    return this.has(at, 1) ? u8(this.bytes, this.start + SMB2_HEADER_BYTES + at) : 0;
  }

  u16(at: number): number {
    return this.has(at, 2) ? u16le(this.bytes, this.start + SMB2_HEADER_BYTES + at) : 0;
  }

  u32(at: number): number {
    return this.has(at, 4) ? u32le(this.bytes, this.start + SMB2_HEADER_BYTES + at) : 0;
  }

  u64(at: number): number {
    return this.has(at, 8) ? u64le(this.bytes, this.start + SMB2_HEADER_BYTES + at) : 0;
  }

  /** A copy; the caller has asked `has`. */
  slice(start: number, end: number): Uint8Array {
    const origin = this.start + SMB2_HEADER_BYTES;
    return this.bytes.slice(origin + start, origin + end);
  }

  /** What an offset and a length (u16 each) at these places name. Null: it is not all there. */
  field(offsetAt: number, lengthAt: number): Uint8Array | null {
    if (!this.has(Math.max(offsetAt, lengthAt), 2)) return null;
    return this.#named(this.u16(offsetAt), this.u16(lengthAt));
  }

  /** The same with u32 each. */
  wideField(offsetAt: number, lengthAt: number): Uint8Array | null {
    if (!this.has(Math.max(offsetAt, lengthAt), 4)) return null;
    return this.#named(this.u32(offsetAt), this.u32(lengthAt));
  }

  #named(offset: number, length: number): Uint8Array | null {
    if (length === 0) return EMPTY_BYTES;
    const start = this.start + offset;
    return offset >= SMB2_HEADER_BYTES && start + length <= this.end ? partOf(this, start, start + length) : null;
  }
}
