import { opposite, TO_CLIENT } from '../base/direction.ts';
import type { Packet } from '../wire/packet.ts';
import { echoesSyn, isAckAcceptable, isStaleReset } from './acceptance.ts';
import type { StreamEvent } from './events.ts';
import type { StreamOutcome } from './outcome.ts';
import { distance, isAfter } from './sequence.ts';
import { TCP_STATE, type TcpHalf, type TcpSession } from './session.ts';
import { ACK, type SegmentOptions, SYN } from './tcp-header.ts';

/**
 * What a RST does.
 *
 * - `closes`: it is in the exact place, and its receiver has acknowledged all before it, so that it will heed it; or it
 *   comes behind a FIN.
 * - `refuses`: it answers a SYN.
 * - `doubtful`: it is in the exact place, but of the bytes before it some are not acknowledged. A receiver that lacks
 * them
 *   answers with a challenge (RFC 5961 §3.2), and goes on.
 * - `none`: it was overtaken, or means another connection.
 */
export type ResetEffect = 'closes' | 'refuses' | 'doubtful' | 'none';

/**
 * RFC 5961 §3.2, and Linux: only a RST with exactly the next expected number closes. Every other one has no effect
 * here: that some receivers heed it all the same must not decide whether we go on inspecting. An event says what is
 * wrong with one that no host should have sent.
 */
export function judgeReset(
  session: TcpSession,
  packet: Packet,
  options: SegmentOptions,
  mayMissPackets: boolean,
): ResetEffect | StreamEvent {
  const { direction, tcpFlags } = packet;
  const { toServer, toClient } = session;
  const sent = session.half(direction);
  const sequence = packet.sequence | 0;
  const ack = packet.acknowledgement | 0;
  const hasAck = (tcpFlags & ACK) !== 0;
  if ((tcpFlags & SYN) !== 0) return 'tcp.rst_wrong_seq';
  if (direction === TO_CLIENT && !toClient.hasSyn) {
    // RFC 9293 §3.10.7.3: only its acknowledgement can be checked.
    if (!hasAck || !isAfter(ack, toServer.initial) || isAfter(ack, toServer.highest)) return 'stream.rst_invalid_ack';
    return echoesSyn(session, options) ? 'refuses' : 'stream.pkt_invalid_timestamp';
  }
  if (!isResetSequence(sent, sequence, mayMissPackets)) {
    // Before the SYN is answered it can only mean an older connection, of which a challenge ACK told the client.
    const isNothing = session.state === TCP_STATE.synSent || !sent.isSynced || isStaleReset(sent, sequence);
    return isNothing ? 'none' : 'tcp.rst_wrong_seq';
  }
  const acked = session.half(opposite(direction));
  if (hasAck && acked.hasSyn && !isAckAcceptable(acked, ack, mayMissPackets)) return 'stream.rst_invalid_ack';
  // Behind a FIN nothing is left that could go on.
  const isSettled = sent.isAnchored && distance(sent.acked, sent.next) >= 0;
  return isSettled || sent.isEnded ? 'closes' : 'doubtful';
}

/**
 * A segment from who has closed the connection by a RST. Old bytes were overtaken by it. New ones mean that somebody
 * else sent the RST.
 */
export function afterReset(session: TcpSession, packet: Packet): StreamOutcome {
  const length = packet.payloadEnd - packet.payloadStart;
  const end = ((packet.sequence | 0) + length) | 0;
  if (length === 0 || !isAfter(end, session.half(packet.direction).next)) return 'inspected';
  packet.events.push('stream.suspected_rst_inject' satisfies StreamEvent);
  return 'closed';
}

/** Where the receiver has acknowledged bytes that we missed, it expects what comes behind them. */
const isResetSequence = (half: TcpHalf, sequence: number, mayMissPackets: boolean): boolean =>
  sequence === half.next || (mayMissPackets && sequence === half.acked && isAfter(half.acked, half.next));
