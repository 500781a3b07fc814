import { type AppProtocol, STAGE, type Stage, type Transaction } from '../app/protocol.ts';
import { NOTHING_SHOWN } from '../app/session.ts';
import { EMPTY_BYTES } from '../base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import type { FlowSlot } from '../flow/slot.ts';
import type { Inspected, Rule, Step } from '../rules/rule.ts';
import { IP_PROTOCOL, NO_FLOW, type Packet } from '../wire/packet.ts';
import { Candidates } from './candidates.ts';
import { Evaluator, filesThere, OUTCOME, type RawBytes, type RuleOutcome } from './evaluator.ts';
import { FlowBits } from './flow-bits.ts';
import { FlowDetections, type PendingTransaction, type StreamDetection } from './flow-state.ts';
import { type FlowContext, fitsEndpoints, fitsState } from './header.ts';
import { type Match, MatchList } from './match-list.ts';
import { type FlowFigures, PacketState } from './packet-state.ts';
import type { PatternIndex } from './pattern-index.ts';
import type { PortTable } from './port-table.ts';
import { type BufferSearch, inspectsStream, type Ruleset } from './ruleset.ts';
import { WindowMemory } from './stream-window.ts';
import { Thresholds } from './thresholds.ts';

export interface DetectionLimits {
  /** How far into one direction of a stream raw-stream rules look. */
  readonly streamDepthBytes: number;
  /** All stream windows together. */
  readonly windowMemoryBytes: number;
}

/** What detection needs of its surroundings. */
export interface DetectionHost {
  readonly figures: FlowFigures;
  /** Secret and random for each process: where hosts land in tables must not be foreseeable. */
  readonly seed: readonly [number, number];
}

/** Per flow slot: these rules were judged in this direction (bits 0 and 1, 2 and 3). */
const JUDGED = { addresses: 1, shown: 4 } as const;

/**
 * Finds the rules that match: candidates by one pattern search per buffer, then each candidate exactly. Called while
 * one packet is judged: `begin`; then, for each piece of the stream, `keepStream`, what the protocols find in it
 * (`onProgress`), `judgeStream`; then `onPacket`, `onPacketEvents` and `finish`. Pieces of the stream and transactions are of either direction: a packet can
 * bring to an end what the other side has sent.
 */
export class Detector implements RawBytes {
  /** Of the current packet; after `finish` in the order in which they are judged, and only those that count. */
  readonly matches: readonly Match[];
  readonly windowMemory: WindowMemory;
  #ruleset: Ruleset;
  #candidates: Candidates;
  readonly #limits: DetectionLimits;
  readonly #evaluator = new Evaluator();
  readonly #flows = new FlowDetections();
  /** Per flow slot: address-only rules were judged in this direction (bits 0 and 1). */
  readonly #judgedOnce = new FlowBits();
  readonly #found: MatchList;
  #packet!: Packet;
  #context!: FlowContext;
  /** For bytes that were delivered: a stream's receiver reads them, whatever the handshake looks like. */
  readonly #delivered: FlowContext = {
    isEstablished: true,
    app: null,
    shown: NOTHING_SHOWN,
    isInStream: true,
  };

  // The piece of the stream in hand. Without a stream no rule wants it.
  #stream: StreamDetection | null = null;
  #streamDirection: Direction = 0;
  readonly #view: Inspected = { bytes: EMPTY_BYTES, start: 0, end: 0, skippedBytes: 0 };
  #pieceBytes = 0;
  /** The packet's payload is so far in its stream that rules on the stream look no more. */
  #isBeyondDepth = false;

  constructor(ruleset: Ruleset, limits: DetectionLimits, { figures, seed }: DetectionHost) {
    this.#ruleset = ruleset;
    this.#candidates = new Candidates(ruleset.rules.length);
    this.#limits = limits;
    this.windowMemory = new WindowMemory(limits.windowMemoryBytes);
    this.#found = new MatchList(new PacketState(figures, seed), new Thresholds(seed));
    this.matches = this.#found.matches;
  }

  /** See MatchList. */
  get evictedTracks(): number {
    return this.#found.evictedTracks;
  }

  /** Between packets only. What flows remember of a rule goes on for the rule of the same number. */
  replace(ruleset: Ruleset): void {
    const orderOf = new Map(ruleset.rules.map((rule, order) => [identityOf(rule), order]));
    const orders = Int32Array.from(this.#ruleset.rules, (rule) => orderOf.get(identityOf(rule)) ?? -1);
    this.#flows.renumber(orders);
    this.#ruleset = ruleset;
    this.#candidates = new Candidates(ruleset.rules.length);
    this.#judgedOnce.clearAll();
  }

  /** Starts judging a packet. Both arguments are read until the next call. */
  begin(packet: Packet, context: FlowContext): void {
    this.#packet = packet;
    this.#context = context;
    this.#stream = null;
    this.#isBeyondDepth = false;
    this.#found.begin(packet);
  }

  release(flow: FlowSlot): void {
    this.#judgedOnce.clear(flow);
    this.#found.release(flow);
    this.forgetStreams(flow);
  }

  /** No more bytes will come: a flow that is over need not hold windows and candidates until it is forgotten. */
  forgetStreams(flow: FlowSlot): void {
    this.#flows.release(flow);
  }

  /**
   * New contiguous bytes of the packet's flow, before the protocols see them: they must stay in place until
   * `judgeStream`. Returns false where the memory limit leaves no room for what later bytes would need of them.
   */
  keepStream(direction: Direction, bytes: Uint8Array, start: number, end: number, offset: number): boolean {
    this.#stream = null;
    const packet = this.#packet;
    if (offset >= this.#limits.streamDepthBytes) {
      if (direction === packet.direction) this.#isBeyondDepth = true;
      return true;
    }
    if (!this.#concerns(this.#ruleset.packetGroup(packet.protocol, direction).streamReaders, direction)) return true;
    const stream = this.#flows.make(packet.flow).stream(direction, this.windowMemory);
    this.#stream = stream;
    this.#streamDirection = direction;
    this.#pieceBytes = end - start;
    return stream.window.append(bytes, start, end, offset, this.#view);
  }

  /**
   * Raw-stream rules on the piece that was kept, once its protocol is known. Returns false where too many rules wait
   * for more bytes of it to look at all of them.
   */
  judgeStream(): boolean {
    const stream = this.#stream;
    if (stream === null) return true;
    this.#stream = null;
    const direction = this.#streamDirection;
    const view = this.#view;
    const group = this.#ruleset.packetGroup(this.#packet.protocol, direction);
    const candidates = this.#candidates;
    candidates.clear();
    let newAt = view.end - this.#pieceBytes;
    // Where the window has moved, rules wait no longer for what their fast pattern began.
    if (stream.waitingSince !== view.skippedBytes) {
      if (stream.hasWaiting || stream.waitingSince < 0) newAt = 0;
      stream.waitingSince = view.skippedBytes;
      stream.forgetWaiting();
    }
    if (group.stream !== null && this.#concerns(group.streamPorts, direction)) {
      group.stream.search(view.bytes, Math.max(0, newAt - group.stream.longestBytes + 1), view.end, candidates);
    }
    const { budget } = stream;
    budget.earn(this.#pieceBytes);
    const isJudgedWhole = !budget.isSpent;
    if (isJudgedWhole) {
      stream.addWaiting(candidates);
      candidates.addAll(this.#rulesOn(group.streamUnpatterned, direction));
    }
    if (candidates.count > 0) {
      this.#evaluator.lookedBytes = 0;
      this.#deliverAs(this.#context.app);
      for (let i = 0; i < candidates.count; i++) this.#judgeInStream(candidates.indexes[i]!, stream, direction);
      budget.spend(this.#evaluator.lookedBytes);
    }
    if (view.skippedBytes + view.end >= this.#limits.streamDepthBytes) {
      stream.release();
    }
    return isJudgedWhole;
  }

  /** Rules on headers, on the packet's own payload, on addresses and on protocols. After all other calls. */
  onPacket(): void {
    const packet = this.#packet;
    const context = this.#context;
    const { direction } = packet;
    const group = this.#ruleset.packetGroup(packet.protocol, direction);
    if (group.isEmpty) return;
    if (group.addressOnly.length > 0) this.#judgeOnce(group.addressOnly, JUDGED.addresses);
    if (group.shownOnly.length > 0 && context.shown[direction] !== null) {
      this.#judgeOnce(group.shownOnly, JUDGED.shown);
    }

    const candidates = this.#candidates;
    candidates.clear();
    candidates.addAll(this.#rulesOn(group.packetUnpatterned, direction));
    const { bytes, payloadStart, payloadEnd } = packet;
    const hasPayload = payloadEnd > payloadStart;
    if (hasPayload && group.packet !== null && this.#concerns(group.packetPorts, direction)) {
      group.packet.search(bytes, payloadStart, payloadEnd, candidates);
    }
    if (hasPayload && !this.#isBeyondDepth && group.placed !== null && this.#concerns(group.placedPorts, direction)) {
      group.placed.search(bytes, payloadStart, payloadEnd, candidates);
    }
    // Payload that no stream took is all that raw-stream rules will ever see of it.
    if (hasPayload && !context.isInStream) {
      candidates.addAll(this.#rulesOn(group.streamUnpatterned, direction));
      if (group.stream !== null && this.#concerns(group.streamPorts, direction)) {
        group.stream.search(bytes, payloadStart, payloadEnd, candidates);
      }
    }
    for (let i = 0; i < candidates.count; i++) {
      const order = candidates.indexes[i]!;
      const rule = this.#ruleset.rules[order]!;
      if (rule.inspections.length > 0 && !hasPayload) continue;
      if (rule.protocol.scope === 'stream' || rule.flow.stream === 'only_stream') continue;
      if (!fitsEndpoints(rule, packet, direction) || !fitsState(rule, packet, direction, context)) continue;
      if (!this.#evaluator.payloadMatches(rule, bytes, payloadStart, payloadEnd, 0)) continue;
      if (context.isInStream && inspectsStream(rule) && this.#found.has(order)) continue;
      this.#add(order, null, null);
    }
  }

  /** A transaction of the packet's flow got further in this direction, or its growing buffers grew. */
  onProgress(
    protocol: AppProtocol,
    flow: FlowSlot,
    transaction: Transaction,
    direction: Direction,
    stage: Stage,
  ): void {
    const group = this.#ruleset.appGroup(protocol.name, direction);
    if (group === null) return;
    const state = this.#flows.of(flow);
    let pending = state === null ? null : state.pendingFor(transaction, direction);
    const candidates = this.#candidates;
    candidates.clear();
    if (group.raw !== null) this.#searchRaw(group.raw, flow, direction);

    const { searches } = group;
    for (let i = 0; i < searches.length; i++) {
      const { buffer, patterns } = searches[i]!;
      if (buffer.stage === STAGE.body) {
        if (stage >= STAGE.body)
          pending = this.#searchGrowing(searches, i, flow, transaction, direction, stage, pending);
        continue;
      }
      if (buffer.stage !== stage) continue;
      for (let nth = 0; ; nth++) {
        const bytes = buffer.read(transaction, direction, nth);
        if (bytes === null) break;
        patterns.search(bytes, 0, bytes.length, candidates);
      }
    }
    if (stage === STAGE.head) candidates.addAll(group.unpatterned);
    if (pending !== null && pending.rules.size > 0) {
      pending.budget.earn(this.#packet.payloadBytes);
      if (stage === STAGE.complete || !pending.budget.isSpent) for (const order of pending.rules) candidates.add(order);
    }
    if (candidates.count > 0) {
      this.#evaluator.lookedBytes = 0;
      this.#deliverAs(protocol.name);
      for (let i = 0; i < candidates.count; i++) {
        const order = candidates.indexes[i]!;
        pending = this.#judgeInTransaction(order, protocol, flow, transaction, direction, stage, pending);
      }
      pending?.budget.spend(this.#evaluator.lookedBytes);
    }
    if (stage === STAGE.complete && pending !== null) this.#flows.forget(this.#flows.of(flow)!, pending);
  }

  /** What decoding and TCP tracking found in the packet, whatever became of it then. After all other calls. */
  onPacketEvents(): void {
    const packet = this.#packet;
    const { bytes, payloadStart, payloadEnd, direction, events } = packet;
    if (events.length === 0 || this.#ruleset.ignoresPacketEvents) return;
    const candidates = this.#candidates;
    candidates.clear();
    for (let i = 0; i < events.length; i++) candidates.addAll(this.#ruleset.packetEventRules(events[i]!));
    for (let i = 0; i < candidates.count; i++) {
      const order = candidates.indexes[i]!;
      const rule = this.#ruleset.rules[order]!;
      if (!fitsEndpoints(rule, packet, direction) || !fitsState(rule, packet, direction, this.#context)) continue;
      if (this.#evaluator.payloadMatches(rule, bytes, payloadStart, payloadEnd, 0)) this.#add(order, null, null);
    }
  }

  /** What is left for the end: state, and how often rules may tell and act. No other call follows. */
  finish(): void {
    this.#found.finish();
  }

  /** A parser, or the detection of protocols (null), reported something of a transaction or (null) of the flow. */
  onAppEvent(
    protocol: AppProtocol | null,
    flow: FlowSlot,
    transaction: Transaction | null,
    direction: Direction,
    event: string,
  ): void {
    const rules = this.#ruleset.appEventRules(event);
    if (rules.length === 0) return;
    this.#deliverAs(protocol?.name ?? null);
    if (transaction === null) {
      const whole = this.#flows.make(flow).ofWhole();
      if (whole.events.has(event)) return;
      whole.events.add(event);
      for (let i = 0; i < rules.length; i++) this.#judgeFlowEvent(rules[i]!, direction, whole);
      return;
    }
    const known = this.#flows.of(flow)?.pendingFor(transaction, direction) ?? null;
    let pending = known ?? this.#flows.remember(flow, transaction, direction);
    if (pending.events.has(event)) return;
    pending.events.add(event);
    for (let i = 0; i < rules.length; i++) {
      const way = protocol?.hasOneWayTransactions === true ? direction : this.#wayOfEvent(rules[i]!, direction);
      pending = this.#judgeInTransaction(rules[i]!, protocol, flow, transaction, way, null, pending) ?? pending;
    }
  }

  /** As in Suricata, an event belongs to both directions of its transaction. What the rule looks into, to one. */
  #wayOfEvent(order: number, direction: Direction): Direction {
    const { flow, inspections } = this.#ruleset.rules[order]!;
    if (flow.direction === null || inspections.length > 0) return direction;
    return flow.direction === 'toserver' ? TO_SERVER : TO_CLIENT;
  }

  /** In rules on transactions, steps on no buffer look into the stream as far as it is kept, or into the packet. */
  rawMatches(steps: readonly Step[], direction: Direction): boolean {
    const evaluator = this.#evaluator;
    if (this.#stream !== null && this.#streamDirection === direction) {
      const { bytes, start, end, skippedBytes } = this.#view;
      return evaluator.matches(steps, bytes, start, end, skippedBytes);
    }
    const { flow, bytes, payloadStart, payloadEnd } = this.#packet;
    const window = this.#flows.of(flow)?.streams[direction]?.window ?? null;
    if (window !== null && evaluator.matches(steps, window.bytes, 0, window.end, window.skippedBytes)) return true;
    if (direction !== this.#packet.direction || payloadEnd === payloadStart) return false;
    return evaluator.matches(steps, bytes, payloadStart, payloadEnd, 0);
  }

  /** Adds the rules whose fast pattern is in what `rawMatches` would look into. */
  #searchRaw(patterns: PatternIndex, flow: FlowSlot, direction: Direction): void {
    const candidates = this.#candidates;
    if (this.#stream !== null && this.#streamDirection === direction) {
      const { bytes, end, skippedBytes } = this.#view;
      this.#stream.raw.search(patterns, bytes, end, skippedBytes, candidates);
      return;
    }
    const stream = this.#flows.of(flow)?.streams[direction] ?? null;
    if (stream !== null) {
      const { bytes, end, skippedBytes } = stream.window;
      stream.raw.search(patterns, bytes, end, skippedBytes, candidates);
    }
    const { bytes, payloadStart, payloadEnd } = this.#packet;
    if (direction === this.#packet.direction) patterns.search(bytes, payloadStart, payloadEnd, candidates);
  }

  #judgeInStream(order: number, stream: StreamDetection, direction: Direction): void {
    const packet = this.#packet;
    const rule = this.#ruleset.rules[order]!;
    if (!fitsEndpoints(rule, packet, direction)) return;
    const { bytes, end, skippedBytes } = this.#view;
    // What made a rule match does not make it match again. Without a fast pattern, nothing says that there is more.
    const seenUntil = stream.matchedUntil(order);
    if (seenUntil > 0 && rule.fastPattern === null) return;
    const start = Math.max(0, seenUntil - skippedBytes);
    if (
      fitsState(rule, packet, direction, this.#delivered) &&
      this.#evaluator.payloadMatches(rule, bytes, start, end, skippedBytes + start)
    ) {
      stream.match(order, skippedBytes + end);
      this.#add(order, null, null, true);
    } else if (rule.fastPattern !== null) stream.wait(order);
  }

  /** Returns what is remembered of the transaction, which may have begun just now. */
  #judgeInTransaction(
    order: number,
    protocol: AppProtocol | null,
    flow: FlowSlot,
    transaction: Transaction,
    direction: Direction,
    stage: Stage | null,
    known: PendingTransaction | null,
  ): PendingTransaction | null {
    const packet = this.#packet;
    const rule = this.#ruleset.rules[order]!;
    const filesBefore = known?.matched.get(order) ?? 0;
    if (filesBefore === 0 && known?.matched.has(order)) return known;
    const fits = fitsEndpoints(rule, packet, direction) && fitsState(rule, packet, direction, this.#delivered);
    let outcome: RuleOutcome = OUTCOME.no;
    if (fits && !hasEvents(rule, known)) outcome = OUTCOME.notYet;
    else if (fits) outcome = this.#evaluator.transactionMatches(rule, transaction, direction, stage, this, filesBefore);
    if (outcome === OUTCOME.no || (outcome === OUTCOME.notYet && stage === STAGE.complete)) {
      known?.rules.delete(order);
      return known;
    }
    const pending = known ?? this.#flows.remember(flow, transaction, direction);
    if (outcome === OUTCOME.notYet) pending.rules.add(order);
    else {
      const files = stage === STAGE.complete ? 0 : filesThere(rule, transaction, direction, filesBefore);
      if (files > 0) pending.rules.add(order);
      else pending.rules.delete(order);
      pending.matched.set(order, files);
      this.#add(order, transaction, protocol);
    }
    return pending;
  }

  #deliverAs(app: string | null): void {
    this.#delivered.app = app;
    this.#delivered.shown = this.#context.shown;
    this.#delivered.isEstablished = this.#packet.protocol === IP_PROTOCOL.tcp || this.#context.isEstablished;
  }

  /** A rule matches by the events of a flow once, and has nothing to look into there. */
  #judgeFlowEvent(order: number, direction: Direction, whole: PendingTransaction): void {
    const packet = this.#packet;
    const rule = this.#ruleset.rules[order]!;
    if (rule.inspections.length > 0 || whole.matched.has(order) || !hasEvents(rule, whole)) return;
    if (!fitsEndpoints(rule, packet, direction) || !fitsState(rule, packet, direction, this.#delivered)) return;
    whole.matched.set(order, 0);
    this.#add(order, null, null);
  }

  /** Instances come one after the other, and the last one grows: what was searched of it is not searched again. */
  #searchGrowing(
    searches: readonly BufferSearch[],
    search: number,
    flow: FlowSlot,
    transaction: Transaction,
    direction: Direction,
    stage: Stage,
    known: PendingTransaction | null,
  ): PendingTransaction | null {
    const { buffer, patterns } = searches[search]!;
    let pending = known;
    for (let nth = pending?.searchedInstance[search] ?? 0; ; nth++) {
      const bytes = buffer.read(transaction, direction, nth);
      if (bytes === null) return pending;
      // What is complete grows no more: there is nothing to remember.
      if (pending === null && stage === STAGE.complete) {
        patterns.search(bytes, 0, bytes.length, this.#candidates);
        continue;
      }
      pending ??= this.#flows.remember(flow, transaction, direction);
      const searchedBytes = nth === pending.searchedInstance[search] ? (pending.searchedBytes[search] ?? 0) : 0;
      if (bytes.length === searchedBytes) continue;
      const from = Math.max(0, searchedBytes - patterns.longestBytes + 1);
      patterns.search(bytes, from, bytes.length, this.#candidates);
      pending.searchedInstance[search] = nth;
      pending.searchedBytes[search] = bytes.length;
    }
  }

  #judgeOnce(rules: Int32Array, what: number): void {
    const packet = this.#packet;
    const { direction, flow } = packet;
    if (flow !== NO_FLOW && !this.#judgedOnce.mark(flow, what << direction)) return;
    for (let i = 0; i < rules.length; i++) {
      const order = rules[i]!;
      const rule = this.#ruleset.rules[order]!;
      if (fitsEndpoints(rule, packet, direction) && fitsState(rule, packet, direction, this.#context)) {
        this.#add(order, null, null);
      }
    }
  }

  /** The ports of the packet, seen in this direction. */
  #rulesOn(ports: PortTable, direction: Direction): Int32Array {
    const { sourcePort, destinationPort } = this.#packet;
    return direction === this.#packet.direction
      ? ports.rulesFor(sourcePort, destinationPort)
      : ports.rulesFor(destinationPort, sourcePort);
  }

  #concerns(ports: PortTable, direction: Direction): boolean {
    return this.#rulesOn(ports, direction).length > 0;
  }

  #add(order: number, transaction: Transaction | null, protocol: AppProtocol | null, isInStream = false): void {
    this.#found.add(this.#ruleset.rules[order]!, order, transaction, protocol, isInStream);
  }
}

/** Were all events reported that the rule asks for? */
function hasEvents({ appEvents }: Rule, known: PendingTransaction | null): boolean {
  for (let i = 0; i < appEvents.length; i++) if (known === null || !known.events.has(appEvents[i]!)) return false;
  return true;
}

/** The same for a rule before and after a reload. */
const identityOf = ({ gid, sid, protocol }: Rule): string => `${gid}:${sid}:${protocol.app ?? ''}`;
