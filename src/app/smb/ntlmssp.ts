import { u8, u16le, u32le } from '../../base/bytes.ts';
import { nameOf } from './name.ts';

/** Who logs on, as [MS-NLMP] §2.2.1.3 has it. Names as sent, without the bytes of 0 that two-byte characters have. */
export interface NtlmAccount {
  readonly domain: Uint8Array;
  readonly user: Uint8Array;
  readonly host: Uint8Array;
  /** `10.0 build 19041 rev 15`; null: not said. */
  readonly version: string | null;
}

const SIGNATURE = Buffer.from('NTLMSSP\0', 'latin1');
const AUTHENTICATE = 3;
const MESSAGE_TYPE = 8;
/** Each field: length (u16), space (u16), offset from the signature (u32). */
const FIELD_BYTES = 8;
const DOMAIN = 28;
const USER = 36;
const HOST = 44;
const FLAGS = 60;
const VERSION = 64;
const HEAD_BYTES = 64;
const VERSION_BYTES = 8;
/** What is kept of a name; those of accounts have 256 characters at most. Ours. */
const MAX_ACCOUNT_BYTES = 1024;
const HAS_VERSION = 0x0200_0000;

/**
 * The account of an AUTHENTICATE message within a security blob, in whatever it is wrapped. Null: there is no such
 * message; `malformed`: its fields lie outside it.
 */
export function readNtlmAccount(bytes: Uint8Array, start: number, end: number): NtlmAccount | 'malformed' | null {
  const found = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).indexOf(SIGNATURE);
  if (found < 0) return null;
  const at = start + found;
  if (end - at < MESSAGE_TYPE + 4) return 'malformed';
  if (u32le(bytes, at + MESSAGE_TYPE) !== AUTHENTICATE) return null;
  if (end - at < HEAD_BYTES) return 'malformed';
  const domain = readField(bytes, at, end, DOMAIN);
  const user = readField(bytes, at, end, USER);
  const host = readField(bytes, at, end, HOST);
  if (domain === null || user === null || host === null) return 'malformed';
  const hasVersion = (u32le(bytes, at + FLAGS) & HAS_VERSION) !== 0 && end - at >= VERSION + VERSION_BYTES;
  return { domain, user, host, version: hasVersion ? readVersion(bytes, at + VERSION) : null };
}

function readField(bytes: Uint8Array, at: number, end: number, field: number): Uint8Array | null {
  const length = u16le(bytes, at + field);
  const start = at + u32le(bytes, at + field + FIELD_BYTES - 4);
  return start + length <= end ? nameOf(bytes, start, start + Math.min(length, MAX_ACCOUNT_BYTES)) : null;
}

const readVersion = (bytes: Uint8Array, at: number): string =>
  `${u8(bytes, at)}.${u8(bytes, at + 1)} build ${u16le(bytes, at + 2)} rev ${u8(bytes, at + 7)}`;
