import type { Packet } from '../wire/packet.ts';
import type { StreamEvent } from './events.ts';
import { distance, isAfter } from './sequence.ts';
import { TCP_STATE, type TcpHalf, type TcpSession } from './session.ts';

/** Tells what is odd about a segment without data and FIN. */
export function noteBareAck(session: TcpSession, packet: Packet, sent: TcpHalf, acked: TcpHalf): void {
  const sequence = packet.sequence | 0;
  const behind = distance(sent.acked, sequence);
  // RFC 1122 §4.2.3.6: a keep-alive probe is one number behind.
  if (behind > 0 && sequence !== ((sent.next - 1) | 0)) {
    const isCloseWait = session.state === TCP_STATE.closeWait;
    packet.events.push(isCloseWait ? 'stream.closewait_pkt_before_last_ack' : 'stream.est_pkt_before_last_ack');
    return;
  }
  // RFC 9293 §3.8.6: a receiver should not take back what it has offered.
  const edge = ((packet.acknowledgement | 0) + (packet.window << sent.windowScale)) | 0;
  const isShrunk = isAfter(acked.highest, edge) && isAfter(acked.windowEnd, edge);
  if (
    session.isEstablished &&
    isShrunk &&
    packet.window > 0 &&
    behind <= 0 &&
    (packet.acknowledgement | 0) === acked.acked
  ) {
    packet.events.push('stream.pkt_bad_window_update' satisfies StreamEvent);
  }
}
