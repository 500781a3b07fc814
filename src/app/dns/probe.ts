import { u8, u16 } from '../../base/bytes.ts';
import { type Direction, TO_CLIENT } from '../../base/direction.ts';
import type { Channel, ProbeAnswer } from '../protocol.ts';
import { DnsMessage, FLAG, HEADER_BYTES } from './message.ts';

const DNS_PORT = 53;
/** Other protocols over UDP whose messages have the same form: NetBIOS names, mDNS, LLMNR. */
const LOOKALIKE_PORTS: readonly number[] = [137, 5353, 5355];
/** RFC 1035 §4.2.2: a TCP message has its length in front. */
export const LENGTH_BYTES = 2;
/**
 * Between other ports, only a message of this length at most is taken for DNS: what fits into a datagram without EDNS.
 */
const MAX_STRICT_BYTES = 512;
/** Query, notify and update: what somebody would send to a port of his own choice. */
const STRICT_OPCODES: readonly number[] = [0, 4, 5];
const STRICT_CLASSES: readonly number[] = [1, 3, 255];

/**
 * From or to port 53 a header that may be DNS is enough, as in Suricata. Between other ports nearly any sixteen bytes
 * are such a header, so there a whole message is wanted, without a fault and with nothing behind it.
 */
export function probeDns(
  direction: Direction,
  bytes: Uint8Array,
  start: number,
  end: number,
  { transport, clientPort, serverPort }: Channel,
): ProbeAnswer {
  const isUsualPort = serverPort === DNS_PORT || clientPort === DNS_PORT;
  if (transport === 'udp') {
    if (LOOKALIKE_PORTS.includes(serverPort) || LOOKALIKE_PORTS.includes(clientPort)) return 'no';
    const looksLikeDns = isUsualPort
      ? isHeader(bytes, start, end, end - start)
      : isStrict(direction, bytes, start, end);
    return looksLikeDns ? 'yes' : 'no';
  }
  if (end - start < LENGTH_BYTES) return isUsualPort || u8(bytes, start) <= MAX_STRICT_BYTES >> 8 ? 'more' : 'no';
  const messageBytes = u16(bytes, start);
  const at = start + LENGTH_BYTES;
  if (isUsualPort) {
    if (messageBytes < HEADER_BYTES) return 'no';
    if (end - at < HEADER_BYTES) return 'more';
    return isHeader(bytes, at, end, messageBytes) ? 'yes' : 'no';
  }
  if (messageBytes < HEADER_BYTES || messageBytes > MAX_STRICT_BYTES) return 'no';
  if (end - at < messageBytes) return end - at < HEADER_BYTES || isStrictHeader(direction, bytes, at) ? 'more' : 'no';
  return isStrict(direction, bytes, at, at + messageBytes) ? 'yes' : 'no';
}

/** Could these bytes begin a message of this length? */
export function isHeader(bytes: Uint8Array, start: number, end: number, messageBytes: number): boolean {
  if (end - start < HEADER_BYTES) return false;
  const questions = u16(bytes, start + 4);
  const records = questions + u16(bytes, start + 6) + u16(bytes, start + 8) + u16(bytes, start + 10);
  // An empty name and a type each; but a server that understood nothing answers with a header alone.
  if (2 * records > messageBytes || (records === 0 && messageBytes > HEADER_BYTES)) return false;
  const isResponse = (u16(bytes, start + 2) & FLAG.response) !== 0;
  return isResponse || questions > 0;
}

function isStrictHeader(direction: Direction, bytes: Uint8Array, start: number): boolean {
  const flags = u16(bytes, start + 2);
  const isResponse = (flags & FLAG.response) !== 0;
  return (
    isResponse === (direction === TO_CLIENT) &&
    (flags & FLAG.z) === 0 &&
    STRICT_OPCODES.includes((flags >> 11) & 0x0f) &&
    u16(bytes, start + 4) === 1
  );
}

function isStrict(direction: Direction, bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < HEADER_BYTES || !isStrictHeader(direction, bytes, start)) return false;
  const message = new DnsMessage(bytes.slice(start, end));
  if (message.isMalformed || message.hasInvalidAdditionals || message.hasTrailingBytes) return false;
  if (message.hasNameLoop || message.hasLongName) return false;
  const [question] = message.questions;
  return question !== undefined && question.name.length > 0 && STRICT_CLASSES.includes(question.class);
}
