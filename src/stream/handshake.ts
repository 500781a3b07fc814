import { opposite, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import type { FlowTable } from '../flow/table.ts';
import { TIMEOUT_CLASS } from '../flow/timeouts.ts';
import type { Packet } from '../wire/packet.ts';
import { applyAck, echoesSyn } from './acceptance.ts';
import { isOver } from './closing.ts';
import type { StreamEvent } from './events.ts';
import { refuse, type StreamOutcome } from './outcome.ts';
import type { Reassembler } from './reassembler.ts';
import { distance, isAfter } from './sequence.ts';
import { type OtherSyn, PICKED_UP_WINDOW_BYTES, TCP_STATE, type TcpHalf, type TcpSession } from './session.ts';
import type { SessionTable } from './session-table.ts';
import { MAX_WINDOW_SCALE, SynOptions, URG } from './tcp-header.ts';

/**
 * How connections begin: SYN, SYN-ACK, their repetitions and contradictions, simultaneous and split handshakes,
 * TCP Fast Open, reuse of the same ports, and connections met in the middle.
 *
 * Where two SYNs or two SYN-ACKs contradict each other, both are remembered and the other side's answer decides. So an
 * inserted SYN can neither reset what is tracked nor hide a connection that really begins anew.
 */
export class Handshake {
  readonly #flows: FlowTable;
  readonly #sessions: SessionTable;
  readonly #reassembler: Reassembler;
  readonly #options = new SynOptions();

  constructor(flows: FlowTable, sessions: SessionTable, reassembler: Reassembler) {
    this.#flows = flows;
    this.#sessions = sessions;
    this.#reassembler = reassembler;
  }

  /** A packet with SYN and without ACK. */
  syn(session: TcpSession | null, packet: Packet): StreamOutcome {
    if (session === null) {
      // Who sends the SYN is the client, whoever was seen first.
      if (packet.direction === TO_CLIENT) this.#turnRound(packet);
      this.#flows.setTimeoutClass(packet.flow, TIMEOUT_CLASS.tcpNew);
      return this.#open(packet);
    }
    if (isOver(session.state)) {
      this.#flows.restart(packet.flow, packet, TO_SERVER);
      return this.#open(packet);
    }
    return packet.direction === TO_SERVER ? this.#synAgain(session, packet) : this.#synFromServer(session, packet);
  }

  /** A packet with SYN and ACK, of a flow that has a session. */
  synAck(session: TcpSession, packet: Packet): StreamOutcome {
    // A client's kernel heeds the pointer (tcp_rcv_state_process in net/ipv4/tcp_input.c), and no server sends one.
    if ((packet.tcpFlags & URG) !== 0) return refuse(packet, 'stream.reassembly_urgent_oob_limit_reached');
    if (packet.direction === TO_SERVER) return this.#synAckFromClient(session, packet);
    const { toServer, toClient } = session;
    const sequence = packet.sequence | 0;
    const ack = packet.acknowledgement | 0;
    const other = answered(toServer, ack);
    if (other !== null) return this.#answerOtherSyn(session, other, packet);
    const acksSyn = isAfter(ack, toServer.initial) && !isAfter(ack, toServer.highest);

    if (session.resetDirection !== null) {
      if (toClient.hasSyn || !acksSyn) return hasPayload(packet) ? 'invalid' : 'inspected';
      // The client has not heeded the RST that refused its SYN, or this is the attempt to make it look so.
      packet.events.push('stream.suspected_rst_inject' satisfies StreamEvent);
      session.resetDirection = null;
      session.state = TCP_STATE.synSent;
      this.#flows.setTimeoutClass(session.flow, TIMEOUT_CLASS.tcpNew);
    }
    if (session.state === TCP_STATE.synSent || (session.isCrossed && !session.hasServerSynAck)) {
      if (!acksSyn) {
        const event = session.isCrossed ? 'stream.4whs_synack_with_wrong_ack' : 'stream.3whs_synack_with_wrong_ack';
        return refuse(packet, event);
      }
      if (session.isCrossed && sequence !== toClient.initial)
        return refuse(packet, 'stream.4whs_synack_with_wrong_syn');
      return this.#answerSyn(session, packet, sequence, ack);
    }

    const isBefore = !session.isEstablished;
    if (sequence !== toClient.initial) {
      packet.events.push(
        isBefore ? 'stream.3whs_synack_resend_with_diff_seq' : 'stream.est_synack_resend_with_diff_seq',
      );
      // Servers with SYN cookies do this (RFC 4987 §3.6). The client's answer tells which one counts.
      if (!isBefore || hasPayload(packet) || toClient.offset > 0) return 'invalid';
      return this.#rememberOther(toClient, packet, MAX_OTHER_SYN_ACKS, 'stream.3whs_synack_flood');
    }
    if (!acksSyn) {
      return refuse(
        packet,
        isBefore ? 'stream.3whs_synack_resend_with_different_ack' : 'stream.est_synack_resend_with_different_ack',
      );
    }
    if (isBefore) return this.#data(session, toClient, packet, (sequence + 1) | 0);
    packet.events.push('stream.est_synack_resend' satisfies StreamEvent);
    return hasPayload(packet) ? 'invalid' : 'inspected';
  }

  /**
   * Judges a segment of a session in SYN_RECEIVED, before its acknowledgement is taken over: the event of what is wrong
   * with it, or null.
   */
  check(session: TcpSession, packet: Packet, mayMissPackets: boolean): StreamEvent | null {
    const { toServer, toClient } = session;
    const ack = packet.acknowledgement | 0;
    if (packet.direction === TO_SERVER) {
      const other = answered(toClient, ack);
      if (other !== null && toClient.offset === 0) adoptOtherSynAck(toClient, other);
      if (isAfter(ack, toClient.initial) && (mayMissPackets || !isAfter(ack, toClient.highest))) return null;
      if (session.isCrossed) return 'stream.4whs_invalid_ack';
      return (packet.sequence | 0) === toServer.next
        ? 'stream.3whs_right_seq_wrong_ack_evasion'
        : 'stream.3whs_wrong_seq_wrong_ack';
    }
    if (!isAfter(ack, toServer.initial)) {
      return session.isCrossed ? 'stream.4whs_invalid_ack' : 'stream.3whs_wrong_seq_wrong_ack';
    }
    if (session.isCrossed && (packet.sequence | 0) !== toClient.next) return 'stream.4whs_wrong_seq';
    if (session.isCrossed && !session.hasServerSynAck) {
      // In a simultaneous open both sides send SYN-ACK (RFC 9293 §3.5, figure 7). A server that only acknowledges
      // after its SYN makes the client answer as if it were the server.
      packet.events.push('tcp.split_handshake' satisfies StreamEvent);
    }
    // Without the client's acknowledgement the server cannot know that there is a client. Where packets may be missed,
    // it has got one that we have not.
    if (session.isFastOpen || session.isCrossed || mayMissPackets) return null;
    return hasPayload(packet) ? 'stream.3whs_ack_data_inject' : 'stream.3whs_ack_in_wrong_dir';
  }

  /** Completes the handshake once both SYNs are acknowledged, or the answer of the other side is taken for granted. */
  complete(session: TcpSession, isGranted = false): void {
    const { toServer, toClient } = session;
    if (!toServer.hasSyn || !toClient.hasSyn) return;
    if (isGranted) {
      this.#establish(session);
      return;
    }
    if (!isAfter(toServer.acked, toServer.initial) || !isAfter(toClient.acked, toClient.initial)) return;
    this.#establish(session);
  }

  /**
   * Begins a session in the middle of a connection, with a packet that has ACK and not RST. A SYN-ACK is from the
   * server. Otherwise the side with the lower port is taken for the server, since ports for the moment are high
   * (RFC 6335 §6); with equal ports or two system ports, the side that was seen second.
   */
  pickUp(packet: Packet, isSynAck: boolean): TcpSession {
    const { sourcePort, destinationPort } = packet;
    const arePortsTelling = sourcePort > MAX_SYSTEM_PORT || destinationPort > MAX_SYSTEM_PORT;
    const isFromServer = isSynAck || (arePortsTelling && sourcePort < destinationPort);
    const isFromClient = !isSynAck && arePortsTelling && sourcePort > destinationPort;
    if ((isFromServer && packet.direction === TO_SERVER) || (isFromClient && packet.direction === TO_CLIENT)) {
      this.#turnRound(packet);
    }
    packet.events.push('tcp.picked_up' satisfies StreamEvent);
    const session = this.#sessions.open(packet.flow);
    session.isMidstream = true;
    session.isSigned = packet.isTcpSigned;
    const sent = session.half(packet.direction);
    const { toServer, toClient } = session;
    const ack = packet.acknowledgement | 0;
    toServer.windowScale = MAX_WINDOW_SCALE;
    toClient.windowScale = MAX_WINDOW_SCALE;
    if (isSynAck) {
      toServer.pickUp(ack);
      toServer.isAnchored = true;
      session.synWindow = PICKED_UP_WINDOW_BYTES;
      // A server offers only what the client did.
      this.#options.read(packet);
      session.hasTimestamps = this.#options.hasTimestamps;
      session.hasSack = this.#options.hasSack;
      session.state = TCP_STATE.synSent;
      this.#flows.setTimeoutClass(packet.flow, TIMEOUT_CLASS.tcpNew);
      return session;
    }
    toServer.pickUp(sent === toServer ? packet.sequence | 0 : ack);
    toClient.pickUp(sent === toClient ? packet.sequence | 0 : ack);
    // Bytes beyond this acknowledgement may have passed already, and one without data may have been overtaken.
    (sent === toServer ? toClient : toServer).isSynced = false;
    sent.isSynced = hasPayload(packet);
    this.#establish(session);
    // Anybody can send such a packet. Two sides that agree are a connection.
    this.#flows.setTimeoutClass(session.flow, TIMEOUT_CLASS.tcpUntracked);
    return session;
  }

  /** One side goes on behind the client's SYN, and nobody saw the answer: its numbers tell of it. */
  assumeAnswer(session: TcpSession, packet: Packet): void {
    const { toServer, toClient } = session;
    session.isMidstream = true;
    const isFromServer = packet.direction === TO_CLIENT;
    toClient.pickUp(isFromServer ? packet.sequence | 0 : packet.acknowledgement | 0);
    toClient.isSynced = isFromServer && hasPayload(packet);
    toClient.windowScale = MAX_WINDOW_SCALE;
    toServer.windowScale = MAX_WINDOW_SCALE;
    applyAck(toServer, (toServer.initial + 1) | 0, PICKED_UP_WINDOW_BYTES);
    this.#establish(session);
  }

  /** Packets passed unseen: whatever a handshake still lacked may have been among them. */
  assumeComplete(session: TcpSession): void {
    if (!session.isEstablished) this.#establish(session);
  }

  #open(packet: Packet): StreamOutcome {
    const session = this.#sessions.open(packet.flow);
    session.state = TCP_STATE.synSent;
    this.#beginClient(session, packet);
    return this.#synData(session, packet);
  }

  #beginClient(session: TcpSession, packet: Packet): void {
    const { toServer } = session;
    this.#options.read(packet);
    toServer.begin(packet.sequence | 0, packet.inInterface);
    toServer.windowScale = this.#options.windowScale;
    toServer.recentTimestamp = this.#options.timestamp;
    session.hasTimestamps = this.#options.hasTimestamps;
    session.hasSack = this.#options.hasSack;
    session.synWindow = packet.window;
  }

  #synData(session: TcpSession, packet: Packet): StreamOutcome {
    if (!hasPayload(packet)) return 'inspected';
    return this.#reassembler.acceptSynData(session.flow, session.toServer, packet, (packet.sequence + 1) | 0);
  }

  #synAgain(session: TcpSession, packet: Packet): StreamOutcome {
    const { state, toServer } = session;
    const isSame = (packet.sequence | 0) === toServer.initial;
    if (state === TCP_STATE.synSent || state === TCP_STATE.synReceived) {
      if (isSame) return this.#synData(session, packet);
      packet.events.push(
        state === TCP_STATE.synSent ? 'tcp.syn_resend_diff_seq' : 'stream.3whs_syn_resend_diff_seq_on_syn_recv',
      );
    } else if (state !== TCP_STATE.established) packet.events.push('stream.shutdown_syn_resend' satisfies StreamEvent);
    else packet.events.push(isSame ? 'stream.est_syn_resend' : 'stream.est_syn_resend_diff_seq');
    // RFC 5961 §4.2: the receiver answers with an ACK and ignores the rest; nothing of it is ours either.
    if (hasPayload(packet)) return 'invalid';
    return isSame ? 'inspected' : this.#rememberOther(toServer, packet, MAX_OTHER_SYNS, 'stream.3whs_syn_flood');
  }

  #synFromServer(session: TcpSession, packet: Packet): StreamOutcome {
    const { state, toClient } = session;
    const isAgain = session.isCrossed && (packet.sequence | 0) === toClient.initial;
    if (state === TCP_STATE.synReceived && isAgain) return hasPayload(packet) ? 'invalid' : 'inspected';
    if (state !== TCP_STATE.synSent || hasPayload(packet)) {
      return refuse(packet, session.isEstablished ? 'stream.est_syn_toclient' : 'stream.3whs_syn_toclient_on_syn_recv');
    }
    session.isCrossed = true;
    session.state = TCP_STATE.synReceived;
    this.#options.read(packet);
    toClient.begin(packet.sequence | 0, packet.inInterface);
    this.#agree(session);
    session.isSigned = packet.isTcpSigned;
    applyAck(toClient, toClient.initial, session.synWindow);
    applyAck(session.toServer, session.toServer.initial, packet.window);
    return 'inspected';
  }

  #answerSyn(session: TcpSession, packet: Packet, sequence: number, ack: number): StreamOutcome {
    const { toServer, toClient } = session;
    const options = this.#options;
    options.read(packet);
    if (!echoesSyn(session, options)) return refuse(packet, 'stream.pkt_invalid_timestamp');
    if (!session.isCrossed) {
      toClient.begin(sequence, packet.inInterface);
      this.#agree(session);
      applyAck(toClient, sequence, session.synWindow);
      // The SYN itself takes one number, and its window begins behind it.
      toClient.windowEnd = (toClient.windowEnd + 1) | 0;
    }
    session.hasServerSynAck = true;
    session.isSigned = packet.isTcpSigned;
    session.state = TCP_STATE.synReceived;
    const isDataAcked = distance(ack, toServer.initial) > 1;
    if (toServer.offset > 0) {
      session.isFastOpen = isDataAcked;
      if (!isDataAcked) packet.events.push('stream.3whs_synack_tfo_data_ignored' satisfies StreamEvent);
    }
    // RFC 7323 §2.2: the window of a SYN-ACK is not scaled.
    applyAck(toServer, ack, packet.window);
    this.#reassembler.acknowledged(session.flow, toServer, packet);
    this.complete(session);
    return this.#data(session, toClient, packet, (sequence + 1) | 0);
  }

  /** Options count only where both sides have them (RFC 7323 §1.3). `#options` are those of the server's SYN. */
  #agree(session: TcpSession): void {
    const { toServer, toClient } = session;
    const options = this.#options;
    const isScaled = toServer.windowScale >= 0 && options.windowScale >= 0;
    toServer.windowScale = isScaled ? toServer.windowScale : 0;
    toClient.windowScale = isScaled ? options.windowScale : 0;
    session.hasTimestamps = session.hasTimestamps && options.hasTimestamps;
    session.hasSack = session.hasSack && options.hasSack;
    toClient.recentTimestamp = options.timestamp;
  }

  /** The server has answered a later SYN than the one that is tracked: a new connection has taken the ports. */
  #answerOtherSyn(session: TcpSession, other: OtherSyn, packet: Packet): StreamOutcome {
    let renewed = session;
    if (session.state !== TCP_STATE.synSent || session.toServer.offset > 0) {
      this.#flows.restart(packet.flow, packet, TO_CLIENT);
      renewed = this.#sessions.open(packet.flow);
      renewed.state = TCP_STATE.synSent;
    }
    const { toServer } = renewed;
    toServer.begin(other.initial, other.inInterface);
    toServer.others = null;
    toServer.windowScale = other.windowScale;
    toServer.recentTimestamp = 0;
    renewed.hasTimestamps = other.hasTimestamps;
    renewed.synWindow = other.window;
    return this.#answerSyn(renewed, packet, packet.sequence | 0, packet.acknowledgement | 0);
  }

  #synAckFromClient(session: TcpSession, packet: Packet): StreamOutcome {
    const { toServer, toClient } = session;
    if (!session.isCrossed || session.isEstablished) {
      if (session.isEstablished) return refuse(packet, 'stream.est_synack_toserver');
      return refuse(
        packet,
        session.state === TCP_STATE.synSent
          ? 'stream.3whs_synack_in_wrong_direction'
          : 'stream.3whs_synack_toserver_on_syn_recv',
      );
    }
    const ack = packet.acknowledgement | 0;
    if ((packet.sequence | 0) !== toServer.initial) return refuse(packet, 'stream.4whs_synack_with_wrong_syn');
    if (ack !== ((toClient.initial + 1) | 0)) return refuse(packet, 'stream.4whs_synack_with_wrong_ack');
    applyAck(toClient, ack, packet.window);
    this.complete(session);
    return this.#synData(session, packet);
  }

  #rememberOther(half: TcpHalf, packet: Packet, maxOthers: number, flood: StreamEvent): StreamOutcome {
    const initial = packet.sequence | 0;
    half.others ??= [];
    const isFull = half.others.length === maxOthers;
    if (isFull) packet.events.push(flood);
    if (half.others.some((other) => other.initial === initial)) return 'inspected';
    if (isFull) half.others.shift();
    this.#options.read(packet);
    const { windowScale, hasTimestamps } = this.#options;
    half.others.push({ initial, window: packet.window, windowScale, hasTimestamps, inInterface: packet.inInterface });
    return 'inspected';
  }

  #data(session: TcpSession, half: TcpHalf, packet: Packet, sequence: number): StreamOutcome {
    return hasPayload(packet) ? this.#reassembler.accept(session.flow, half, packet, sequence) : 'inspected';
  }

  #establish(session: TcpSession): void {
    session.state = TCP_STATE.established;
    session.isEstablished = true;
    this.#flows.setTimeoutClass(session.flow, TIMEOUT_CLASS.tcpEstablished);
  }

  #turnRound(packet: Packet): void {
    this.#flows.reverse(packet.flow);
    packet.direction = opposite(packet.direction);
  }
}

function adoptOtherSynAck(half: TcpHalf, other: OtherSyn): void {
  const { maxWindow } = half;
  half.begin(other.initial, other.inInterface);
  half.others = null;
  applyAck(half, half.initial, maxWindow);
}

/** Of SYNs or SYN-ACKs with other sequence numbers, the one that this acknowledges. */
function answered(half: TcpHalf, ack: number): OtherSyn | null {
  if (half.others === null) return null;
  for (const other of half.others) if (ack === ((other.initial + 1) | 0)) return other;
  return null;
}

/** RFC 6335 §6: the last one that a service needs a privilege for. A client can have one as well. */
const MAX_SYSTEM_PORT = 1023;
/**
 * Suricata's stream.max-syn-queued and max-synack-queued. Beyond them the oldest is forgotten: a server answers at
 * once, so that the SYN of a true client is among the last, however many forged ones come before it.
 */
const MAX_OTHER_SYNS = 10;
const MAX_OTHER_SYN_ACKS = 5;

const hasPayload = (packet: Packet): boolean => packet.payloadEnd > packet.payloadStart;
