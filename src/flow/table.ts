import { type Direction, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import { IP_PROTOCOL, NO_FLOW, type Packet } from '../wire/packet.ts';
import { TCP_FLAG } from '../wire/tcp.ts';
import { FLOW_KIND, FlowCounts, type FlowKind } from './counts.ts';
import type { FlowEvent } from './events.ts';
import { ENDED_FLAGS, FLOW_FLAG, type FlowEndReason } from './flags.ts';
import { FlowIndex } from './flow-index.ts';
import { FORGOTTEN, ForgottenFlows } from './forgotten-flows.ts';
import { isV6Tag, protocolOf, tunnelDepthOf, vlanIdOf } from './key.ts';
import { CLASSES_OF_KIND, kindOf, OFFERED_OF_KIND, SPARED_OF_KIND } from './kinds.ts';
import { countsSources, DEFAULT_FLOW_TABLE_OPTIONS, type FlowTableOptions, flowCapacity } from './options.ts';
import type { FlowSlot } from './slot.ts';
import { SourceCounts } from './source-counts.ts';
import {
  firstClass,
  IdleLists,
  TIMEOUT_CLASS,
  TIMEOUT_CLASSES,
  type TimeoutClass,
  timeoutsByClass,
} from './timeouts.ts';

/** What `lookup` found. */
export const LOOKUP = {
  /** The packet belongs to no flow, and never will. */
  none: 0,
  known: 1,
  new: 2,
  /** It would begin a flow, but a cap is reached; the event is on the packet. */
  full: 3,
} as const;
export type Lookup = (typeof LOOKUP)[keyof typeof LOOKUP];

/**
 * The flows of one worker: a slot each, whose columns are arrays of fixed size, claimed at the start. Memory that no
 * flow has used yet costs nothing, since the kernel backs it on first use. A slot is reused after its flow's end; other
 * stages keep their own columns under the same slot and empty them in `onEnd`.
 */
export class FlowTable {
  readonly capacity: number;
  /** Times of the first and last packet. */
  readonly firstSeenMs: Float64Array;
  readonly lastSeenMs: Float64Array;
  /** Per direction, at `slot * 2 + direction`. Bytes on the wire. */
  readonly packets: Float64Array;
  readonly bytes: Float64Array;
  /** Of FLOW_FLAG. */
  readonly flags: Uint16Array;

  readonly #options: FlowTableOptions;
  readonly #counts: FlowCounts;
  /** Null: no cap asks for them. */
  readonly #sources: SourceCounts | null;
  readonly #timeoutsMs: Float64Array;
  readonly #onEnd: (slot: FlowSlot, reason: FlowEndReason) => void;
  readonly #index: FlowIndex;
  readonly #idle: IdleLists;
  readonly #ids: Float64Array;
  readonly #forgotten: ForgottenFlows;
  #size = 0;
  #nextId: number;
  #nextClassToExpire = 0;

  /**
   * `seed` must be secret and random for each process. `onEnd` is told of each flow's end before its columns are
   * cleared; it must not call back into the table.
   */
  constructor(
    seed: readonly [number, number],
    onEnd: (slot: FlowSlot, reason: FlowEndReason) => void,
    options: Partial<FlowTableOptions> = {},
  ) {
    this.#options = { ...DEFAULT_FLOW_TABLE_OPTIONS, counts: new FlowCounts(), ...options };
    this.#counts = this.#options.counts;
    this.#timeoutsMs = timeoutsByClass(this.#options.timeouts);
    this.#onEnd = onEnd;
    const capacity = flowCapacity(this.#options);
    this.capacity = capacity;
    this.firstSeenMs = new Float64Array(capacity);
    this.lastSeenMs = new Float64Array(capacity);
    this.packets = new Float64Array(capacity * 2);
    this.bytes = new Float64Array(capacity * 2);
    this.flags = new Uint16Array(capacity);
    this.#index = new FlowIndex(capacity, seed);
    this.#idle = new IdleLists(capacity);
    this.#sources = countsSources(this.#options) ? this.#countSources(seed) : null;
    this.#ids = new Float64Array(capacity);
    this.#forgotten = new ForgottenFlows(this.#options.maxTcpFlows);
    // Ids of two runs are unlikely to meet in one log: the first one is random too.
    this.#nextId = ((seed[0] >>> 0) * 2 ** 13 + (seed[1] & 0x1fff)) % IDS_PER_WORKER;
  }

  /** Four words of the client's address at `slot * 8`, the server's at `slot * 8 + 4`, as in `Packet.source`. */
  get addresses(): Uint32Array {
    return this.#index.addresses;
  }

  /** Slots that were in use at some time are below. */
  get endSlot(): number {
    return this.#index.endSlot;
  }

  /** Flows in the table. */
  get size(): number {
    return this.#size;
  }

  /**
   * Finds the packet's flow or begins one, and sets `packet.flow` and `packet.direction`: TO_SERVER is the way of the
   * packet that began it. Counts the packet. Its `timeMs` is the only clock.
   */
  lookup(packet: Packet): Lookup {
    packet.flow = NO_FLOW;
    packet.direction = TO_SERVER;
    if (!this.#index.read(packet)) return LOOKUP.none;
    const slot = this.#index.find(packet);
    if (slot < 0) return this.#begin(packet);
    if (this.#sources !== null && this.#mayBeginAnew(slot, packet)) {
      const refusal = this.#refusalOfSource(this.#sources, packet, FLOW_KIND.tcp);
      if (refusal !== null) return refuse(packet, refusal);
    }
    return this.#see(slot, this.#index.direction, packet);
  }

  /** For EVE's flow_id: below 2^53, the same while the flow lives, and not used twice by one process. */
  flowId(slot: FlowSlot): number {
    return this.#ids[slot]!;
  }

  ipVersion(slot: FlowSlot): 4 | 6 {
    return isV6Tag(this.#index.tags[slot]!) ? 6 : 4;
  }

  protocol(slot: FlowSlot): number {
    return protocolOf(this.#index.tags[slot]!);
  }

  vlanId(slot: FlowSlot): number {
    return vlanIdOf(this.#index.tags[slot]!);
  }

  /** How many tunnels its packets come through. */
  tunnelDepth(slot: FlowSlot): number {
    return tunnelDepthOf(this.#index.tags[slot]!);
  }

  /** 0 where the protocol has no ports. */
  clientPort(slot: FlowSlot): number {
    return this.#hasPorts(slot) ? this.#index.ports[slot]! >>> 16 : 0;
  }

  serverPort(slot: FlowSlot): number {
    return this.#hasPorts(slot) ? this.#index.ports[slot]! & 0xffff : 0;
  }

  /** Makes the packet one of the flow that travels in this direction, as far as the table knows: without any bytes. */
  describe(slot: FlowSlot, direction: Direction, packet: Packet): void {
    const isFromClient = direction === TO_SERVER;
    packet.flow = slot;
    packet.direction = direction;
    packet.ipVersion = this.ipVersion(slot);
    packet.vlanId = this.vlanId(slot);
    packet.protocol = this.protocol(slot);
    packet.tunnelDepth = this.tunnelDepth(slot);
    this.#index.readAddresses(
      slot,
      isFromClient ? packet.source : packet.destination,
      isFromClient ? packet.destination : packet.source,
    );
    packet.sourcePort = isFromClient ? this.clientPort(slot) : this.serverPort(slot);
    packet.destinationPort = isFromClient ? this.serverPort(slot) : this.clientPort(slot);
  }

  timeoutClass(slot: FlowSlot): TimeoutClass {
    return this.#idle.classOf(slot);
  }

  setTimeoutClass(slot: FlowSlot, timeoutClass: TimeoutClass): void {
    const before = this.#idle.classOf(slot);
    if (before === timeoutClass) return;
    if (before === TIMEOUT_CLASS.tcpNew) {
      this.#counts.remove(FLOW_KIND.halfOpen);
      this.#sources?.addHalfOpen(slot, -1);
    }
    if (timeoutClass === TIMEOUT_CLASS.tcpNew) {
      this.#counts.add(FLOW_KIND.halfOpen);
      this.#sources?.addHalfOpen(slot, 1);
    }
    // Whoever opens one connection after the other has one at a time, however long the last ones are remembered. And
    // many silent ones have lost their other end: that keeps nobody from opening new ones.
    if (timeoutClass === TIMEOUT_CLASS.tcpClosed || timeoutClass === TIMEOUT_CLASS.tcpSilent) {
      this.#sources?.end(slot, false);
    }
    this.#idle.remove(slot);
    this.#idle.add(slot, timeoutClass);
  }

  /**
   * Nothing of the flow arrives any more. It keeps no new one out from now on: where it makes room, and its connection
   * had been established, it begins condemned when it is met again.
   */
  condemn(slot: FlowSlot): void {
    if (this.protocol(slot) !== IP_PROTOCOL.tcp) return;
    const timeoutClass = this.#idle.classOf(slot);
    // What was never established is judged anew from its first packet.
    const isUnknown = timeoutClass === TIMEOUT_CLASS.tcpNew || timeoutClass === TIMEOUT_CLASS.tcpUntracked;
    this.setTimeoutClass(slot, isUnknown ? TIMEOUT_CLASS.tcpUntracked : TIMEOUT_CLASS.tcpCondemned);
  }

  /** Client and server change places, with all that is counted. Packets in hand keep their direction. */
  reverse(slot: FlowSlot): void {
    this.#index.reverse(slot);
    swap(this.packets, slot * 2, slot * 2 + 1);
    swap(this.bytes, slot * 2, slot * 2 + 1);
    const flags = this.flags[slot]!;
    const ended = flags & ENDED_FLAGS;
    if (ended === FLOW_FLAG.endedToServer || ended === FLOW_FLAG.endedToClient) this.flags[slot] = flags ^ ENDED_FLAGS;
  }

  /**
   * The packet, which `lookup` gave to this flow, belongs to a new one between the same endpoints: the old flow ends,
   * the new one takes over the slot and has this packet. `direction` is the packet's way in the new flow.
   */
  restart(slot: FlowSlot, packet: Packet, direction: Direction): void {
    const counted = slot * 2 + packet.direction;
    this.packets[counted] = this.packets[counted]! - 1;
    this.bytes[counted] = this.bytes[counted]! - packet.wireBytes;
    this.#onEnd(slot, 'reused');
    if (direction !== packet.direction) this.reverse(slot);
    this.setTimeoutClass(slot, firstClass(this.protocol(slot)));
    if (direction === TO_SERVER) this.#countAnew(slot, packet);
    const ended = this.flags[slot]! & ENDED_FLAGS;
    this.#clear(slot, packet.timeMs);
    this.flags[slot] = ended;
    this.#see(slot, direction, packet);
  }

  release(slot: FlowSlot, reason: FlowEndReason = 'forced'): void {
    // What fails there must not keep the flow: every later packet would meet the same end of it.
    try {
      this.#onEnd(slot, reason);
    } finally {
      this.#remove(slot);
    }
  }

  #remove(slot: FlowSlot): void {
    const forgotten = this.#forgottenOf(slot);
    if (forgotten !== 0) this.#forgotten.add(this.#index.hashOf(slot), forgotten);
    this.#idle.remove(slot);
    const isHalfOpen = this.#idle.classOf(slot) === TIMEOUT_CLASS.tcpNew;
    this.#counts.remove(kindOf(this.protocol(slot)));
    if (isHalfOpen) this.#counts.remove(FLOW_KIND.halfOpen);
    this.#sources?.end(slot, isHalfOpen);
    this.#index.remove(slot);
    this.#size--;
  }

  /**
   * Ends flows that were idle for too long, or sets them aside, at most `maxFlows`; returns how many. Cheap when there
   * are none.
   */
  expire(nowMs: number, maxFlows: number): number {
    let ended = 0;
    // Begins with another class each time, so that a flood in one cannot keep the others from expiring.
    for (let n = 0; n < TIMEOUT_CLASSES && ended < maxFlows; n++) {
      const timeoutClass = ((this.#nextClassToExpire + n) % TIMEOUT_CLASSES) as TimeoutClass;
      for (let work = maxFlows - ended; work > 0; work--) {
        const done = this.#expireOldest(timeoutClass, nowMs);
        if (done === NOTHING) break;
        if (done === ENDED || done === SET_ASIDE) ended++;
      }
    }
    this.#nextClassToExpire = (this.#nextClassToExpire + 1) % TIMEOUT_CLASSES;
    // Where thousands of connections come and go each second, what is over is not kept for its full time.
    while (ended < maxFlows && this.#idle.sizeOf(TIMEOUT_CLASS.tcpClosed) > MAX_CLOSED_FLOWS) {
      if (!this.#spareOldest(TIMEOUT_CLASS.tcpClosed, nowMs, LAST_PACKETS_MS, 'timeout')) break;
      ended++;
    }
    this.#offer();
    return ended;
  }

  /** Every flow, in no order that means something. `visit` may release the flow that it is given. */
  forEach(visit: (slot: FlowSlot) => void): void {
    for (let n = 0; n < TIMEOUT_CLASSES; n++) {
      let slot = this.#idle.oldest(n as TimeoutClass);
      while (slot >= 0) {
        const next = this.#idle.newerThan(slot);
        visit(slot);
        slot = next;
      }
    }
  }

  #see(slot: number, direction: Direction, packet: Packet): Lookup {
    packet.flow = slot;
    packet.direction = direction;
    this.lastSeenMs[slot] = packet.timeMs;
    const counted = slot * 2 + direction;
    this.packets[counted] = this.packets[counted]! + 1;
    this.bytes[counted] = this.bytes[counted]! + packet.wireBytes;
    const timeoutClass = this.#idle.classOf(slot);
    if (timeoutClass === TIMEOUT_CLASS.tcpSilent) this.setTimeoutClass(slot, TIMEOUT_CLASS.tcpEstablished);
    else if (direction === TO_CLIENT && timeoutClass === TIMEOUT_CLASS.udpNew) {
      this.setTimeoutClass(slot, TIMEOUT_CLASS.udpReplied);
    } else this.#idle.touch(slot);
    return LOOKUP.known;
  }

  /** A SYN between the ports of a connection that is over, and counts no more. */
  #mayBeginAnew(slot: number, { tcpFlags }: Packet): boolean {
    return (
      this.#idle.classOf(slot) === TIMEOUT_CLASS.tcpClosed &&
      (tcpFlags & (TCP_FLAG.syn | TCP_FLAG.ack)) === TCP_FLAG.syn
    );
  }

  /** The packet's source has begun the flow that took over the slot. */
  #countAnew(slot: number, packet: Packet): void {
    const isHalfOpen = this.#idle.classOf(slot) === TIMEOUT_CLASS.tcpNew;
    this.#sources?.end(slot, isHalfOpen);
    this.#sources?.begin(slot, packet, isHalfOpen);
  }

  #begin(packet: Packet): Lookup {
    const refusal = this.#claim(packet);
    if (refusal !== null) return refuse(packet, refusal);
    const slot = this.#index.add(packet);
    this.#idle.add(slot, firstClass(packet.protocol));
    this.#sources?.begin(slot, packet, this.#idle.classOf(slot) === TIMEOUT_CLASS.tcpNew);
    this.#size++;
    this.#clear(slot, packet.timeMs);
    if (packet.protocol === IP_PROTOCOL.tcp) this.#remember(slot, this.#forgotten.take(this.#index.hash));
    this.#see(slot, TO_SERVER, packet);
    return LOOKUP.new;
  }

  /** New connections may have begun unseen between the endpoints of those that had ended. */
  forgetEnds(): void {
    for (let slot = 0; slot < this.flags.length; slot++) this.flags[slot] = this.flags[slot]! & ~ENDED_FLAGS;
    this.#forgotten.forgetEnds();
  }

  /** In bits of FORGOTTEN. */
  #forgottenOf(slot: number): number {
    if (this.#idle.classOf(slot) === TIMEOUT_CLASS.tcpCondemned) return FORGOTTEN.condemned;
    const ended = this.flags[slot]! & ENDED_FLAGS;
    if (ended === 0 || ended === ENDED_FLAGS) return ended === 0 ? 0 : FORGOTTEN.firstEnded | FORGOTTEN.secondEnded;
    const isFirstEnded = this.#index.isClientFirst(slot) === (ended === FLOW_FLAG.endedToServer);
    return isFirstEnded ? FORGOTTEN.firstEnded : FORGOTTEN.secondEnded;
  }

  #remember(slot: number, forgotten: number): void {
    if (forgotten === 0) return;
    if ((forgotten & FORGOTTEN.condemned) !== 0) {
      this.flags[slot] = FLOW_FLAG.condemned;
      this.setTimeoutClass(slot, TIMEOUT_CLASS.tcpCondemned);
      return;
    }
    const isClientFirst = this.#index.isClientFirst(slot);
    const { firstEnded, secondEnded } = FORGOTTEN;
    if ((forgotten & (isClientFirst ? firstEnded : secondEnded)) !== 0) this.#flag(slot, FLOW_FLAG.endedToServer);
    if ((forgotten & (isClientFirst ? secondEnded : firstEnded)) !== 0) this.#flag(slot, FLOW_FLAG.endedToClient);
  }

  #flag(slot: number, flag: number): void {
    this.flags[slot] = this.flags[slot]! | flag;
  }

  #clear(slot: number, timeMs: number): void {
    this.#ids[slot] = this.#options.worker * IDS_PER_WORKER + this.#nextId;
    this.#nextId = (this.#nextId + 1) % IDS_PER_WORKER;
    this.firstSeenMs[slot] = timeMs;
    this.flags[slot] = 0;
    for (let direction = 0; direction < 2; direction++) {
      this.packets[slot * 2 + direction] = 0;
      this.bytes[slot * 2 + direction] = 0;
    }
  }

  /** Counts a new flow against the caps; the event of the cap that refuses it, or null. */
  #claim(packet: Packet): FlowEvent | null {
    const kind = kindOf(packet.protocol);
    const refusal = this.#sources === null ? null : this.#refusalOfSource(this.#sources, packet, kind);
    if (refusal !== null) return refusal;
    if (kind !== FLOW_KIND.tcp) {
      const limit = kind === FLOW_KIND.udp ? this.#options.maxUdpFlows : this.#options.maxOtherFlows;
      if (this.#tryAdd(kind, limit, packet)) return null;
      return kind === FLOW_KIND.udp ? 'flow.udp_limit' : 'flow.other_limit';
    }
    const maxHalfOpen = this.#options.maxHalfOpenFlows ?? Number.POSITIVE_INFINITY;
    if (!this.#tryAdd(FLOW_KIND.halfOpen, maxHalfOpen, packet)) return 'flow.half_open_limit';
    if (this.#tryAdd(kind, this.#options.maxTcpFlows, packet)) return null;
    this.#counts.remove(FLOW_KIND.halfOpen);
    return 'flow.tcp_limit';
  }

  #countSources(seed: readonly [number, number]): SourceCounts {
    const { sourceMemory, worker } = this.#options;
    if (sourceMemory === null) return SourceCounts.own(this.capacity, seed);
    return SourceCounts.shared(sourceMemory, worker, this.capacity);
  }

  #refusalOfSource(sources: SourceCounts, packet: Packet, kind: FlowKind): FlowEvent | null {
    const { maxFlowsPerSource, maxHalfOpenPerSource } = this.#options;
    if (maxFlowsPerSource !== null && sources.flowsOf(packet) >= maxFlowsPerSource) return 'flow.source_limit';
    if (maxHalfOpenPerSource === null || kind !== FLOW_KIND.tcp) return null;
    return sources.halfOpenOf(packet) >= maxHalfOpenPerSource ? 'flow.source_half_open_limit' : null;
  }

  #tryAdd(kind: FlowKind, limit: number, packet: Packet): boolean {
    if (this.#counts.tryAdd(kind, limit)) return true;
    if (!this.#makeRoom(kind, packet)) return this.#counts.tryAddForOffered(kind, limit);
    if (this.#counts.tryAdd(kind, limit)) return true;
    // Another worker has gone beyond the cap.
    this.#makeRoom(kind, packet);
    this.#counts.add(kind);
    return true;
  }

  /** Tells the other workers how many flows could make room here. */
  #offer(): void {
    for (let kind = 0; kind < OFFERED_OF_KIND.length; kind++) {
      const classes = OFFERED_OF_KIND[kind]!;
      let flows = 0;
      for (let i = 0; i < classes.length; i++) flows += this.#idle.sizeOf(classes[i]!);
      this.#counts.offer(kind as FlowKind, flows);
    }
  }

  /** Ends one flow of the kind that is no concurrent flow any more, or that can be spared most easily. */
  #makeRoom(kind: FlowKind, packet: Packet): boolean {
    const classes = CLASSES_OF_KIND[kind]!;
    for (let i = 0; i < classes.length; i++) {
      if (this.#expireOldest(classes[i]!, packet.timeMs) === ENDED) return true;
    }
    // A connection that is over needs no time to be answered.
    if (kind === FLOW_KIND.tcp) {
      if (this.#spareOldest(TIMEOUT_CLASS.tcpClosed, packet.timeMs, 0, 'evicted')) return true;
      // But a new one between the same ports may just be waiting for its answer.
      if (this.#spareOldest(TIMEOUT_CLASS.tcpCondemned, packet.timeMs, ANSWER_TIME_MS, 'evicted')) return true;
      if (this.#spareOldest(TIMEOUT_CLASS.tcpSilent, packet.timeMs, 0, 'timeout')) return true;
    }
    const spared = SPARED_OF_KIND[kind]!;
    for (let i = 0; i < spared.length; i++) {
      if (!this.#spareOldest(spared[i]!, packet.timeMs, ANSWER_TIME_MS, 'recycled')) continue;
      packet.events.push('flow.recycled' satisfies FlowEvent);
      return true;
    }
    return false;
  }

  /** Ends the class's oldest flow, if it has been silent for so long, or since before time went back. */
  #spareOldest(timeoutClass: TimeoutClass, nowMs: number, silentMs: number, reason: FlowEndReason): boolean {
    const slot = this.#idle.oldest(timeoutClass);
    if (slot < 0) return false;
    const idleMs = nowMs - this.lastSeenMs[slot]!;
    if (idleMs >= 0 && idleMs < silentMs) return false;
    this.release(slot, reason);
    return true;
  }

  /**
   * Looks at the class's oldest flow. One that was last seen in the future means that time went back: it counts as
   * seen now, or it would block all behind it until time has caught up.
   */
  #expireOldest(timeoutClass: TimeoutClass, nowMs: number): Expiry {
    const slot = this.#idle.oldest(timeoutClass);
    if (slot < 0) return NOTHING;
    const idleMs = nowMs - this.lastSeenMs[slot]!;
    if (idleMs >= this.#timeoutsMs[timeoutClass]!) {
      if (timeoutClass === TIMEOUT_CLASS.tcpEstablished && this.#setAside(slot, idleMs)) return SET_ASIDE;
      this.release(slot, 'timeout');
      return ENDED;
    }
    if (idleMs >= 0) return NOTHING;
    this.lastSeenMs[slot] = nowMs;
    this.#idle.touch(slot);
    return RESTAMPED;
  }

  #setAside(slot: FlowSlot, idleMs: number): boolean {
    if (idleMs >= this.#timeoutsMs[TIMEOUT_CLASS.tcpSilent]!) return false;
    // Before it is asked, or a failure there would meet every later packet.
    this.setTimeoutClass(slot, TIMEOUT_CLASS.tcpSilent);
    return this.#options.onSilent(slot);
  }

  #hasPorts(slot: number): boolean {
    const protocol = this.protocol(slot);
    return protocol !== IP_PROTOCOL.icmp && protocol !== IP_PROTOCOL.icmpv6;
  }
}

/** 2^53 over 256 workers. */
const IDS_PER_WORKER = 2 ** 45;

// What `#expireOldest` did.
const NOTHING = 0;
const ENDED = 1;
const RESTAMPED = 2;
const SET_ASIDE = 3;
type Expiry = typeof NOTHING | typeof ENDED | typeof RESTAMPED | typeof SET_ASIDE;

/**
 * What nobody has answered for so long may make room for a new flow: a handshake is left alone for as long as it takes
 * round the world. Ours. With 100,000 flows, floods of 400,000 packets a second keep no new connection out.
 */
const ANSWER_TIME_MS = 250;
/** Connections that are over and kept for their full time: three megabytes. Ours. */
const MAX_CLOSED_FLOWS = 4_096;
/**
 * Beyond these, each is kept for so long: twice Linux's least time to send a lost FIN again (TCP_RTO_MIN, 200 ms).
 * Ours.
 */
const LAST_PACKETS_MS = 500;

function refuse(packet: Packet, event: FlowEvent): Lookup {
  packet.events.push(event);
  return LOOKUP.full;
}

function swap(column: Float64Array, a: number, b: number): void {
  const value = column[a]!;
  column[a] = column[b]!;
  column[b] = value;
}
