import type { Packet } from '../wire/packet.ts';
import type { StreamEvent } from './events.ts';
import { isAfter } from './sequence.ts';
import type { TcpHalf } from './session.ts';
import { URG, urgentPointer } from './tcp-header.ts';

/**
 * Takes over the urgent pointer of a segment with this sequence number, where it has one, as the kernel does
 * (tcp_check_urg in net/ipv4/tcp_input.c). False where it would be out of our sight which byte the application does not
 * get. A sender's segments have URG up to the urgent byte, and again when they are sent again. So until that byte is
 * acknowledged whatever brings it must point to it, and nothing may point elsewhere: the kernel may have discarded
 * the segment that did so first. Nor may a pointer come too soon behind another one, or behind its byte.
 */
export function agreesOnUrgent(half: TcpHalf, packet: Packet, sequence: number): boolean {
  const end = (sequence + packet.payloadEnd - packet.payloadStart) | 0;
  const hasPointer = (packet.tcpFlags & URG) !== 0;
  const urgent = hasPointer ? (sequence + Math.max(urgentPointer(packet) - 1, 0)) | 0 : 0;
  const isNew = hasPointer && !isAfter(half.acked, urgent);
  if (half.hasUrgent && !isAfter(half.acked, half.urgent)) {
    if (isNew) return urgent === half.urgent;
    return isAfter(sequence, half.urgent) || !isAfter(end, half.urgent);
  }
  if (!isNew) return true;
  if (isAfter(half.next, urgent) || (half.queue?.has(urgent) ?? false)) return false;
  if (half.hasUrgent && packet.timeMs - half.urgentMs < MIN_URGENT_INTERVAL_MS) return false;
  half.hasUrgent = true;
  half.urgent = urgent;
  half.urgentMs = packet.timeMs;
  packet.events.push('tcp.urgent_data' satisfies StreamEvent);
  return true;
}

/**
 * In so much time an application that reads at all has read what was there: an urgent byte that it read past is out of
 * its stream for good, while of two that wait the kernel puts the first back into it. Our choice. A segment that comes
 * too soon is sent again.
 */
const MIN_URGENT_INTERVAL_MS = 3_000;
