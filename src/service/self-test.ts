import { fromLatin1 } from '../base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import type { Config } from '../config/config.ts';
import type { Ruleset } from '../detect/ruleset.ts';
import type { EventSink } from '../output/event.ts';
import { type Turn, tcpPackets, udpPackets } from '../patches/conversation.ts';
import { Pipeline } from '../pipeline.ts';
import { CHECKSUM, LINK, Packet } from '../wire/packet.ts';

/**
 * Has a pipeline of its own judge a short conversation by these rules. Throws what inspection throws, which would be
 * our own mistake: better before the rules are in use than behind it.
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

const HTTP_PORT = 80;
const DNS_PORT = 53;
/** The usual one of Ethernet. */
const SEGMENT_BYTES = 1460;
const CONNECTIONS = 2;

function conversation(): Uint8Array[] {
  const exchange: Turn[] = [
    { direction: TO_SERVER, bytes: fromLatin1(REQUEST) },
    { direction: TO_CLIENT, bytes: fromLatin1(RESPONSE) },
  ];
  const query: Turn[] = [{ direction: TO_SERVER, bytes: fromLatin1(QUERY) }];
  return [...tcpPackets(exchange, HTTP_PORT, SEGMENT_BYTES), ...udpPackets(query, DNS_PORT)].flat();
}
