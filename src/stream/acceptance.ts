import { TO_SERVER } from '../base/direction.ts';
import type { Packet } from '../wire/packet.ts';
import { distance, isAfter } from './sequence.ts';
import { TCP_STATE, type TcpHalf, type TcpSession } from './session.ts';
import { type SegmentOptions, SYN, type SynOptions } from './tcp-header.ts';

/** Whether data from `sequence` on is not far from what the receiver can take: old, expected, or in its window. */
export function isNearWindow(half: TcpHalf, sequence: number, length: number): boolean {
  // After a pick-up the window is not known.
  if (!half.isAnchored) return Math.abs(distance(sequence, half.next)) <= MAX_BEHIND_BYTES;
  return (
    distance((sequence + length) | 0, half.windowEnd) <= slackBytes(half) &&
    distance(half.next, sequence) <= nearBehindBytes(half)
  );
}

/**
 * Whether both sides have to sign their packets, or neither. Whose keys are which, the server's answer to the SYN has
 * told. Receivers discard what is otherwise (RFC 2385 §2).
 */
export const mustSignAlike = (session: TcpSession, { tcpFlags }: Packet): boolean =>
  (tcpFlags & SYN) === 0 && session.state !== TCP_STATE.synSent;

/**
 * Whether the packet came in by the interface behind which its receiver is, while its sender is behind another one: the
 * receiver has sent it to itself, with the sender's address. What it acknowledges may never have arrived. Only a
 * gateway that takes packets from anywhere (`rp_filter` other than 1) forwards such a packet.
 */
export function isFromWrongSide({ toServer, toClient }: TcpSession, { direction, inInterface }: Packet): boolean {
  const isToServer = direction === TO_SERVER;
  const own = isToServer ? toServer : toClient;
  const other = isToServer ? toClient : toServer;
  return (
    inInterface > 0 && inInterface === other.inInterface && own.inInterface >= 0 && inInterface !== own.inInterface
  );
}

/**
 * Where a sender is whose place is not known, since packets passed unseen: `old`, its segment is from before; `next`,
 * it goes on where it was; `elsewhere`, it has got on meanwhile.
 */
export type SenderPlace = 'old' | 'next' | 'elsewhere';

/** What the first segment says that is seen of such a sender. */
export function placeOf(half: TcpHalf, sequence: number, length: number): SenderPlace {
  const behindBytes = distance(half.next, sequence);
  if (behindBytes === 0) return 'next';
  if (half.offset === 0 || behindBytes < 0 || behindBytes > nearBehindBytes(half)) return 'elsewhere';
  return behindBytes < length ? 'next' : 'old';
}

/**
 * Whether the receiver of these bytes may acknowledge up to `ack`: not what was never sent, and not what lies further
 * back than any window was (RFC 5961 §5.2). Receivers discard the data that comes with such an acknowledgement. Where
 * packets may be missed, bytes up to the window's end may have been sent without our seeing them. After a pick-up only
 * the receiver knows where it is.
 */
export function isAckAcceptable(half: TcpHalf, ack: number, mayMissPackets: boolean): boolean {
  if (!half.isAnchored) return true;
  if (isAfter(ack, half.highest) && isAfter(ack, half.acked)) {
    return mayMissPackets && distance(ack, half.windowEnd) <= slackBytes(half);
  }
  return distance(half.acked, ack) <= Math.min(Math.max(half.maxWindow, MIN_SLACK_BYTES), MAX_BEHIND_BYTES);
}

/**
 * Whether an old acknowledgement is of before the first byte, which nobody has sent. Linux 6.7 and later discard what
 * comes with it (tcp_ack in net/ipv4/tcp_input.c), others take it: nobody can know.
 */
export const isBeforeFirstByte = (half: TcpHalf, ack: number): boolean =>
  half.offset < MAX_BEHIND_BYTES && isAfter((half.initial + 1) | 0, ack);

/**
 * Whether a RST that is not at the next number is one that was overtaken: hosts send it with the number that an older
 * segment acknowledged (RFC 9293 §3.5.2), while their FIN has moved on. Receivers are past it and ignore it.
 */
export const isStaleReset = (half: TcpHalf, sequence: number): boolean => {
  const behind = distance(half.next, sequence);
  return behind > 0 && behind <= Math.min(Math.max(half.maxWindow, MIN_SLACK_BYTES), MAX_BEHIND_BYTES);
};

/** Takes over an acceptable acknowledgement of these bytes, and the window that came with it. */
export function applyAck(half: TcpHalf, ack: number, windowBytes: number): void {
  const edge = (ack + windowBytes) | 0;
  if (!half.isAnchored) anchor(half, ack, edge);
  else if (isAfter(ack, half.acked)) half.acked = ack;
  if (isAfter(edge, half.windowEnd)) half.windowEnd = edge;
  if (windowBytes > half.maxWindow) half.maxWindow = windowBytes;
}

/** The receiver says where it is. It settles where we began to read if that is not ahead of it. */
function anchor(half: TcpHalf, ack: number, windowEnd: number): void {
  if (!half.hasWord || isAfter(ack, half.acked)) half.acked = ack;
  half.hasWord = true;
  if (!half.isSynced || isAfter(half.pickedUpAt, ack)) return;
  half.windowEnd = windowEnd;
  half.isAnchored = true;
}

/**
 * RFC 7323 §5.3, protection against wrapped sequences: false where the receiver will discard the segment because its
 * timestamp is older than the last one. Otherwise remembers the timestamp as the receiver does (§4.3). A segment
 * without one is taken, as Linux does. What the RFC says of connections idle for 24 days is moot here: their flow is
 * forgotten long before.
 */
export function isTimestampFresh(
  half: TcpHalf,
  { hasTimestamps, timestamp }: SegmentOptions,
  sequence: number,
): boolean {
  if (!hasTimestamps) return true;
  const age = distance(half.recentTimestamp, timestamp);
  // Zero: some senders begin with it, and then nothing is known.
  if (age > PAWS_SLACK_TICKS && half.recentTimestamp !== 0) return false;
  if (age < 0 && !isAfter(sequence, half.acked)) half.recentTimestamp = timestamp;
  return true;
}

/**
 * Whether the answer to a SYN echoes a timestamp that was sent: its sender discards any other, a RST too
 * (tcp_rcv_synsent_state_process in net/ipv4/tcp_input.c). That it echoes one of the future is not looked for.
 */
export function echoesSyn(session: TcpSession, { hasTimestamps, timestampEcho }: SegmentOptions | SynOptions): boolean {
  if (!hasTimestamps || timestampEcho === 0) return true;
  const { recentTimestamp } = session.toServer;
  return session.hasTimestamps && (recentTimestamp === 0 || !isAfter(recentTimestamp, timestampEcho));
}

/**
 * How far beyond the window is not yet "far": windows that we missed the announcement of, and probes. At least the
 * largest window without scaling, at most 16 MiB, so that distances stay far from 2^31.
 */
const slackBytes = (half: TcpHalf): number => Math.min(Math.max(half.maxWindow, MIN_SLACK_BYTES), MAX_SLACK_BYTES);

/** How far before the next byte a segment may begin: nothing in flight is older. */
const nearBehindBytes = (half: TcpHalf): number =>
  Math.min(2 * Math.max(half.maxWindow, MIN_SLACK_BYTES), MAX_BEHIND_BYTES);

const MIN_SLACK_BYTES = 65_535;
const MAX_SLACK_BYTES = 2 ** 24;
const MAX_BEHIND_BYTES = 2 ** 30;
/** The kernel's TCP_PAWS_WINDOW (include/net/tcp.h): one tick back is let pass. */
const PAWS_SLACK_TICKS = 1;
