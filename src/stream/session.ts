import { type Direction, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import type { DeliveredBytes } from './delivered-bytes.ts';
import type { SegmentQueue } from './segment-queue.ts';
import { isAfter } from './sequence.ts';

/** RFC 9293 §3.3.2 as seen from the server, which is how Suricata numbers and names them in EVE. */
export const TCP_STATE = {
  none: 0,
  synSent: 1,
  synReceived: 2,
  established: 3,
  finWait1: 4,
  finWait2: 5,
  timeWait: 6,
  lastAck: 7,
  closeWait: 8,
  closing: 9,
  closed: 10,
} as const;
export type TcpState = (typeof TCP_STATE)[keyof typeof TCP_STATE];

/** What must be known of a SYN to begin with it later. */
export interface OtherSyn {
  readonly initial: number;
  readonly window: number;
  readonly windowScale: number;
  readonly hasTimestamps: boolean;
  readonly inInterface: number;
}

/**
 * The bytes that travel in one direction. Sequence numbers are those of its sender, acknowledgements and windows those
 * that its receiver sent back.
 */
export class TcpHalf {
  readonly direction: Direction;

  /** The sender's SYN was seen, or is inferred from the other side's acknowledgement. */
  hasSyn = false;
  /** Sequence number of the SYN. */
  initial = 0;
  /** By which interface the SYN came in; 0: by none, being this host's; -1: it was not seen. */
  inInterface = -1;
  /** False after a pick-up, until the sender's first data or FIN tells where it is. */
  isSynced = true;
  /**
   * False after a pick-up, until the receiver has acknowledged the place where we began to read. Before that, bytes of
   * before may still be what it reads next.
   */
  isAnchored = true;
  /** Where we began to read, and whether the receiver has said since then where it is. */
  pickedUpAt = 0;
  hasWord = true;
  /** How often it turned out that the receiver lacks bytes from before `pickedUpAt`. */
  restarts = 0;
  /** The next byte to deliver: the receiver's RCV.NXT as far as we can know it. */
  next = 0;
  /** Behind the last byte that passed us, in whatever order: the sender's SND.NXT. */
  highest = 0;
  /** The receiver's last acknowledgement: the sender's SND.UNA. */
  acked = 0;
  /** The right edge of the receiver's window; it never moves back here, though a receiver may shrink it. */
  windowEnd = 0;
  /** The largest window that the receiver offered. */
  maxWindow = 0;
  /** RFC 7323 §2: the shift of the windows that the *sender* announces for the other direction. */
  windowScale = 0;
  /** RFC 7323 §4.3: TS.Recent of the receiver. */
  recentTimestamp = 0;

  /**
   * More SYNs or SYN-ACKs with other sequence numbers, null where there are none. The other side's answer decides which
   * one counts.
   */
  others: OtherSyn[] | null = null;

  /** A FIN was seen, and where: behind the last byte. */
  hasFin = false;
  fin = 0;
  /** The consumer was told of the end. */
  isEnded = false;
  /** Somebody reads the bytes, so that what is sent again must be the same. */
  isCompared = true;
  /** How many bytes came before `next`, counting gaps. */
  offset = 0;
  /**
   * The last urgent byte that was announced, and when. Its receiver reads it apart from the stream, and so it is left
   * out of it (RFC 6093 §3.1, tcp_recvmsg in net/ipv4/tcp.c).
   */
  hasUrgent = false;
  urgent = 0;
  urgentMs = 0;
  /** How many were left out. */
  urgentBytes = 0;
  /** Out-of-order data, null until there is some. */
  queue: SegmentQueue | null = null;
  /** What was delivered and is not acknowledged, null where there is nothing. */
  delivered: DeliveredBytes | null = null;
  /** Of it, bytes that came with the SYN. */
  synDataBytes = 0;

  constructor(direction: Direction) {
    this.direction = direction;
  }

  /** Begins at a SYN with this sequence number, which came in by this interface. */
  begin(initial: number, inInterface: number): void {
    this.hasSyn = true;
    this.initial = initial;
    this.inInterface = inInterface;
    this.next = (initial + 1) | 0;
    this.highest = this.next;
    this.acked = initial;
    this.windowEnd = this.next;
  }

  /** Begins in the middle of a connection. */
  pickUp(next: number): void {
    this.hasSyn = true;
    this.initial = (next - 1) | 0;
    this.next = next;
    this.highest = next;
    this.acked = next;
    this.windowEnd = (next + PICKED_UP_WINDOW_BYTES) | 0;
    this.maxWindow = PICKED_UP_WINDOW_BYTES;
    this.loosen();
    this.pickedUpAt = next;
  }

  /** Nobody knows whether the receiver is where we are. */
  loosen(): void {
    this.isAnchored = false;
    this.hasWord = false;
  }

  /** Where the sender is nobody knows, before its next segment. */
  lose(): void {
    this.isSynced = false;
    this.pickedUpAt = this.next;
    this.loosen();
  }

  /** Where we began to read is what the sender says; its receiver has not confirmed it. */
  get isDoubtful(): boolean {
    return this.isSynced && !this.isAnchored;
  }

  /** The sender is at `next`. */
  synchronise(next: number): void {
    this.next = next;
    this.pickedUpAt = next;
    this.isSynced = true;
    this.isAnchored = this.hasWord && !isAfter(next, this.acked);
  }

  /** As new. What is kept was let go before. */
  reset(): void {
    this.hasSyn = false;
    this.initial = 0;
    this.inInterface = -1;
    this.isSynced = true;
    this.isAnchored = true;
    this.pickedUpAt = 0;
    this.hasWord = true;
    this.restarts = 0;
    this.next = 0;
    this.highest = 0;
    this.acked = 0;
    this.windowEnd = 0;
    this.maxWindow = 0;
    this.windowScale = 0;
    this.recentTimestamp = 0;
    this.others = null;
    this.hasFin = false;
    this.fin = 0;
    this.isEnded = false;
    this.isCompared = true;
    this.offset = 0;
    this.hasUrgent = false;
    this.urgent = 0;
    this.urgentMs = 0;
    this.urgentBytes = 0;
    this.queue = null;
    this.delivered = null;
    this.synDataBytes = 0;
  }
}

/** One TCP connection. Pooled: `reset` before it serves the next one. */
export class TcpSession {
  flow = 0;
  /** Of the lapses of inspection, how many it has been carried over. See SessionTable. */
  lapses = 0;
  state: TcpState = TCP_STATE.none;
  /** The three-way handshake was completed, or a mid-stream pick-up stands for it. Stays so until the end. */
  isEstablished = false;
  isMidstream = false;
  /** Nobody sees its segments, save those with SYN, FIN or RST, until one is given to us again. */
  isBypassed = false;
  /** That is why nobody knows where it is. */
  wasBypassed = false;
  /** Both sides offered them, so that they are in every segment. */
  hasTimestamps = false;
  hasSack = false;
  /** The server answered with a signed SYN-ACK: then all segments are signed (RFC 2385), else none. */
  isSigned = false;
  /** The server has acknowledged data of the SYN, so that it may speak before the handshake is complete. */
  isFastOpen = false;
  /** The server sent a SYN of its own without acknowledging the client's: a simultaneous or a split handshake. */
  isCrossed = false;
  hasServerSynAck = false;
  /** The window in the client's SYN, for the server's first bytes. */
  synWindow = 0;
  /** Which way the RST went that closed it; null where none did. */
  resetDirection: Direction | null = null;
  /** Which way a RST went of which nobody knows whether its receiver heeded it. */
  doubtfulResetDirection: Direction | null = null;
  readonly toServer = new TcpHalf(TO_SERVER);
  readonly toClient = new TcpHalf(TO_CLIENT);

  half(direction: Direction): TcpHalf {
    return direction === TO_SERVER ? this.toServer : this.toClient;
  }

  reset(flow: number): void {
    this.flow = flow;
    this.state = TCP_STATE.none;
    this.isEstablished = false;
    this.isMidstream = false;
    this.isBypassed = false;
    this.wasBypassed = false;
    this.hasTimestamps = false;
    this.hasSack = false;
    this.isSigned = false;
    this.isFastOpen = false;
    this.isCrossed = false;
    this.hasServerSynAck = false;
    this.synWindow = 0;
    this.resetDirection = null;
    this.doubtfulResetDirection = null;
    this.toServer.reset();
    this.toClient.reset();
  }
}

/** RFC 7323 §2.2: no window is larger. After a pick-up nobody knows what was negotiated. */
export const PICKED_UP_WINDOW_BYTES = 2 ** 30;
