import { FLOW_FLAG } from '../flow/flags.ts';
import { TIMEOUT_CLASS, type TimeoutClass } from '../flow/timeouts.ts';
import type { StreamEvent } from './events.ts';
import { isAfter } from './sequence.ts';
import { TCP_STATE, type TcpHalf, type TcpSession, type TcpState } from './session.ts';

/** RFC 9293 §3.3.2, from the FINs that are in order and what is acknowledged of them. */
export function closingState(session: TcpSession): TcpState {
  const { state, toServer, toClient } = session;
  const hasClientFinished = hasFinished(toServer);
  const hasServerFinished = hasFinished(toClient);
  if (!hasClientFinished && !hasServerFinished) return state;
  if (!hasServerFinished) return TCP_STATE.closeWait;
  const isServerFinAcked = isAfter(toClient.acked, toClient.fin);
  if (!hasClientFinished) return isServerFinAcked ? TCP_STATE.finWait2 : TCP_STATE.finWait1;
  const wasClientFirst = state === TCP_STATE.closeWait || state === TCP_STATE.lastAck || state === TCP_STATE.closed;
  if (wasClientFirst) return isServerFinAcked ? TCP_STATE.closed : TCP_STATE.lastAck;
  return isServerFinAcked ? TCP_STATE.timeWait : TCP_STATE.closing;
}

/** Both sides are done: the same endpoints may begin anew. */
export const isOver = (state: TcpState): boolean => state === TCP_STATE.timeWait || state === TCP_STATE.closed;

/** Of a state that `closingState` can return after a FIN. */
export const closingTimeoutClass = (state: TcpState): TimeoutClass =>
  isOver(state) ? TIMEOUT_CLASS.tcpClosed : TIMEOUT_CLASS.tcpClosing;

/**
 * Which directions are over in a way that their receiver may not know of, as ENDED_FLAGS: a FIN that it has not
 * acknowledged, or a RST. What it has acknowledged it holds to by itself.
 */
export function unconfirmedEnds(session: TcpSession): number {
  const { toServer, toClient } = session;
  return (
    (isUnconfirmedEnd(session, toServer) ? FLOW_FLAG.endedToServer : 0) |
    (isUnconfirmedEnd(session, toClient) ? FLOW_FLAG.endedToClient : 0)
  );
}

const isUnconfirmedEnd = (session: TcpSession, { direction, hasFin, fin, acked }: TcpHalf): boolean =>
  session.resetDirection === direction ||
  session.doubtfulResetDirection === direction ||
  (hasFin && !isAfter(acked, fin));

const hasFinished = (half: TcpHalf): boolean => half.hasFin && half.isEnded;

// By state. Before the handshake is complete it has events of its own; these two stand for the rest of it.
export const OUT_OF_WINDOW_EVENT: readonly StreamEvent[] = [
  'stream.est_packet_out_of_window',
  'stream.est_packet_out_of_window',
  'stream.3whs_wrong_seq_wrong_ack',
  'stream.est_packet_out_of_window',
  'stream.fin1_ack_wrong_seq',
  'stream.fin2_ack_wrong_seq',
  'stream.timewait_ack_wrong_seq',
  'stream.lastack_ack_wrong_seq',
  'stream.closewait_ack_out_of_window',
  'stream.closing_ack_wrong_seq',
  'stream.timewait_ack_wrong_seq',
];
/** The event of an acknowledgement that its receiver does not take, by TCP_STATE. */
export const INVALID_ACK_EVENT: readonly StreamEvent[] = [
  'stream.est_invalid_ack',
  'stream.est_invalid_ack',
  'stream.3whs_wrong_seq_wrong_ack',
  'stream.est_invalid_ack',
  'stream.fin1_invalid_ack',
  'stream.fin2_invalid_ack',
  'stream.timewait_invalid_ack',
  'stream.lastack_invalid_ack',
  'stream.closewait_invalid_ack',
  'stream.closing_invalid_ack',
  'stream.timewait_invalid_ack',
];
/** The event of a FIN outside the window, by TCP_STATE. */
export const FIN_OUT_OF_WINDOW_EVENT: readonly StreamEvent[] = [
  'stream.fin_out_of_window',
  'stream.fin_out_of_window',
  'stream.fin_out_of_window',
  'stream.fin_out_of_window',
  'stream.fin1_fin_wrong_seq',
  'stream.fin2_fin_wrong_seq',
  'stream.fin_out_of_window',
  'stream.fin_out_of_window',
  'stream.closewait_fin_out_of_window',
  'stream.fin_out_of_window',
  'stream.fin_out_of_window',
];
