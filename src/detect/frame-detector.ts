import { EMPTY_BYTES } from '../base/bytes.ts';
import type { Direction } from '../base/direction.ts';
import type { Inspected, Rule } from '../rules/rule.ts';
import type { DetectionContext } from './detection-context.ts';
import { needEnd } from './evaluator.ts';
import type { StreamDetection } from './flow-state.ts';
import type { OpenFrame } from './frames.ts';
import { fitsEndpoints, fitsState } from './header.ts';
import type { FrameGroup } from './rule-groups.ts';

/**
 * Finds the rules that match in frames: stretches of a stream that its protocol is made of. What lies in the bytes at
 * hand is judged at once; what does not end there is kept open, and judged again as the stream grows.
 */
export class FrameDetector {
  readonly #detection: DetectionContext;
  readonly #view: Inspected = { bytes: EMPTY_BYTES, start: 0, end: 0, skippedBytes: 0 };

  constructor(detection: DetectionContext) {
    this.#detection = detection;
  }

  /** A frame of the datagram in hand: its place is counted from the payload. */
  judgeInDatagram(frame: OpenFrame, direction: Direction): void {
    const { bytes, payloadStart, payloadEnd } = this.#detection.packet;
    const view = this.#view;
    view.bytes = bytes.subarray(payloadStart, payloadEnd);
    view.end = payloadEnd - payloadStart;
    this.judge(frame, view, direction);
  }

  /** What is open in this direction, with the bytes that there are now. `isOver`: no more will come. */
  judgeOpen(stream: StreamDetection, view: Inspected, direction: Direction, isOver: boolean): void {
    const { frames } = stream;
    const { evaluator } = this.#detection;
    if (frames.isEmpty || stream.budget.isSpent) return;
    evaluator.lookedBytes = 0;
    for (let i = 0; i < frames.count; i++) {
      const frame = frames.at(i);
      if (isOver) frame.end(view.skippedBytes + view.end);
      this.judge(frame, view, direction);
    }
    stream.budget.spend(evaluator.lookedBytes);
    frames.removeThoseWithin(view);
  }

  /** As far as it lies in `view`. */
  judge(frame: OpenFrame, view: Inspected, direction: Direction): void {
    const detection = this.#detection;
    const { candidates } = detection;
    const start = Math.max(0, frame.start - view.skippedBytes);
    const end = Math.min(view.end, frame.endsAt - view.skippedBytes);
    if (end <= start) return;
    this.#findCandidates(frame, frame.group, view, start, end);
    if (candidates.count === 0) return;
    detection.deliverAs(frame.protocol.name);
    const isWhole = frame.endsWithin(view);
    for (let i = 0; i < candidates.count; i++) {
      this.#judgeRule(candidates.indexes[i]!, frame, view, start, end, isWhole, direction);
    }
  }

  #findCandidates(frame: OpenFrame, group: FrameGroup, view: Inspected, start: number, end: number): void {
    const { candidates } = this.#detection;
    candidates.clear();
    if (group.patterns !== null) {
      const searched = frame.searchedUntil - view.skippedBytes - group.patterns.longestBytes + 1;
      group.patterns.search(view.bytes, Math.max(start, searched), end, candidates);
      frame.searchedUntil = view.skippedBytes + end;
    }
    frame.addWaiting(candidates);
    candidates.addAll(group.unpatterned);
  }

  #judgeRule(
    order: number,
    frame: OpenFrame,
    view: Inspected,
    start: number,
    end: number,
    isWhole: boolean,
    direction: Direction,
  ): void {
    const detection = this.#detection;
    const { packet, evaluator } = detection;
    const rule = detection.ruleset.rule(order);
    if (frame.hasMatched(order)) return;
    if (!fitsEndpoints(rule, packet, direction) || !fitsState(rule, packet, direction, detection.delivered)) return;
    const skipped = view.skippedBytes + start - frame.start;
    if (
      (isWhole || !asksForEnd(rule, skipped + end - start)) &&
      evaluator.payloadMatches(rule, view.bytes, start, end, skipped)
    ) {
      frame.match(order);
      detection.add(order, null, frame.protocol, true);
    } else frame.wait(order);
  }
}

function asksForEnd({ inspections }: Rule, bytes: number): boolean {
  for (let i = 0; i < inspections.length; i++) if (needEnd(inspections[i]!.steps, bytes)) return true;
  return false;
}
