import { u8, u16 } from '../../base/bytes.ts';
import { type Direction, TO_SERVER } from '../../base/direction.ts';
import { isSsl2Hello } from './parser.ts';
import { SSL2_PREFIX_BYTES } from './record-reader.ts';

/**
 * The first record tells: a client begins with its handshake, or with a hello in the form of SSLv2; a server may answer
 * with an alert, and be seen from the middle on.
 */
export function probeTls(direction: Direction, bytes: Uint8Array, start: number, end: number): 'yes' | 'no' | 'more' {
  const first = u8(bytes, start);
  if (first >= 0x80) return direction === TO_SERVER ? probeSsl2(bytes, start, end) : 'no';
  const isExpected = direction === TO_SERVER ? first === HANDSHAKE : first >= ALERT && first <= APPLICATION_DATA;
  if (!isExpected) return 'no';
  if (start + 1 === end) return 'more';
  if (u8(bytes, start + 1) !== MAJOR_VERSION) return 'no';
  if (start + 2 === end) return 'more';
  return u8(bytes, start + 2) <= MAX_MINOR_VERSION ? 'yes' : 'no';
}

function probeSsl2(bytes: Uint8Array, start: number, end: number): 'yes' | 'no' | 'more' {
  const messageStart = start + 2;
  if (end > messageStart && u8(bytes, messageStart) !== CLIENT_HELLO) return 'no';
  if (end - messageStart < SSL2_PREFIX_BYTES) return 'more';
  const version = u16(bytes, messageStart + 1);
  if (version !== SSL2_VERSION && version >> 8 !== MAJOR_VERSION) return 'no';
  const prefix = bytes.subarray(messageStart, messageStart + SSL2_PREFIX_BYTES);
  return isSsl2Hello(prefix, u16(bytes, start) & 0x7fff) ? 'yes' : 'no';
}

const ALERT = 21;
const HANDSHAKE = 22;
const APPLICATION_DATA = 23;
const MAJOR_VERSION = 3;
/** TLS 1.3 itself says 3 here; nobody sends more. */
const MAX_MINOR_VERSION = 4;
const CLIENT_HELLO = 1;
const SSL2_VERSION = 2;
