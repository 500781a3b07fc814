import type { AppProtocol, Stage, Transaction } from '../app/protocol.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import type { Steps } from '../base/steps.ts';
import type { FlowSlot } from '../flow/slot.ts';
import { IP_PROTOCOL, NO_FLOW, type Packet } from '../wire/packet.ts';
import { DetectionContext } from './detection-context.ts';
import { Evaluator } from './evaluator.ts';
import type { Exceptions } from './exceptions.ts';
import { FlowBits } from './flow-bits.ts';
import type { FlowContext } from './flow-context.ts';
import type { FlowFigures } from './flow-figures.ts';
import { fitsEndpoints, fitsState } from './header.ts';
import { type Match, MatchList } from './match-list.ts';
import { PacketState } from './packet-state.ts';
import { NO_RULES } from './port-table.ts';
import type { PacketGroup } from './rule-groups.ts';
import type { LimitedRule } from './rule-limits.ts';
import { inspectsStream } from './rule-traits.ts';
import type { Ruleset } from './ruleset.ts';
import { StreamDetector, type StreamLimits } from './stream-detector.ts';
import type { WindowMemory } from './stream-window.ts';
import { type Succession, succession } from './succession.ts';
import { Thresholds } from './thresholds.ts';
import type { Tracks } from './tracks.ts';
import { TransactionDetector } from './transaction-detector.ts';

/** What detection needs of its surroundings. */
export interface DetectionHost {
  readonly figures: FlowFigures;
  readonly tracks: Tracks;
  /** Left out: one that does not measure. */
  readonly evaluator?: Evaluator;
}

/** Per flow slot: these rules were judged in this direction (bits 0 and 1, 2 and 3). */
const JUDGED = { addresses: 1, shown: 4 } as const;

/** Of other IP protocols each packet is judged by itself, as in Suricata, which has no flows of them. */
const CONVERSATIONS: ReadonlySet<number> = new Set([
  IP_PROTOCOL.tcp,
  IP_PROTOCOL.udp,
  IP_PROTOCOL.icmp,
  IP_PROTOCOL.icmpv6,
  IP_PROTOCOL.sctp,
  IP_PROTOCOL.esp,
]);

/**
 * Finds the rules that match: candidates by one pattern search per buffer, then each candidate exactly. Called while
 * one packet is judged: `begin`; then, for each piece of the stream, `keepStream`, what the protocols find in it
 * (`onProgress`, `onAppEvent`), `judgeStream`; then `onPacket`, `onPacketEvents` and `finish`. Pieces of the stream and
 * transactions are of either direction: a packet can bring to an end what the other side has sent.
 */
export class Detector {
  /** Of the current packet; after `finish` in the order in which they are judged, and only those that count. */
  readonly matches: readonly Match[];
  readonly #detection: DetectionContext;
  readonly #stream: StreamDetector;
  readonly #transactions: TransactionDetector;
  /** Bits of JUDGED, each shifted by the direction. */
  readonly #judgedOnce = new FlowBits();

  constructor(ruleset: Ruleset, limits: StreamLimits, { figures, tracks, evaluator }: DetectionHost) {
    const found = new MatchList(new PacketState(figures, tracks.hosts), new Thresholds(tracks.thresholds));
    this.matches = found.matches;
    this.#detection = new DetectionContext(ruleset, found, evaluator ?? new Evaluator());
    this.#stream = new StreamDetector(this.#detection, limits);
    this.#transactions = new TransactionDetector(this.#detection, this.#stream);
  }

  get windowMemory(): WindowMemory {
    return this.#stream.windowMemory;
  }

  /** Matches that an exception took back, since the start. */
  get exceptedMatches(): number {
    return this.#detection.found.excepted;
  }

  /** Between packets only. */
  setExceptions(exceptions: Exceptions): void {
    this.#detection.found.exceptions = exceptions;
  }

  /** Rules that were not held against all of the current packet. */
  get limitedRules(): readonly LimitedRule[] {
    return this.#detection.evaluator.limits.reached;
  }

  get parkedRules(): number {
    return this.#detection.evaluator.limits.parkedRules;
  }

  /** See MatchList. */
  get evictedTracks(): number {
    return this.#detection.found.evictedTracks;
  }

  /** Makes other rules ready for `replace`, which must follow before there are others again. */
  prepare(ruleset: Ruleset): Steps<Succession> {
    return succession(this.#detection.ruleset, ruleset);
  }

  /** Between packets only. What flows remember of a rule goes on for the rule of the same number. */
  replace({ ruleset, places }: Succession): void {
    this.#detection.flows.renumber(places);
    this.#detection.replace(ruleset);
    this.#judgedOnce.clearAll();
  }

  /** Has some more of the flows follow the last change of rules. Cheap where all have. */
  catchUp(): void {
    this.#detection.flows.catchUp();
  }

  /** Starts judging a packet. Both arguments are read until the next call. */
  begin(packet: Packet, flowContext: FlowContext): void {
    this.#detection.begin(packet, flowContext);
    this.#stream.begin();
  }

  release(flow: FlowSlot): void {
    this.#judgedOnce.clear(flow);
    this.#detection.found.release(flow);
    this.forgetStreams(flow);
  }

  /** A flow that is silent: what is remembered of its streams is kept in the space that it needs. */
  pack(flow: FlowSlot): void {
    const { flows } = this.#detection;
    const state = flows.of(flow);
    if (state !== null && this.#stream.packed.pack(flow, state)) flows.drop(flow);
  }

  /** All is as it was before `pack`. Comes before anything else is asked of the flow. */
  unpack(flow: FlowSlot): void {
    const { packed } = this.#stream;
    if (packed.has(flow)) packed.unpack(flow, this.#detection.flows.make(flow));
  }

  /** Windows of silent flows that were let go where memory was short. */
  get shedWindows(): number {
    return this.#stream.packed.sheds;
  }

  /** How often less was kept of a stream than usual, since memory was short. */
  get cutWindows(): number {
    return this.#stream.windowMemory.cuts;
  }

  /** Its transactions are gone, and what was waited for in them. */
  forgetTransactions(flow: FlowSlot): void {
    this.#detection.flows.forgetTransactions(flow);
  }

  /** No more bytes will come: a flow that is over need not hold windows and candidates until it is forgotten. */
  forgetStreams(flow: FlowSlot): void {
    this.#detection.flows.release(flow);
  }

  /**
   * Could a rule match in what is still to come of the packet's TCP connection, when no protocol is read any more? Not
   * asked are rules on what decoding and TCP tracking find wrong. `isBeyondDepth`: by direction, the stream is so far
   * that rules on it look no more.
   */
  needsMore(isBeyondDepth: readonly [boolean, boolean]): boolean {
    const detection = this.#detection;
    for (const direction of [TO_SERVER, TO_CLIENT] as const) {
      const { middle, streamReaders } = detection.packetGroup(direction);
      if (detection.concerns(middle, direction)) return true;
      if (!isBeyondDepth[direction] && detection.concerns(streamReaders, direction)) return true;
    }
    return false;
  }

  /** The same where all of it is encrypted: rules that look for content do not count. */
  needsEncrypted(): boolean {
    const detection = this.#detection;
    return (
      detection.concerns(detection.packetGroup(TO_SERVER).encrypted, TO_SERVER) ||
      detection.concerns(detection.packetGroup(TO_CLIENT).encrypted, TO_CLIENT)
    );
  }

  /** See StreamDetector. */
  keepStream(direction: Direction, bytes: Uint8Array, start: number, end: number, offset: number): boolean {
    return this.#stream.keep(direction, bytes, start, end, offset);
  }

  /** See StreamDetector. */
  judgeStream(): boolean {
    return this.#stream.judge();
  }

  /** See TransactionDetector. */
  onProgress(
    protocol: AppProtocol,
    flow: FlowSlot,
    transaction: Transaction,
    direction: Direction,
    stage: Stage,
  ): void {
    this.#transactions.onProgress(protocol, flow, transaction, direction, stage);
  }

  /** See TransactionDetector. */
  onAppEvent(
    protocol: AppProtocol | null,
    flow: FlowSlot,
    transaction: Transaction | null,
    direction: Direction,
    event: string,
  ): void {
    this.#transactions.onEvent(protocol, flow, transaction, direction, event);
  }

  /** Does any rule look into frames of this protocol? */
  wantsFrames(protocol: AppProtocol): boolean {
    return this.#detection.ruleset.hasFrameRules(protocol.name);
  }

  /** See StreamDetector. */
  onFrame(
    protocol: AppProtocol,
    flow: FlowSlot,
    direction: Direction,
    name: string,
    at: number,
    bytes: number | null,
  ): void {
    this.#stream.onFrame(protocol, flow, direction, name, at, bytes);
  }

  /** See StreamDetector. */
  onFrameEnd(flow: FlowSlot, direction: Direction, name: string, at: number): void {
    this.#stream.onFrameEnd(flow, direction, name, at);
  }

  /** See StreamDetector. */
  endStream(flow: FlowSlot, direction: Direction): void {
    this.#stream.end(flow, direction);
  }

  /** Rules on headers, on the packet's own payload, on addresses and on protocols. After all other calls. */
  onPacket(): void {
    const detection = this.#detection;
    const { packet, flowContext, ruleset, candidates, evaluator, found } = detection;
    const { direction } = packet;
    const group = detection.packetGroup(direction);
    if (group.isEmpty) return;
    if (group.addressOnly.length > 0) this.#judgeOnce(group.addressOnly, JUDGED.addresses);
    if (group.shownOnly.length > 0 && flowContext.shown[direction] !== null) {
      this.#judgeOnce(group.shownOnly, JUDGED.shown);
    }

    candidates.clear();
    candidates.addAll(detection.rulesOn(group.packetUnpatterned, direction).indexes);
    const { bytes, payloadStart, payloadEnd } = packet;
    const hasPayload = payloadEnd > payloadStart && !flowContext.isEncrypted;
    if (hasPayload) this.#searchPayload(group);
    for (let i = 0; i < candidates.count; i++) {
      const order = candidates.indexes[i]!;
      const rule = ruleset.rule(order);
      if (rule.inspections.length > 0 && !hasPayload) continue;
      if (rule.protocol.scope === 'stream' || rule.flow.stream === 'only_stream') continue;
      if (!fitsEndpoints(rule, packet, direction) || !fitsState(rule, packet, direction, flowContext)) continue;
      if (!evaluator.payloadMatches(rule, bytes, payloadStart, payloadEnd, 0)) continue;
      if (flowContext.isInStream && inspectsStream(rule) && found.has(order)) continue;
      detection.add(order, null, null);
    }
  }

  #searchPayload(group: PacketGroup): void {
    const detection = this.#detection;
    const { packet, flowContext, candidates } = detection;
    const { bytes, payloadStart, payloadEnd, direction } = packet;
    const forPacket = detection.rulesOn(group.packetPorts, direction);
    const forPlaced = this.#stream.isBeyondDepth ? NO_RULES : detection.rulesOn(group.placedPorts, direction);
    // Payload that no stream took is all that raw-stream rules will ever see of it.
    const forStream = flowContext.isInStream ? NO_RULES : detection.rulesOn(group.streamPorts, direction);
    if (!flowContext.isInStream) candidates.addAll(detection.rulesOn(group.streamUnpatterned, direction).indexes);

    const { payload } = group;
    if (payload === null || (forPacket.isEmpty && forPlaced.isEmpty && forStream.isEmpty)) return;
    if (payload !== this.#stream.searchedPayload) {
      if (forPlaced.isEmpty && forStream.isEmpty) {
        group.packet?.search(bytes, payloadStart, payloadEnd, candidates, forPacket);
        return;
      }
      payload.search(bytes, payloadStart, payloadEnd);
    }
    if (!forPacket.isEmpty) payload.addPacket(forPacket, candidates);
    if (!forPlaced.isEmpty) payload.addPlaced(forPlaced, candidates);
    if (!forStream.isEmpty) payload.addStream(forStream, candidates);
  }

  /** Of a packet of which only the addresses can be read. Instead of `onPacket`. */
  onUnreadable(): void {
    const detection = this.#detection;
    this.#judgeOnce(detection.packetGroup(detection.packet.direction).anyProtocol, JUDGED.addresses);
  }

  /** What decoding and TCP tracking found in the packet, whatever became of it then. After all other calls. */
  onPacketEvents(): void {
    const detection = this.#detection;
    const { packet, flowContext, ruleset, candidates, evaluator } = detection;
    const { bytes, payloadStart, payloadEnd, direction, events } = packet;
    if (events.length === 0 || ruleset.ignoresPacketEvents) return;
    candidates.clear();
    for (let i = 0; i < events.length; i++) candidates.addAll(ruleset.packetEventRules(events[i]!));
    for (let i = 0; i < candidates.count; i++) {
      const order = candidates.indexes[i]!;
      const rule = ruleset.rule(order);
      if (!fitsEndpoints(rule, packet, direction) || !fitsState(rule, packet, direction, flowContext)) continue;
      if (evaluator.payloadMatches(rule, bytes, payloadStart, payloadEnd, 0)) detection.add(order, null, null);
    }
  }

  /** What is left for the end: state, and how often rules may tell and act. No other call follows. */
  finish(): void {
    this.#detection.found.finish();
  }

  #judgeOnce(rules: Int32Array, what: number): void {
    const detection = this.#detection;
    const { packet, ruleset } = detection;
    const { direction, flow } = packet;
    const isOfConversation = flow !== NO_FLOW && CONVERSATIONS.has(packet.protocol);
    if (isOfConversation && !this.#judgedOnce.mark(flow, what << direction)) return;
    for (let i = 0; i < rules.length; i++) {
      const order = rules[i]!;
      const rule = ruleset.rule(order);
      if (fitsEndpoints(rule, packet, direction) && fitsState(rule, packet, direction, detection.flowContext)) {
        detection.add(order, null, null);
      }
    }
  }
}
