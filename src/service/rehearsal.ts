import { fromLatin1 } from '../base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import { type Turn, tcpPackets, udpPackets } from '../patches/conversation.ts';
import type { Pipeline } from '../pipeline.ts';
import { CHECKSUM, Packet } from '../wire/packet.ts';

/** How many connections `rehearse` has. */
export const REHEARSED_CONNECTIONS = 3;

/** Has a pipeline judge short conversations of the most usual protocols. Throws what inspection throws. */
export function rehearse(pipeline: Pipeline): void {
  const packet = new Packet();
  packet.checksum = CHECKSUM.trusted;
  for (const [index, bytes] of conversations().entries()) {
    packet.setBytes(bytes);
    packet.timeMs = index;
    pipeline.process(packet);
  }
  pipeline.finish();
}

const GET =
  'GET /index.html?a=1 HTTP/1.1\r\nHost: example.com\r\nUser-Agent: rehearsal\r\nAccept: */*\r\nCookie: a=1\r\n\r\n';
const POST = 'POST /index.html HTTP/1.1\r\nHost: example.com\r\nContent-Length: 3\r\n\r\nx=1';
const RESPONSE =
  'HTTP/1.1 200 OK\r\nServer: rehearsal\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n' +
  'Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nok';

/** RFC 1035 §4.1: a query for the addresses of example.com, and 192.0.2.1 as the answer. */
const QUESTION = '\x07example\x03com\x00\x00\x01\x00\x01';
const QUERY = `\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00${QUESTION}`;
const ANSWER = `\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00${QUESTION}\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01`;

const u16 = (value: number): string => String.fromCharCode(value >> 8, value & 0xff);
const withLength = (text: string): string => u16(text.length) + text;
/** RFC 8446 §5.1: types 22 and 23. */
const handshake = (type: string, body: string): string =>
  `\x16\x03\x03${withLength(`${type}\x00${withLength(`\x03\x03${'\x05'.repeat(32)}${body}`)}`)}`;
const DATA = `\x17\x03\x03${withLength('\x05'.repeat(40))}`;
/** RFC 6066 §3. */
const SERVER_NAME = `\x00\x00${withLength(withLength(`\x00${withLength('example.com')}`))}`;
const CLIENT_HELLO = handshake('\x01', `\x00${withLength('\x13\x01\xc0\x2f')}\x01\x00${withLength(SERVER_NAME)}`);
const SERVER_HELLO = handshake('\x02', '\x00\x13\x01\x00');

const HTTP_PORT = 80;
const TLS_PORT = 443;
const DNS_PORT = 53;
/** The usual one of Ethernet. */
const SEGMENT_BYTES = 1460;

const conversations = (): Uint8Array[] =>
  [
    ...tcpPackets(turns(GET, RESPONSE, POST, RESPONSE), HTTP_PORT, SEGMENT_BYTES),
    ...tcpPackets(turns(CLIENT_HELLO, SERVER_HELLO, DATA, DATA), TLS_PORT, SEGMENT_BYTES),
    ...udpPackets(turns(QUERY, ANSWER), DNS_PORT),
  ].flat();

/** The client begins. */
const turns = (...texts: readonly string[]): Turn[] =>
  texts.map((text, i) => ({ direction: i % 2 === 0 ? TO_SERVER : TO_CLIENT, bytes: fromLatin1(text) }));
