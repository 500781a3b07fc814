import { latin1, u8, u16, u16le, u32, u32le } from '../../base/bytes.ts';

/** Of a connection-oriented PDU (C706 §12.6.3.1, [MS-RPCE] §2.2.2). */
export const HEADER_BYTES = 16;
const MINOR_VERSION = 1;
const TYPE = 2;
const FLAGS = 3;
const DATA_REPRESENTATION = 4;
const LITTLE_ENDIAN = 0x10;
const FRAGMENT_LENGTH = 8;
const CALL_ID = 12;

/** C706 §12.6.3.1. */
export const PDU = {
  request: 0,
  response: 2,
  fault: 3,
  bind: 11,
  bindAck: 12,
  bindNak: 13,
  alterContext: 14,
  alterContextResponse: 15,
} as const;
/** The last one that is assigned: RTS of [MS-RPCH]. */
const LAST_TYPE = 20;

export const FIRST_FRAGMENT = 0x01;
export const LAST_FRAGMENT = 0x02;
/** An object UUID stands before the stub. */
const HAS_OBJECT = 0x80;
const OBJECT_BYTES = 16;

/** What stands in front of every fragment. */
export interface PduHeader {
  readonly type: number;
  readonly flags: number;
  readonly isLittleEndian: boolean;
  /** With the header. */
  readonly fragmentBytes: number;
  readonly callId: number;
}

/** Of at least HEADER_BYTES. Null: this is no fragment of DCERPC 5. */
export function readHeader(bytes: Uint8Array, at: number): PduHeader | null {
  if (u8(bytes, at) !== VERSION || u8(bytes, at + MINOR_VERSION) > 1 || u8(bytes, at + TYPE) > LAST_TYPE) return null;
  // Servers heed this bit alone, whatever the others say.
  const isLittleEndian = (u8(bytes, at + DATA_REPRESENTATION) & LITTLE_ENDIAN) !== 0;
  const fragmentBytes = (isLittleEndian ? u16le : u16)(bytes, at + FRAGMENT_LENGTH);
  if (fragmentBytes < HEADER_BYTES) return null;
  const callId = (isLittleEndian ? u32le : u32)(bytes, at + CALL_ID);
  return { type: u8(bytes, at + TYPE), flags: u8(bytes, at + FLAGS), isLittleEndian, fragmentBytes, callId };
}

/** Is it also like what clients and servers send? For finding one where anything could be. */
export function looksLikeHeader(bytes: Uint8Array, at: number): boolean {
  // C706 §14.1: integers are big- or little-endian, characters ASCII or EBCDIC; four ways to write other numbers.
  const isUsual = (u8(bytes, at + DATA_REPRESENTATION) & 0xee) === 0 && u8(bytes, at + DATA_REPRESENTATION + 1) <= 3;
  return isUsual && readHeader(bytes, at) !== null;
}

/** Could a fragment begin with these bytes, however few they are? */
export function mayBeginPdu(bytes: Uint8Array): boolean {
  if (bytes.length >= HEADER_BYTES) return readHeader(bytes, 0) !== null;
  const [version = VERSION, minorVersion = 0, type = 0] = bytes;
  return version === VERSION && minorVersion <= 1 && type <= LAST_TYPE;
}

/** What a bind or an alter_context offers: an interface, to be called by the number of its context. */
export interface OfferedInterface {
  readonly contextId: number;
  /** 16 bytes, as they are written: of aabbccdd-... the first is aa. One character per byte. */
  readonly uuid: string;
  readonly version: number;
  readonly minorVersion: number;
}

const BIND_HEAD_BYTES = 12;
const CONTEXT_HEAD_BYTES = 24;
const SYNTAX_BYTES = 20;

/** The interfaces of a fragment whose header is at `start`. Null if it cannot be read. */
export function readBind(
  bytes: Uint8Array,
  start: number,
  end: number,
  { isLittleEndian }: PduHeader,
): OfferedInterface[] | null {
  const number = isLittleEndian ? u16le : u16;
  let at = start + HEADER_BYTES + BIND_HEAD_BYTES;
  if (at > end) return null;
  const offered: OfferedInterface[] = [];
  for (let left = u8(bytes, start + HEADER_BYTES + 8); left > 0; left--) {
    if (at + CONTEXT_HEAD_BYTES > end) return null;
    const transferSyntaxes = u8(bytes, at + 2);
    offered.push({
      contextId: number(bytes, at),
      uuid: readUuid(bytes, at + 4, isLittleEndian),
      version: number(bytes, at + 20),
      minorVersion: number(bytes, at + 22),
    });
    at += CONTEXT_HEAD_BYTES + transferSyntaxes * SYNTAX_BYTES;
  }
  return offered;
}

/** Which of the offered contexts were accepted, in their order: 0 says yes. Null if the fragment cannot be read. */
export function readBindAck(
  bytes: Uint8Array,
  start: number,
  end: number,
  { isLittleEndian }: PduHeader,
): number[] | null {
  const number = isLittleEndian ? u16le : u16;
  const addressAt = start + HEADER_BYTES + 8;
  if (addressAt + 2 > end) return null;
  const addressBytes = 2 + number(bytes, addressAt);
  // The list is aligned to four bytes, counted from the start of the fragment.
  const listAt = start + Math.ceil((addressAt - start + addressBytes) / 4) * 4;
  if (listAt + 4 > end) return null;
  const results: number[] = [];
  for (let n = 0; n < u8(bytes, listAt); n++) {
    const at = listAt + 4 + n * (4 + SYNTAX_BYTES);
    if (at + 4 > end) return null;
    results.push(number(bytes, at));
  }
  return results;
}

const CALL_HEAD_BYTES = 8;

/** The operation that a request names, and where its stub begins. Null if the fragment is too short. */
export function readRequest(
  bytes: Uint8Array,
  start: number,
  end: number,
  { isLittleEndian, flags }: PduHeader,
): { readonly contextId: number; readonly opnum: number; readonly stubStart: number } | null {
  const number = isLittleEndian ? u16le : u16;
  const headEnd = start + HEADER_BYTES + CALL_HEAD_BYTES;
  const stubStart = headEnd + ((flags & HAS_OBJECT) === 0 ? 0 : OBJECT_BYTES);
  if (stubStart > end) return null;
  return { contextId: number(bytes, headEnd - 4), opnum: number(bytes, headEnd - 2), stubStart };
}

/** Where the stub of a response begins. Null if the fragment is too short. */
export function responseStubStart(start: number, end: number): number | null {
  const stubStart = start + HEADER_BYTES + CALL_HEAD_BYTES;
  return stubStart > end ? null : stubStart;
}

const VERSION = 5;

/** In a little-endian message, so are the first three fields. */
function readUuid(bytes: Uint8Array, at: number, isLittleEndian: boolean): string {
  const text = latin1(bytes, at, at + 16);
  if (!isLittleEndian) return text;
  return LITTLE_ENDIAN_ORDER.map((index) => text[index]).join('') + text.slice(LITTLE_ENDIAN_ORDER.length);
}

const LITTLE_ENDIAN_ORDER = [3, 2, 1, 0, 5, 4, 7, 6];

/** As people write it. */
export const uuidText = (uuid: string): string =>
  Buffer.from(uuid, 'latin1')
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');

/** Suricata's names. */
export function typeName(type: number): string {
  return TYPE_NAMES[type] ?? `${type}`;
}

const TYPE_NAMES = (
  'REQUEST PING RESPONSE FAULT WORKING NOCALL REJECT ACK CL_CANCEL FACK CANCEL_ACK BIND BINDACK BINDNAK ' +
  'ALTER_CONTEXT ALTER_CONTEXT_RESP AUTH3 SHUTDOWN CO_CANCEL ORPHANED RTS'
).split(' ');
