import { type Direction, opposite, TO_SERVER } from '../base/direction.ts';
import { ENDED_FLAGS, FLOW_FLAG } from '../flow/flags.ts';
import type { FlowSlot } from '../flow/slot.ts';
import type { FlowTable } from '../flow/table.ts';
import { TIMEOUT_CLASS } from '../flow/timeouts.ts';
import type { Packet } from '../wire/packet.ts';
import { applyAck, echoesSyn, isFromWrongSide, mustSignAlike, placeOf } from './acceptance.ts';
import { Admission } from './admission.ts';
import { noteBareAck } from './bare-ack.ts';
import { closingState, closingTimeoutClass, FIN_OUT_OF_WINDOW_EVENT, unconfirmedEnds } from './closing.ts';
import type { StreamConsumer } from './consumer.ts';
import type { StreamEvent } from './events.ts';
import { Handshake } from './handshake.ts';
import { DEFAULT_TCP_TRACKER_OPTIONS, type TcpTrackerOptions } from './options.ts';
import { refuse, type StreamOutcome } from './outcome.ts';
import { Reassembler } from './reassembler.ts';
import { afterReset, judgeReset } from './reset.ts';
import { isAfter } from './sequence.ts';
import { TCP_STATE, type TcpHalf, type TcpSession, type TcpState } from './session.ts';
import { SessionTable } from './session-table.ts';
import { ACK, FIN, RST, SegmentOptions, SYN, URG } from './tcp-header.ts';
import { agreesOnUrgent } from './urgent.ts';

/**
 * TCP state and reassembly of all flows. What does not fit a connection never changes its state: the receiver would
 * ignore it too, or what it does with it we must not guess.
 *
 * The consumer is called from within `packet` and `end`. From there it may call `stopComparing` and the getters, but
 * not end flows.
 */
export class TcpTracker {
  /** May be moved while running, for instance after packets were lost. */
  midstreamUntilMs: number;
  mayMissPackets: boolean;
  /** With the last packet, a connection was taken up again behind packets that nobody saw. */
  hasResumed = false;
  readonly #flows: FlowTable;
  readonly #sessions = new SessionTable();
  readonly #reassembler: Reassembler;
  readonly #handshake: Handshake;
  readonly #options = new SegmentOptions();
  readonly #admission: Admission;
  readonly #isOneSided: boolean;

  constructor(flows: FlowTable, consumer: StreamConsumer, options: Partial<TcpTrackerOptions> = {}) {
    const settings = { ...DEFAULT_TCP_TRACKER_OPTIONS, ...options };
    const { midstreamUntilMs, mayMissPackets, isOneSided } = settings;
    this.midstreamUntilMs = midstreamUntilMs;
    this.mayMissPackets = mayMissPackets;
    this.#isOneSided = isOneSided;
    this.#flows = flows;
    this.#reassembler = new Reassembler(consumer, settings);
    this.#handshake = new Handshake(flows, this.#sessions, this.#reassembler);
    this.#admission = new Admission(this.#options, this.#handshake);
  }

  /** Sessions that are tracked. */
  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** What is kept of data, out of order or not acknowledged, with what keeping it costs. At most `maxTotalBytes`. */
  get keptBytes(): number {
    return this.#reassembler.keptBytes;
  }

  /** What is held for the next connections is garbage from now on. */
  dropSpares(): void {
    this.#reassembler.dropSpares();
    this.#sessions.dropSpares();
  }

  /** After the outcome `differs`: where in the stream the first byte is that differs. */
  get differingOffset(): number {
    return this.#reassembler.differingOffset;
  }

  /**
   * Packets may have passed up to now that nobody saw. Connections that can be picked up in the middle are taken up
   * again from where they are; others, if they have got on, remain out of their window.
   */
  noteLapse(): void {
    this.#sessions.lapses++;
    this.#flows.forgetEnds();
  }

  /**
   * Takes one TCP packet of a flow, whose header and checksum were found good. Events go onto the packet. Its direction
   * may change: who sends the SYN is the client.
   */
  packet(packet: Packet): StreamOutcome {
    const flags = packet.tcpFlags;
    const session = this.#sessions.at(packet.flow);
    this.hasResumed = false;
    if (session !== null && isFromWrongSide(session, packet)) return refuse(packet, 'tcp.wrong_interface');
    if (session !== null && packet.isTcpSigned !== session.isSigned && mustSignAlike(session, packet)) {
      if ((flags & RST) !== 0) this.#suspectReset(session, packet);
      return refuse(packet, 'tcp.unexpected_signature');
    }
    if ((flags & ACK) === 0 && packet.acknowledgement !== 0) {
      packet.events.push('stream.pkt_broken_ack' satisfies StreamEvent);
    }
    if ((flags & (SYN | RST)) === 0) {
      if (session === null) return this.#stray(packet);
      if (session.resetDirection === packet.direction) return afterReset(session, packet);
      if (session.isBypassed || session.lapses !== this.#sessions.lapses) this.#doubt(session, packet);
      if (!session.toClient.hasSyn) return this.#beforeAnswer(session, packet);
      return this.#segment(session, packet);
    }
    if ((flags & RST) !== 0) return this.#reset(session, packet);
    if ((flags & FIN) !== 0) return refuse(packet, 'stream.fin_syn');
    if ((flags & ACK) === 0) return this.#handshake.syn(session, packet);
    if (session === null) {
      if (this.#hasEnded(packet.flow, packet.direction)) return this.#afterEnd(packet);
      if (!this.#mayPickUp(packet) && !this.#isOneSided) return this.#notTracked(packet);
      return this.#handshake.synAck(this.#handshake.pickUp(packet, true), packet);
    }
    return this.#handshake.synAck(session, packet);
  }

  /** The flow has ended: tells the consumer and forgets the session. To be called from the flow table's `onEnd`. */
  end(slot: FlowSlot): void {
    const session = this.#sessions.at(slot);
    if (session === null) return;
    // Before the server has answered, it may as well hold the connection that was there before. And behind a lapse,
    // the ports may have another one.
    if (session.toClient.hasSyn && session.lapses === this.#sessions.lapses) {
      const { flags } = this.#flows;
      flags[slot] = (flags[slot]! & ~ENDED_FLAGS) | unconfirmedEnds(session);
    }
    try {
      this.#reassembler.end(slot, session.toServer);
      this.#reassembler.end(slot, session.toClient);
    } finally {
      this.#sessions.close(session);
    }
  }

  /**
   * Nobody reads this direction's bytes any more, though they are still delivered: what is sent again need not be the
   * same.
   */
  stopComparing(slot: FlowSlot, direction: Direction): void {
    const session = this.#sessions.at(slot);
    if (session !== null) this.#reassembler.stopComparing(session.half(direction));
  }

  /**
   * From now on nobody sees this connection but its SYN, FIN and RST: nothing is kept of it. With the next segment that
   * is given to `packet` it is followed again, from where it is then.
   */
  bypass(slot: FlowSlot): void {
    const session = this.#sessions.at(slot);
    if (session === null) return;
    session.isBypassed = true;
    this.#reassembler.forget(session.toServer);
    this.#reassembler.forget(session.toClient);
  }

  /** Nothing more of this connection arrives: what is kept of its bytes is let go. */
  abandon(slot: FlowSlot): void {
    const session = this.#sessions.at(slot);
    if (session === null) return;
    this.#reassembler.forget(session.toServer);
    this.#reassembler.forget(session.toClient);
  }

  /**
   * The connection was silent for so long that nothing is under way: bytes that nobody has acknowledged are let go, and
   * sent again they are not compared. What waits behind a hole remains, since its receiver has it. Its timestamps are
   * taken as they come: a kernel's clock of microseconds wraps within 72 minutes (tcp_usec_ts), and receivers with one
   * judge none after half of that (TCP_PAWS_WRAP in include/net/tcp.h).
   */
  setAside(slot: FlowSlot): void {
    const session = this.#sessions.at(slot);
    if (session === null) return;
    for (const half of [session.toServer, session.toClient]) {
      this.#reassembler.letGoOfDelivered(half);
      half.recentTimestamp = 0;
    }
  }

  /** The connection is silent: what is known of it is kept in less space. Before anything else it is to be unpacked. */
  pack(slot: FlowSlot): void {
    this.#sessions.pack(slot);
  }

  /** All is as it was before `pack`. */
  unpack(slot: FlowSlot): void {
    this.#sessions.unpack(slot);
  }

  /** A FIN or RST of a bypassed connection, which the kernel has found to be one of its own. */
  endBypassed(packet: Packet): void {
    const session = this.#sessions.at(packet.flow);
    if (session === null) {
      this.#flows.setTimeoutClass(packet.flow, TIMEOUT_CLASS.tcpClosed);
      return;
    }
    this.#reassembler.end(packet.flow, session.half(packet.direction));
    const isReset = (packet.tcpFlags & RST) !== 0;
    const isLast = isReset || this.isOver(packet.flow);
    if (isLast) session.state = isReset ? TCP_STATE.closed : TCP_STATE.timeWait;
    else session.state = packet.direction === TO_SERVER ? TCP_STATE.closeWait : TCP_STATE.finWait1;
    this.#flows.setTimeoutClass(packet.flow, isLast ? TIMEOUT_CLASS.tcpClosed : TIMEOUT_CLASS.tcpClosing);
  }

  /** It is the SYN with which its flow began, once more. */
  isSynOf(packet: Packet): boolean {
    const half = this.#sessions.at(packet.flow)?.half(packet.direction);
    return half?.hasSyn === true && (packet.sequence | 0) === half.initial;
  }

  /** The handshake was completed (by the client's last ACK), or picked up behind it. Remains so to the flow's end. */
  isEstablished(slot: FlowSlot): boolean {
    return this.#sessions.at(slot)?.isEstablished ?? false;
  }

  /** How far a direction has got, its SYN and the bytes behind a gap included; 0 without a connection. */
  sentBytes(slot: FlowSlot, direction: Direction): number {
    const session = this.#sessions.at(slot);
    if (session === null) return 0;
    const { highest, initial } = direction === TO_SERVER ? session.toServer : session.toClient;
    return (highest - initial) >>> 0;
  }

  /** Both directions have ended: no more bytes will be delivered. */
  isOver(slot: FlowSlot): boolean {
    const session = this.#sessions.at(slot);
    if (session === null) return false;
    return session.toServer.isEnded && session.toClient.isEnded;
  }

  /** Its beginning was not seen. */
  isMidstream(slot: FlowSlot): boolean {
    return this.#sessions.at(slot)?.isMidstream ?? false;
  }

  /** It was picked up where a sender says that it is, and the receiver has not confirmed that. */
  isDoubtful(slot: FlowSlot): boolean {
    const session = this.#sessions.at(slot);
    return session !== null && (session.toServer.isDoubtful || session.toClient.isDoubtful);
  }

  state(slot: FlowSlot): TcpState {
    return this.#sessions.at(slot)?.state ?? TCP_STATE.none;
  }

  /** How far the stream has got in bytes, counting gaps: the offset of what comes next. */
  deliveredBytes(slot: FlowSlot, direction: Direction): number {
    return this.#sessions.at(slot)?.half(direction).offset ?? 0;
  }

  /** A packet without SYN and RST, behind the SYN-ACK. */
  #segment(session: TcpSession, packet: Packet): StreamOutcome {
    const { direction, tcpFlags } = packet;
    const sent = session.half(direction);
    const acked = session.half(opposite(direction));
    const sequence = packet.sequence | 0;
    const ack = packet.acknowledgement | 0;
    const length = packet.payloadEnd - packet.payloadStart;
    const isFin = (tcpFlags & FIN) !== 0;
    const place = sent.isSynced ? null : placeOf(sent, sequence, length);
    const refusal = this.#admission.judge(session, packet, place, this.mayMissPackets || session.isMidstream);
    if (refusal !== null) return refusal;
    if (length === 0 && !isFin) {
      if (place === null) noteBareAck(session, packet, sent, acked);
    } else if (place === 'elsewhere') this.#resume(session, sent, packet);
    else if (place === 'next') sent.synchronise(sent.next);
    // Nobody will be seen to acknowledge anything.
    if (this.#isOneSided) sent.isAnchored = true;
    const wasAnchored = acked.isAnchored;
    applyAck(acked, ack, packet.window << sent.windowScale);
    if (!wasAnchored && sent.hasWord && session.state === TCP_STATE.established) {
      this.#flows.setTimeoutClass(session.flow, TIMEOUT_CLASS.tcpEstablished);
    }
    let outcome: StreamOutcome = 'inspected';
    if (isAfter(acked.acked, acked.next) || acked.delivered !== null || !wasAnchored) {
      if (this.#reassembler.acknowledged(session.flow, acked, packet)) outcome = 'gap';
    }
    if (session.state === TCP_STATE.synReceived) this.#handshake.complete(session, this.#isOneSided && length > 0);
    const { hasUrgent, urgent, urgentMs } = sent;
    if ((hasUrgent || (tcpFlags & URG) !== 0) && !agreesOnUrgent(sent, packet, sequence)) {
      return refuse(packet, 'stream.reassembly_urgent_oob_limit_reached');
    }
    if (length > 0) {
      if (session.doubtfulResetDirection === direction) this.#goOn(session, packet);
      const data = this.#reassembler.accept(session.flow, sent, packet, sequence);
      if (data === 'differs' || data === 'invalid' || data === 'not-compared' || data === 'unplaced') {
        sent.hasUrgent = hasUrgent;
        sent.urgent = urgent;
        sent.urgentMs = urgentMs;
        if (place === 'next') sent.lose();
        return data;
      }
      if (outcome !== 'gap' || data === 'memory-cap') outcome = data;
    }
    if (isFin && !this.#reassembler.acceptFin(session.flow, sent, (sequence + length) | 0)) {
      return refuse(packet, FIN_OUT_OF_WINDOW_EVENT[session.state]!);
    }
    if (sent.hasFin || acked.hasFin) this.#updateClosing(session);
    return outcome;
  }

  /** Packets may have passed unseen since the last one of this connection: nobody knows where its sides are now. */
  #doubt(session: TcpSession, packet: Packet): void {
    session.lapses = this.#sessions.lapses;
    session.wasBypassed = session.isBypassed;
    session.isBypassed = false;
    if (!session.wasBypassed && !this.#mayPickUp(packet)) return;
    const { toServer, toClient } = session;
    if ((packet.tcpFlags & ACK) !== 0 && !toClient.hasSyn) this.#handshake.assumeAnswer(session, packet);
    if (toClient.hasSyn) this.#handshake.assumeComplete(session);
    // Behind a FIN nothing comes any more.
    if (!toServer.hasFin) toServer.lose();
    if (!toClient.hasFin && toClient.hasSyn) toClient.lose();
  }

  /** The sender is not where it was: what lies between was not seen. */
  #resume(session: TcpSession, sent: TcpHalf, packet: Packet): void {
    if (sent.offset > 0 && !session.wasBypassed) {
      this.hasResumed = true;
      packet.events.push('tcp.picked_up_again' satisfies StreamEvent);
    }
    this.#reassembler.resume(session.flow, sent, packet);
  }

  /** Who has sent a RST that its receiver may not have heeded sends data. */
  #goOn(session: TcpSession, packet: Packet): void {
    session.doubtfulResetDirection = null;
    packet.events.push('stream.suspected_rst_inject' satisfies StreamEvent);
    this.#flows.setTimeoutClass(session.flow, TIMEOUT_CLASS.tcpEstablished);
  }

  #updateClosing(session: TcpSession): void {
    const state = closingState(session);
    if (state === session.state || session.resetDirection !== null) return;
    session.state = state;
    this.#flows.setTimeoutClass(session.flow, closingTimeoutClass(state));
  }

  /** A packet without SYN and RST before the server has answered. */
  #beforeAnswer(session: TcpSession, packet: Packet): StreamOutcome {
    if (packet.direction === TO_SERVER) {
      const isFirst = session.resetDirection === null && (packet.tcpFlags & ACK) !== 0;
      if (!this.#isOneSided || !isFirst) return refuse(packet, 'tcp.ack_before_synack');
      this.#handshake.assumeAnswer(session, packet);
      return this.#segment(session, packet);
    }
    const { toServer } = session;
    const ack = packet.acknowledgement | 0;
    const hasPayload = packet.payloadEnd > packet.payloadStart;
    if ((packet.tcpFlags & ACK) !== 0 && isAfter(ack, toServer.initial) && !isAfter(ack, toServer.highest)) {
      this.#options.read(packet);
      if (!echoesSyn(session, this.#options)) return refuse(packet, 'stream.pkt_invalid_timestamp');
      packet.events.push('tcp.split_handshake' satisfies StreamEvent);
      return hasPayload ? 'invalid' : 'inspected';
    }
    // RFC 9293 §3.5.1: a server that still holds an old connection says so, with that one's timestamp, and the client
    // resets it.
    return hasPayload ? refuse(packet, 'stream.pkt_invalid_ack') : 'inspected';
  }

  #reset(session: TcpSession | null, packet: Packet): StreamOutcome {
    if (packet.payloadEnd > packet.payloadStart) packet.events.push('stream.rst_with_data' satisfies StreamEvent);
    if (session === null) {
      packet.events.push('stream.rst_but_no_session' satisfies StreamEvent);
      return this.#strayEnd(packet);
    }
    // Of a bypassed connection nobody knows where it is: its receiver judges.
    if (session.resetDirection !== null || session.isBypassed) return 'inspected';
    this.#options.read(packet);
    const effect = judgeReset(session, packet, this.#options, this.mayMissPackets || session.isMidstream);
    switch (effect) {
      case 'none':
        return 'inspected';
      case 'doubtful':
        session.doubtfulResetDirection = packet.direction;
        this.#flows.setTimeoutClass(session.flow, TIMEOUT_CLASS.tcpClosing);
        return 'inspected';
      case 'refuses':
      case 'closes':
        session.resetDirection = packet.direction;
        session.state = TCP_STATE.closed;
        this.#flows.setTimeoutClass(session.flow, TIMEOUT_CLASS.tcpClosed);
        // What is still under way to its sender is inspected as before. A refused SYN may be answered after all.
        if (effect === 'closes') this.#reassembler.end(session.flow, session.half(packet.direction));
        return 'inspected';
      default:
        return refuse(packet, effect);
    }
  }

  /** Its receiver discards it, and others may not: if its sender goes on, it was meant for them. */
  #suspectReset(session: TcpSession, packet: Packet): void {
    this.#options.read(packet);
    const effect = judgeReset(session, packet, this.#options, this.mayMissPackets || session.isMidstream);
    if (effect === 'closes' || effect === 'doubtful') session.doubtfulResetDirection = packet.direction;
  }

  /** A packet without SYN and RST on a flow without session. */
  #stray(packet: Packet): StreamOutcome {
    const isBareFin = (packet.tcpFlags & FIN) !== 0 && packet.payloadEnd === packet.payloadStart;
    if (!isBareFin && (packet.tcpFlags & ACK) !== 0 && this.#mayPickUp(packet)) {
      if (this.#hasEnded(packet.flow, packet.direction)) return this.#afterEnd(packet);
      const hasPeerEnded = this.#hasEnded(packet.flow, opposite(packet.direction));
      const session = this.#handshake.pickUp(packet, false);
      if (hasPeerEnded) session.resetDirection = opposite(packet.direction);
      return this.#segment(session, packet);
    }
    if ((packet.tcpFlags & FIN) === 0) return this.#notTracked(packet);
    packet.events.push('stream.fin_but_no_session' satisfies StreamEvent);
    return this.#strayEnd(packet);
  }

  #hasEnded(slot: FlowSlot, direction: Direction): boolean {
    const flag = direction === TO_SERVER ? FLOW_FLAG.endedToServer : FLOW_FLAG.endedToClient;
    return (this.#flows.flags[slot]! & flag) !== 0;
  }

  /**
   * Its sender had ended the connection before it was forgotten. What the receiver makes of more is not to be found
   * out.
   */
  #afterEnd(packet: Packet): StreamOutcome {
    this.#flows.setTimeoutClass(packet.flow, TIMEOUT_CLASS.tcpUntracked);
    return packet.payloadEnd === packet.payloadStart ? 'inspected' : refuse(packet, 'tcp.data_after_end', 'closed');
  }

  #strayEnd(packet: Packet): StreamOutcome {
    this.#notTracked(packet);
    return 'stray-end';
  }

  #mayPickUp(packet: Packet): boolean {
    return packet.timeMs < this.midstreamUntilMs;
  }

  #notTracked(packet: Packet): StreamOutcome {
    this.#flows.setTimeoutClass(packet.flow, TIMEOUT_CLASS.tcpUntracked);
    return 'not-tracked';
  }
}
