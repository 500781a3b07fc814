/**
 * Blocks of pcapng files, draft-ietf-opsawg-pcapng §4, in one byte order. A file is some of them, one after the other.
 */
export class PcapngBlocks {
  readonly isBigEndian: boolean;
  constructor(isBigEndian = false) {
    this.isBigEndian = isBigEndian;
  }

  u16(value: number): Buffer {
    const bytes = Buffer.alloc(2);
    if (this.isBigEndian) bytes.writeUInt16BE(value);
    else bytes.writeUInt16LE(value);
    return bytes;
  }
  u32(value: number): Buffer {
    const bytes = Buffer.alloc(4);
    if (this.isBigEndian) bytes.writeUInt32BE(value);
    else bytes.writeUInt32LE(value);
    return bytes;
  }
  i64(value: bigint): Buffer {
    const bytes = Buffer.alloc(8);
    if (this.isBigEndian) bytes.writeBigInt64BE(value);
    else bytes.writeBigInt64LE(value);
    return bytes;
  }
  block(type: number, ...content: readonly Uint8Array[]): Buffer {
    const body = padded(Buffer.concat(content));
    const length = this.u32(body.length + 12);
    return Buffer.concat([this.u32(type), length, body, length]);
  }
  option(code: number, value: Uint8Array): Buffer {
    return Buffer.concat([this.u16(code), this.u16(value.length), padded(value)]);
  }
  section(major = 1): Buffer {
    return this.block(0x0a0d0d0a, this.u32(0x1a2b3c4d), this.u16(major), this.u16(0), Buffer.alloc(8, 0xff));
  }
  interface(linkType: number, snaplen = 0, ...options: readonly Uint8Array[]): Buffer {
    return this.block(1, this.u16(linkType), this.u16(0), this.u32(snaplen), ...options);
  }
  enhanced(
    bytes: Uint8Array,
    fields: { of?: number; units?: bigint; captured?: number; original?: number } = {},
  ): Buffer {
    const units = fields.units ?? 0n;
    return this.block(
      6,
      this.u32(fields.of ?? 0),
      this.u32(Number(units >> 32n)),
      this.u32(Number(units & 0xffff_ffffn)),
      this.u32(fields.captured ?? bytes.length),
      this.u32(fields.original ?? bytes.length),
      padded(bytes),
    );
  }
  /** Its length is that of the packet on the wire; the interface's snapshot length says how much is kept. */
  simple(bytes: Uint8Array, original = bytes.length): Buffer {
    return this.block(3, this.u32(original), padded(bytes));
  }
  /** The packet block that the enhanced one replaced. */
  obsolete(bytes: Uint8Array, of: number): Buffer {
    const length = this.u32(bytes.length);
    return this.block(2, this.u16(of), this.u16(3), this.u32(0), this.u32(5_000_000), length, length, padded(bytes));
  }
}

const padded = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
