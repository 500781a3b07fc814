import { opposite } from '../base/direction.ts';
import type { Packet } from '../wire/packet.ts';
import { isAckAcceptable, isBeforeFirstByte, isNearWindow, isTimestampFresh, type SenderPlace } from './acceptance.ts';
import { FIN_OUT_OF_WINDOW_EVENT, INVALID_ACK_EVENT, OUT_OF_WINDOW_EVENT } from './closing.ts';
import type { Handshake } from './handshake.ts';
import { refuse, type StreamOutcome } from './outcome.ts';
import { TCP_STATE, type TcpSession } from './session.ts';
import { ACK, FIN, type SegmentOptions, URG } from './tcp-header.ts';

/** Judges all of a segment before any of it changes the state of its connection. */
export class Admission {
  readonly #options: SegmentOptions;
  readonly #handshake: Handshake;

  /** `options` are those of the packet once it has been judged. */
  constructor(options: SegmentOptions, handshake: Handshake) {
    this.#options = options;
    this.#handshake = handshake;
  }

  /**
   * Null: the segment, which has neither SYN nor RST and lies behind the SYN-ACK, fits. Else the outcome, with its
   * event on the packet. `place` is null where the sender's is known.
   */
  judge(session: TcpSession, packet: Packet, place: SenderPlace | null, mayMissPackets: boolean): StreamOutcome | null {
    const { direction, tcpFlags } = packet;
    const sent = session.half(direction);
    const acked = session.half(opposite(direction));
    const sequence = packet.sequence | 0;
    const ack = packet.acknowledgement | 0;
    const length = packet.payloadEnd - packet.payloadStart;
    const isFin = (tcpFlags & FIN) !== 0;

    if ((tcpFlags & ACK) === 0) return refuse(packet, 'tcp.missing_ack');
    this.#options.read(packet);
    if (place !== 'elsewhere' && !isNearWindow(sent, sequence, length)) {
      return refuse(packet, (isFin ? FIN_OUT_OF_WINDOW_EVENT : OUT_OF_WINDOW_EVENT)[session.state]!);
    }
    if (session.state === TCP_STATE.synReceived) {
      const event = this.#handshake.check(session, packet, mayMissPackets);
      if (event !== null) return refuse(packet, event);
    }
    // Of a connection that was picked up, nobody saw the first byte.
    if (!isAckAcceptable(acked, ack, mayMissPackets) || (!session.isMidstream && isBeforeFirstByte(acked, ack))) {
      packet.events.push(isFin ? 'stream.fin_invalid_ack' : INVALID_ACK_EVENT[session.state]!);
      return refuse(packet, 'stream.pkt_invalid_ack');
    }
    if (session.hasTimestamps && !isTimestampFresh(sent, this.#options, sequence)) {
      // Without data it is an ACK that was overtaken, of which the receiver heeds nothing but an urgent pointer.
      if (length === 0 && (tcpFlags & (FIN | URG)) === 0) return 'inspected';
      return refuse(packet, 'stream.pkt_invalid_timestamp');
    }
    return null;
  }
}
