import { IP_PROTOCOL } from '../wire/packet.ts';

/** Flows of one class are forgotten after the same idle time. */
export const TIMEOUT_CLASS = {
  /** The handshake is not complete: half-open. */
  tcpNew: 0,
  /** A connection whose beginning was not seen. */
  tcpUntracked: 1,
  tcpEstablished: 2,
  /** One side has sent FIN. */
  tcpClosing: 3,
  /** Both FINs are acknowledged, or it was reset. */
  tcpClosed: 4,
  /** Nobody answered yet. */
  udpNew: 5,
  udpReplied: 6,
  icmp: 7,
  other: 8,
  /** Of an established connection nothing arrives any more. */
  tcpCondemned: 9,
  /**
   * Established, and silent for longer than most ever are: it makes room for new flows before any that is being opened.
   */
  tcpSilent: 10,
} as const;
export type TimeoutClass = (typeof TIMEOUT_CLASS)[keyof typeof TIMEOUT_CLASS];
export const TIMEOUT_CLASSES = Object.keys(TIMEOUT_CLASS).length;

/** Of each class, the time without a packet after which its flows end. */
export interface FlowTimeouts {
  readonly tcpNewMs: number;
  readonly tcpUntrackedMs: number;
  /** Then it is set aside, or forgotten where nobody would look into what still comes. */
  readonly tcpEstablishedMs: number;
  /** Since its last packet, as the others. */
  readonly tcpSilentMs: number;
  readonly tcpClosingMs: number;
  readonly tcpClosedMs: number;
  readonly udpNewMs: number;
  readonly udpRepliedMs: number;
  readonly icmpMs: number;
  readonly otherMs: number;
}

export const DEFAULT_FLOW_TIMEOUTS: FlowTimeouts = {
  // Suricata's flow-timeouts (suricata.yaml): tcp new 60, icmp new 30, udp new 30 and established 300 seconds.
  tcpNewMs: 60_000,
  // Ours: such a flow holds nothing that its next packet could not bring back.
  tcpUntrackedMs: 60_000,
  // Suricata 600, Deep Security 3 hours, RFC 5382 REQ-5 at least 2 h 4 min for a translator, which breaks what it
  // forgets. An hour covers keep-alives of most services.
  tcpEstablishedMs: 3_600_000,
  // The kernel's nf_conntrack_tcp_timeout_established, 5 days. A flow that is forgotten goes on and is read from where
  // it is: whoever waits for that in the midst of a message shows rules only its end.
  tcpSilentMs: 432_000_000,
  // Deep Security's FIN_WAIT1 and CLOSE_WAIT; the kernel's nf_conntrack_tcp_timeout_fin_wait is the same.
  tcpClosingMs: 120_000,
  // The kernel's nf_conntrack_tcp_timeout_close: time for the last retransmissions.
  tcpClosedMs: 10_000,
  udpNewMs: 30_000,
  udpRepliedMs: 300_000,
  icmpMs: 30_000,
  // Ours: twice the time of an unanswered datagram.
  otherMs: 60_000,
};

/** Of a flow that begins. */
export function firstClass(protocol: number): TimeoutClass {
  if (protocol === IP_PROTOCOL.tcp) return TIMEOUT_CLASS.tcpNew;
  if (protocol === IP_PROTOCOL.udp) return TIMEOUT_CLASS.udpNew;
  return protocol === IP_PROTOCOL.icmp || protocol === IP_PROTOCOL.icmpv6 ? TIMEOUT_CLASS.icmp : TIMEOUT_CLASS.other;
}

/** The idle time of each class, by its number. */
export const timeoutsByClass = (timeouts: FlowTimeouts): Float64Array =>
  Float64Array.of(
    timeouts.tcpNewMs,
    timeouts.tcpUntrackedMs,
    timeouts.tcpEstablishedMs,
    timeouts.tcpClosingMs,
    timeouts.tcpClosedMs,
    timeouts.udpNewMs,
    timeouts.udpRepliedMs,
    timeouts.icmpMs,
    timeouts.otherMs,
    // For so long its two ends may hold it.
    timeouts.tcpEstablishedMs,
    timeouts.tcpSilentMs,
  );

/**
 * One list of slots per timeout class, the least recently used first. Since all flows of a class have the same timeout,
 * the order of use is the order of expiry, and touching, moving and expiring cost the same however many there are.
 */
export class IdleLists {
  // Links are slots plus one: 0 is none, and memory that nobody used yet needs no filling.
  readonly #older: Int32Array;
  readonly #newer: Int32Array;
  readonly #oldest = new Int32Array(TIMEOUT_CLASSES);
  readonly #newest = new Int32Array(TIMEOUT_CLASSES);
  readonly #sizes = new Int32Array(TIMEOUT_CLASSES);
  readonly #classes: Uint8Array;

  constructor(capacity: number) {
    this.#older = new Int32Array(capacity);
    this.#newer = new Int32Array(capacity);
    this.#classes = new Uint8Array(capacity);
  }

  classOf(slot: number): TimeoutClass {
    return this.#classes[slot]! as TimeoutClass;
  }

  sizeOf(timeoutClass: TimeoutClass): number {
    return this.#sizes[timeoutClass]!;
  }

  /** The slot that was not used for longest, -1 where there is none. */
  oldest(timeoutClass: TimeoutClass): number {
    return this.#oldest[timeoutClass]! - 1;
  }

  /** The next one used after it, or -1. */
  newerThan(slot: number): number {
    return this.#newer[slot]! - 1;
  }

  add(slot: number, timeoutClass: TimeoutClass): void {
    const newest = this.#newest[timeoutClass]!;
    this.#classes[slot] = timeoutClass;
    this.#sizes[timeoutClass] = this.#sizes[timeoutClass]! + 1;
    this.#older[slot] = newest;
    this.#newer[slot] = 0;
    if (newest === 0) this.#oldest[timeoutClass] = slot + 1;
    else this.#newer[newest - 1] = slot + 1;
    this.#newest[timeoutClass] = slot + 1;
  }

  remove(slot: number): void {
    const timeoutClass = this.#classes[slot]!;
    const older = this.#older[slot]!;
    const newer = this.#newer[slot]!;
    this.#sizes[timeoutClass] = this.#sizes[timeoutClass]! - 1;
    if (older === 0) this.#oldest[timeoutClass] = newer;
    else this.#newer[older - 1] = newer;
    if (newer === 0) this.#newest[timeoutClass] = older;
    else this.#older[newer - 1] = older;
  }

  /** It was used just now. */
  touch(slot: number): void {
    const timeoutClass = this.#classes[slot]! as TimeoutClass;
    if (this.#newest[timeoutClass] === slot + 1) return;
    this.remove(slot);
    this.add(slot, timeoutClass);
  }
}
