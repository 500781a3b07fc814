import { type AppProtocol, STREAM_FRAME } from '../app/protocol.ts';
import type { Inspected } from '../rules/rule.ts';
import type { Candidates } from './candidates.ts';
import type { FrameGroup } from './rule-groups.ts';

/**
 * Frames of one direction that wait for more bytes. Ours; reaching it drops the oldest that is not the whole stream.
 */
const MAX_OPEN_FRAMES = 64;

/** A stretch of a stream that its protocol has told of. Places are offsets in the stream. */
export class OpenFrame {
  readonly protocol: AppProtocol;
  readonly group: FrameGroup;
  readonly name: string;
  readonly start: number;
  /** Exclusive; infinite while it is not known. */
  endsAt: number;
  searchedUntil = 0;
  readonly #waiting = new Set<number>();
  /** Rules that matched: each does so once. */
  readonly #matched = new Set<number>();

  constructor(protocol: AppProtocol, group: FrameGroup, name: string, start: number, bytes: number | null) {
    this.protocol = protocol;
    this.group = group;
    this.name = name;
    this.start = start;
    this.endsAt = bytes === null ? Number.POSITIVE_INFINITY : start + bytes;
  }

  end(at: number): void {
    this.endsAt = Math.min(this.endsAt, at);
  }

  endsWithin(view: Inspected): boolean {
    return this.endsAt <= view.skippedBytes + view.end;
  }

  addWaiting(into: Candidates): void {
    for (const order of this.#waiting) into.add(order);
  }

  wait(order: number): void {
    this.#waiting.add(order);
  }

  hasMatched(order: number): boolean {
    return this.#matched.has(order);
  }

  match(order: number): void {
    this.#matched.add(order);
    this.#waiting.delete(order);
  }
}

/** The open frames of one direction, oldest first. */
export class OpenFrames {
  readonly #frames: OpenFrame[] = [];

  get isEmpty(): boolean {
    return this.#frames.length === 0;
  }

  get count(): number {
    return this.#frames.length;
  }

  at(index: number): OpenFrame {
    return this.#frames[index]!;
  }

  add(frame: OpenFrame): void {
    if (this.#frames.length >= MAX_OPEN_FRAMES) this.#frames.splice(this.#frames[0]!.name === STREAM_FRAME ? 1 : 0, 1);
    this.#frames.push(frame);
  }

  /** The newest of this name whose end is not known ends here. */
  end(name: string, at: number): void {
    for (let i = this.#frames.length - 1; i >= 0; i--) {
      const frame = this.#frames[i]!;
      if (frame.name !== name || frame.endsAt !== Number.POSITIVE_INFINITY) continue;
      frame.end(at);
      return;
    }
  }

  /** Those that end in what was at hand are judged for good. */
  removeThoseWithin(view: Inspected): void {
    let kept = 0;
    for (const frame of this.#frames) if (!frame.endsWithin(view)) this.#frames[kept++] = frame;
    this.#frames.length = kept;
  }

  clear(): void {
    this.#frames.length = 0;
  }
}
