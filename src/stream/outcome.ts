import type { Packet } from '../wire/packet.ts';
import type { StreamEvent } from './events.ts';

/**
 * What became of the bytes of one TCP packet. What that means for the packet is decided in `verdict/`.
 *
 * - `inspected`: nothing in it is left that the receiver could read and the consumer has not been given. Packets
 *   without data too.
 * - `kept`: data behind a hole. No application can read it yet; it is delivered with the packet that fills the hole.
 * - `not-compared`: has bytes that were delivered before, are not acknowledged, and could not be kept, since a bound
 * was
 *   reached. Whether they are the same nobody knows; nothing of it was taken.
 * - `unplaced`: data out of order right after a pick-up, when nobody knows yet what its receiver reads next. It has to
 *   come again.
 * - `gap`: with this packet, bytes that nobody saw were skipped.
 * - `memory-cap`: its data is not kept, since a bound is reached.
 * - `differs`: re-sent data that differs from what came first. Nothing of it was taken.
 * - `invalid`: it does not fit the connection, whose state is as before. Nothing of it was taken.
 * - `closed`: data on a connection that was reset. Nothing of it was taken.
 * - `not-tracked`: its connection's beginning was not seen.
 * - `stray-end`: the same, of a packet with FIN or RST.
 */
export type StreamOutcome =
  | 'inspected'
  | 'kept'
  | 'not-compared'
  | 'unplaced'
  | 'gap'
  | 'memory-cap'
  | 'differs'
  | 'invalid'
  | 'closed'
  | 'not-tracked'
  | 'stray-end';

/** Says on the packet why nothing of it is taken. */
export function refuse(packet: Packet, event: StreamEvent, outcome: StreamOutcome = 'invalid'): StreamOutcome {
  packet.events.push(event);
  return outcome;
}
