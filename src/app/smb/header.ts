import { u8, u16le, u32le, u64le } from '../../base/bytes.ts';

/** What every message has in front, or in a chain every command; offsets are counted from it. */
export interface SmbHeader {
  readonly version: 1 | 2;
  readonly command: number;
  /** NTSTATUS; of a request, and of DOS errors, nothing to go by. */
  readonly status: number;
  /** SMB1: a DOS error class and code instead of an NTSTATUS. */
  readonly hasDosError: boolean;
  /** Pairs a response with its request. */
  readonly messageKey: number;
  readonly sessionId: number;
  readonly treeId: number;
  /** SMB1: names have two bytes for each character. */
  readonly isUnicode: boolean;
  /** SMB2: it means the file of the command before it in the same message. */
  readonly isRelated: boolean;
  /** SMB2: where the next command begins; 0: this is the last one. */
  readonly nextCommandAt: number;
}

/** [MS-CIFS] §2.2.3.1. */
export const SMB1_HEADER_BYTES = 32;
const DOS_STATUS_FLAG = 0x4000;
const UNICODE_FLAG = 0x8000;

/** [MS-SMB2] §2.2.1. */
export const SMB2_HEADER_BYTES = 64;
const RELATED_FLAG = 0x04;
const ASYNC_FLAG = 0x02;

/** Of at least SMB1_HEADER_BYTES. */
export function readSmb1Header(bytes: Uint8Array, at: number): SmbHeader {
  const flags = u16le(bytes, at + 10);
  return {
    version: 1,
    command: u8(bytes, at + 4),
    status: u32le(bytes, at + 5),
    hasDosError: (flags & DOS_STATUS_FLAG) === 0,
    messageKey: u16le(bytes, at + 30) + u16le(bytes, at + 26) * 2 ** 16,
    sessionId: u16le(bytes, at + 28),
    treeId: u16le(bytes, at + 24),
    isUnicode: (flags & UNICODE_FLAG) !== 0,
    isRelated: false,
    nextCommandAt: 0,
  };
}

/** Of at least SMB2_HEADER_BYTES. */
export function readSmb2Header(bytes: Uint8Array, at: number): SmbHeader {
  const flags = u32le(bytes, at + 16);
  return {
    version: 2,
    command: u16le(bytes, at + 12),
    status: u32le(bytes, at + 8),
    hasDosError: false,
    messageKey: u64le(bytes, at + 24),
    sessionId: u64le(bytes, at + 40),
    treeId: (flags & ASYNC_FLAG) === 0 ? u32le(bytes, at + 36) : 0,
    isUnicode: true,
    isRelated: (flags & RELATED_FLAG) !== 0,
    nextCommandAt: u32le(bytes, at + 20),
  };
}

/** [MS-ERREF] §2.3.1, as far as they make a difference here. */
export const STATUS = {
  success: 0,
  pending: 0x103,
  bufferOverflow: 0x8000_0005,
  moreProcessingRequired: 0xc000_0016,
  endOfFile: 0xc000_0011,
} as const;
