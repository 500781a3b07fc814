import type { AppProtocol } from '../app/protocol.ts';
import { EMPTY_BYTES } from '../base/bytes.ts';
import { type Direction, opposite } from '../base/direction.ts';
import type { FlowSlot } from '../flow/slot.ts';
import type { BufferInspection, Inspected } from '../rules/rule.ts';
import { IP_PROTOCOL } from '../wire/packet.ts';
import type { DetectionContext } from './detection-context.ts';
import type { RawBytes } from './evaluator.ts';
import type { StreamDetection } from './flow-state.ts';
import { FrameDetector } from './frame-detector.ts';
import { OpenFrame } from './frames.ts';
import { fitsEndpoints, fitsState } from './header.ts';
import { PackedStreams } from './packed-streams.ts';
import type { PatternIndex } from './pattern-index.ts';
import type { PayloadIndex } from './payload-index.ts';
import { WindowMemory } from './stream-window.ts';

/** How much of streams rules look into, and how much is kept for it. */
export interface StreamLimits {
  /** How far into one direction of a stream raw-stream rules look. */
  readonly streamDepthBytes: number;
  /** All stream windows together. */
  readonly windowMemoryBytes: number;
}

/** Finds the raw-stream rules that match, piece by piece: `keep`, then what the protocols find in it, then `judge`. */
export class StreamDetector implements RawBytes {
  readonly windowMemory: WindowMemory;
  readonly packed: PackedStreams;
  /** The packet's payload is so far in its stream that rules on the stream look no more. */
  isBeyondDepth = false;
  /** What was searched for in all of the packet's payload, and not in anything else since; null: nothing. */
  searchedPayload: PayloadIndex | null = null;
  readonly #detection: DetectionContext;
  readonly #frames: FrameDetector;
  readonly #depthBytes: number;

  // The piece of the stream in hand. Without a stream no rule wants it.
  #stream: StreamDetection | null = null;
  #streamDirection: Direction = 0;
  readonly #view: Inspected = { bytes: EMPTY_BYTES, start: 0, end: 0, skippedBytes: 0 };
  #pieceBytes = 0;
  #isPayload = false;
  /** What was searched for in the packet's payload for rules on transactions, and those that were found. */
  #rawPayload: PatternIndex | null = null;
  #rawPayloadRules: readonly number[] = NO_RULES;
  /** What is kept of a direction of which no piece is in hand. */
  readonly #keptView: Inspected = { bytes: EMPTY_BYTES, start: 0, end: 0, skippedBytes: 0 };

  constructor(detection: DetectionContext, { streamDepthBytes, windowMemoryBytes }: StreamLimits) {
    this.#detection = detection;
    this.#frames = new FrameDetector(detection);
    this.#depthBytes = streamDepthBytes;
    this.windowMemory = new WindowMemory(windowMemoryBytes);
    this.packed = new PackedStreams(this.windowMemory);
  }

  /** The next packet. */
  begin(): void {
    this.#stream = null;
    this.isBeyondDepth = false;
    this.searchedPayload = null;
    this.#rawPayload = null;
  }

  /**
   * New contiguous bytes of the packet's flow, before the protocols see them: they must stay in place until `judge`.
   * Returns false where the memory limit leaves no room for what later bytes would need of them.
   */
  keep(direction: Direction, bytes: Uint8Array, start: number, end: number, offset: number): boolean {
    this.#stream = null;
    const detection = this.#detection;
    const { packet } = detection;
    if (offset >= this.#depthBytes) {
      if (direction === packet.direction) this.isBeyondDepth = true;
      return true;
    }
    const { streamReaders } = detection.packetGroup(direction);
    if (!detection.concerns(streamReaders, direction)) return true;
    const stream = detection.flows.make(packet.flow).stream(direction, this.windowMemory);
    this.#stream = stream;
    this.#streamDirection = direction;
    this.#pieceBytes = end - start;
    this.#isPayload =
      direction === packet.direction &&
      bytes === packet.bytes &&
      start === packet.payloadStart &&
      end === packet.payloadEnd;
    return stream.window.append(bytes, start, end, offset, this.#view);
  }

  /**
   * Raw-stream rules on the piece that was kept, once its protocol is known. Returns false where too many rules wait
   * for more bytes of it to look at all of them.
   */
  judge(): boolean {
    const stream = this.#stream;
    if (stream === null) return true;
    this.#stream = null;
    const direction = this.#streamDirection;
    const view = this.#view;
    const detection = this.#detection;
    const { candidates, evaluator } = detection;
    const group = detection.packetGroup(direction);
    candidates.clear();
    let newAt = view.end - this.#pieceBytes;
    // Where the window has moved, rules wait no longer for what their fast pattern began.
    if (stream.waitingSince !== view.skippedBytes) {
      if (stream.hasWaiting || stream.waitingSince < 0) newAt = 0;
      stream.waitingSince = view.skippedBytes;
      stream.forgetWaiting();
    }
    const { payload } = group;
    const fitting = detection.rulesOn(group.streamPorts, direction);
    if (payload !== null && !fitting.isEmpty) {
      payload.search(view.bytes, Math.max(0, newAt - payload.longestBytes + 1), view.end);
      payload.addStream(fitting, candidates);
      this.searchedPayload = this.#isPayload ? payload : null;
    }
    const { budget } = stream;
    budget.earn(this.#pieceBytes);
    const isJudgedWhole = !budget.isSpent;
    if (isJudgedWhole) {
      stream.addWaiting(candidates);
      candidates.addAll(detection.rulesOn(group.streamUnpatterned, direction).indexes);
    }
    if (candidates.count > 0) {
      evaluator.lookedBytes = 0;
      detection.deliverAs(detection.flowContext.app);
      for (let i = 0; i < candidates.count; i++) this.#judgeRule(candidates.indexes[i]!, stream, direction);
      budget.spend(evaluator.lookedBytes);
    }
    this.#frames.judgeOpen(stream, view, direction, false);
    this.#judgeFramesOf(detection.packet.flow, opposite(direction), false);
    if (view.skippedBytes + view.end >= this.#depthBytes) stream.release();
    return isJudgedWhole;
  }

  /** See FrameListener. */
  onFrame(
    protocol: AppProtocol,
    flow: FlowSlot,
    direction: Direction,
    name: string,
    at: number,
    bytes: number | null,
  ): void {
    const group = this.#detection.frameGroup(protocol.name, name, direction);
    if (group === null) return;
    const frame = new OpenFrame(protocol, group, name, at, bytes);
    if (this.#detection.packet.protocol === IP_PROTOCOL.udp) {
      this.#frames.judgeInDatagram(frame, direction);
      return;
    }
    const isInHand = this.#stream !== null && this.#streamDirection === direction;
    if (isInHand && frame.endsWithin(this.#view)) this.#frames.judge(frame, this.#view, direction);
    else this.#detection.flows.make(flow).stream(direction, this.windowMemory).frames.add(frame);
  }

  /** See FrameListener. */
  onFrameEnd(flow: FlowSlot, direction: Direction, name: string, at: number): void {
    this.#detection.flows.of(flow)?.streams[direction]?.frames.end(name, at);
  }

  /** No more bytes will come in this direction. */
  end(flow: FlowSlot, direction: Direction): void {
    this.#judgeFramesOf(flow, direction, true);
  }

  #judgeFramesOf(flow: FlowSlot, direction: Direction, isOver: boolean): void {
    const stream = this.#detection.flows.of(flow)?.streams[direction] ?? null;
    if (stream === null || stream.frames.isEmpty) return;
    const view = this.#keptView;
    view.bytes = stream.window.bytes;
    view.end = stream.window.end;
    view.skippedBytes = stream.window.skippedBytes;
    this.#frames.judgeOpen(stream, view, direction, isOver);
  }

  /**
   * In rules on transactions, steps on no buffer look into the stream as far as it is kept, or into the packet. A place
   * is one in the stream, or, as in Suricata, in what came since the last transaction was complete.
   */
  rawMatches({ steps, hasFixedPlace }: BufferInspection, direction: Direction): boolean {
    const { evaluator, flows, packet } = this.#detection;
    const { flow, bytes, payloadStart, payloadEnd } = packet;
    const isInHand = this.#stream !== null && this.#streamDirection === direction;
    const stream = isInHand ? this.#stream : (flows.of(flow)?.streams[direction] ?? null);
    if (stream !== null) {
      const kept = isInHand ? this.#view : stream.window;
      if (evaluator.matches(steps, kept.bytes, 0, kept.end, kept.skippedBytes)) return true;
      const start = stream.settledAt - kept.skippedBytes;
      if (hasFixedPlace && start > 0 && start < kept.end && evaluator.matches(steps, kept.bytes, start, kept.end, 0)) {
        return true;
      }
    }
    if (isInHand || direction !== packet.direction || payloadEnd === payloadStart) return false;
    return evaluator.matches(steps, bytes, payloadStart, payloadEnd, 0);
  }

  /** A transaction is complete: see `rawMatches`. */
  settle(flow: FlowSlot, direction: Direction): void {
    const stream = this.#detection.flows.of(flow)?.streams[direction] ?? null;
    if (stream === null) return;
    const kept = stream === this.#stream ? this.#view : stream.window;
    stream.settledAt = kept.skippedBytes + kept.end;
  }

  /** Adds the rules whose fast pattern is in what `rawMatches` would look into. */
  searchRaw(patterns: PatternIndex, flow: FlowSlot, direction: Direction): void {
    const { candidates, flows, packet } = this.#detection;
    if (this.#stream !== null && this.#streamDirection === direction) {
      const { bytes, end, skippedBytes } = this.#view;
      this.#stream.raw.search(patterns, bytes, end, skippedBytes, candidates);
      return;
    }
    const stream = flows.of(flow)?.streams[direction] ?? null;
    if (stream !== null) {
      const { bytes, end, skippedBytes } = stream.window;
      stream.raw.search(patterns, bytes, end, skippedBytes, candidates);
    }
    if (direction === packet.direction) this.#searchRawPayload(patterns);
  }

  /** A transaction gets on several times by one packet, whose payload is searched once. */
  #searchRawPayload(patterns: PatternIndex): void {
    const { candidates, packet } = this.#detection;
    if (patterns === this.#rawPayload) {
      for (let i = 0; i < this.#rawPayloadRules.length; i++) candidates.add(this.#rawPayloadRules[i]!);
      return;
    }
    const known = candidates.count;
    patterns.search(packet.bytes, packet.payloadStart, packet.payloadEnd, candidates);
    this.#rawPayload = patterns;
    this.#rawPayloadRules =
      candidates.count === known ? NO_RULES : Array.from(candidates.indexes.subarray(known, candidates.count));
  }

  #judgeRule(order: number, stream: StreamDetection, direction: Direction): void {
    const detection = this.#detection;
    const { packet } = detection;
    const rule = detection.ruleset.rule(order);
    if (!fitsEndpoints(rule, packet, direction)) return;
    const { bytes, end, skippedBytes } = this.#view;
    // What made a rule match does not make it match again. Without a fast pattern, nothing says that there is more.
    const seenUntil = stream.matchedUntil(order);
    if (seenUntil > 0 && rule.fastPattern === null) return;
    const start = Math.max(0, seenUntil - skippedBytes);
    if (
      fitsState(rule, packet, direction, detection.delivered) &&
      detection.evaluator.payloadMatches(rule, bytes, start, end, skippedBytes + start)
    ) {
      stream.match(order, skippedBytes + end);
      detection.add(order, null, null, true);
    } else if (rule.fastPattern !== null) stream.wait(order);
  }
}

const NO_RULES: readonly number[] = [];
