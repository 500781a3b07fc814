import { fromLatin1 } from '../base/bytes.ts';
import type { Config } from '../config/config.ts';
import type { Ruleset } from '../detect/ruleset.ts';
import type { EventSink } from '../output/event.ts';
import { Pipeline } from '../pipeline.ts';
import { CHECKSUM, IP_PROTOCOL, LINK, Packet } from '../wire/packet.ts';

/**
 * Has a pipeline of its own judge a short conversation by these rules. Throws what inspection throws, which would be our
 * own mistake: better before the rules are in use than behind it.
 */
export function selfTest(ruleset: Ruleset, config: Config): void {
  const pipeline = new Pipeline({
    config,
    mode: 'prevent',
    ruleset,
    sink: DEAF,
    seed: [1, 2],
    midstreamUntilMs: Number.POSITIVE_INFINITY,
  });
  for (const [index, bytes] of conversation().entries()) {
    const packet = new Packet();
    packet.bytes = bytes;
    packet.start = 0;
    packet.end = bytes.length;
    packet.wireBytes = bytes.length;
    packet.linkType = LINK.rawIp;
    packet.timeMs = index;
    packet.checksum = CHECKSUM.trusted;
    pipeline.process(packet);
  }
  pipeline.finish();
  if (pipeline.counters.get('flow.total') !== CONNECTIONS) throw new Error('the self-test was not followed');
}

/** Nobody listens: it is only a test. */
const DEAF: EventSink = { alert() {}, anomaly() {}, drop() {}, stats() {} };

const REQUEST = 'POST /index.html?a=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nx=1';
const RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok';
/** RFC 1035 §4.1: a query for the addresses of example.com. */
const QUERY = '\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01';

/** RFC 5737: addresses for documentation. */
const CLIENT = [192, 0, 2, 1];
const SERVER = [192, 0, 2, 2];
const CLIENT_PORT = 40_000;
const HTTP_PORT = 80;
const DNS_PORT = 53;
const SYN = 0x02;
const ACK = 0x10;
const SYN_ACK = SYN | ACK;
const PSH_ACK = 0x18;
const FIN_ACK = 0x11;

const CONNECTIONS = 2;

function conversation(): Uint8Array[] {
  const [sent, answered] = [REQUEST.length + 1, RESPONSE.length + 1];
  return [
    tcp(true, SYN, 0, 0, ''),
    tcp(false, SYN_ACK, 0, 1, ''),
    tcp(true, ACK, 1, 1, ''),
    tcp(true, PSH_ACK, 1, 1, REQUEST),
    tcp(false, PSH_ACK, 1, sent, RESPONSE),
    tcp(true, FIN_ACK, sent, answered, ''),
    tcp(false, FIN_ACK, answered, sent + 1, ''),
    udp(QUERY),
  ];
}

/** RFC 9293 §3.1, without options. */
function tcp(isToServer: boolean, flags: number, sequence: number, acknowledged: number, payload: string): Uint8Array {
  const segment = new DataView(new ArrayBuffer(20));
  segment.setUint16(0, isToServer ? CLIENT_PORT : HTTP_PORT);
  segment.setUint16(2, isToServer ? HTTP_PORT : CLIENT_PORT);
  segment.setUint32(4, sequence);
  segment.setUint32(8, acknowledged);
  segment.setUint8(12, 0x50);
  segment.setUint8(13, flags);
  segment.setUint16(14, 0xffff);
  return ip(IP_PROTOCOL.tcp, isToServer, segment, payload);
}

/** RFC 768. */
function udp(payload: string): Uint8Array {
  const header = new DataView(new ArrayBuffer(8));
  header.setUint16(0, CLIENT_PORT);
  header.setUint16(2, DNS_PORT);
  header.setUint16(4, header.byteLength + payload.length);
  return ip(IP_PROTOCOL.udp, true, header, payload);
}

/** RFC 791 §3.1, without options. */
function ip(protocol: number, isToServer: boolean, transport: DataView, payload: string): Uint8Array {
  const header = new DataView(new ArrayBuffer(20));
  const totalBytes = header.byteLength + transport.byteLength + payload.length;
  header.setUint8(0, 0x45);
  header.setUint16(2, totalBytes);
  header.setUint8(8, 64);
  header.setUint8(9, protocol);
  const packet = new Uint8Array(totalBytes);
  packet.set(new Uint8Array(header.buffer), 0);
  packet.set(isToServer ? CLIENT : SERVER, 12);
  packet.set(isToServer ? SERVER : CLIENT, 16);
  packet.set(new Uint8Array(transport.buffer), header.byteLength);
  packet.set(fromLatin1(payload), header.byteLength + transport.byteLength);
  return packet;
}
