import type { StreamOutcome } from '../stream/outcome.ts';
import { IP_PROTOCOL, type Packet } from '../wire/packet.ts';
import { TCP_FLAG } from '../wire/tcp.ts';

/**
 * How far the stages got with a packet. `inspected`: nothing in it can be read by its receiver that was not inspected,
 * or a gap was there that the receiver has too. The others are decided by the configuration. `unknown-connection`: its
 * beginning was not seen, and it is not followed; `unknown-fin`, `unknown-reset`: the end of such a one. `rule-limit`:
 * a rule that blocks was too dear to be tried to its end.
 */
export type Outcome =
  | 'inspected'
  | 'memory-limit'
  | 'rule-limit'
  | 'outside-stream'
  | 'unknown-connection'
  | 'unknown-fin'
  | 'unknown-reset';

/** What TCP tracking did with the packet's bytes, as far as it matters for its verdict. */
export function outcomeOf(outcome: StreamOutcome, packet: Packet): Outcome {
  switch (outcome) {
    case 'inspected':
    case 'kept':
    case 'gap':
      return 'inspected';
    case 'not-tracked':
      return 'unknown-connection';
    case 'stray-end':
      if ((packet.tcpFlags & TCP_FLAG.rst) !== 0) return 'unknown-reset';
      return packet.payloadBytes === 0 ? 'unknown-fin' : 'unknown-connection';
    case 'memory-cap':
    case 'not-compared':
      return 'memory-limit';
    case 'unplaced':
    case 'differs':
    case 'invalid':
    case 'closed':
      return changesStream(packet) ? 'outside-stream' : 'inspected';
    default:
      return outcome satisfies never;
  }
}

/** An urgent pointer takes a byte out of what the application reads, be it one of another packet. */
const changesStream = ({ payloadBytes, tcpFlags }: Packet): boolean =>
  payloadBytes > 0 || (tcpFlags & TCP_FLAG.urg) !== 0;

/** Its payload is, was or will be inspected as part of the stream: rules on the stream do not look at it once more. */
export const belongsToStream = (outcome: StreamOutcome): boolean =>
  outcome === 'inspected' || outcome === 'kept' || outcome === 'gap';

/** Protocols and rules on streams read it as part of its flow, and not at all where it has none. */
export const carriesContent = ({ protocol, payloadBytes }: Packet): boolean =>
  payloadBytes > 0 && (protocol === IP_PROTOCOL.tcp || protocol === IP_PROTOCOL.udp);

/** The first packet that is seen of a flow says that there were others: it is a TCP connection, and no SYN. */
export const beginsMidstream = ({ protocol, tcpFlags }: Packet): boolean =>
  protocol === IP_PROTOCOL.tcp &&
  (tcpFlags & TCP_FLAG.rst) === 0 &&
  (tcpFlags & (TCP_FLAG.syn | TCP_FLAG.ack)) !== TCP_FLAG.syn;
