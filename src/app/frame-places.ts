import type { Direction } from '../base/direction.ts';
import type { AppProtocol, FrameListener, FrameSink } from './protocol.ts';

/** The frames of one flow: turns places in the bytes that its parser is given into offsets in the stream. */
export class FramePlaces implements FrameSink {
  /** Whose parser is at work. */
  protocol: AppProtocol | null = null;
  readonly #listener: FrameListener;
  /** By direction: what parsers were given before the call at work, holes included. */
  readonly passedBytes: [number, number] = [0, 0];
  /** Where its bytes begin. */
  #start = 0;

  constructor(listener: FrameListener) {
    this.#listener = listener;
  }

  get isWanted(): boolean {
    return this.protocol !== null && this.#listener.isWanted(this.protocol);
  }

  /** The parser is called next, with bytes that begin at `start`; 0 where it gets none. */
  enter(start: number): void {
    this.#start = start;
  }

  /** The parser has taken so many bytes, or is told that they are missing. Negative: the next one gets them again. */
  pass(direction: Direction, bytes: number): void {
    this.passedBytes[direction] += bytes;
  }

  /** A datagram's places count from its own beginning. */
  restart(direction: Direction): void {
    this.passedBytes[direction] = 0;
  }

  beginFrame(direction: Direction, name: string, at: number, bytes: number | null): void {
    this.#listener.onFrame(this.protocol!, direction, name, this.#offset(direction, at), bytes);
  }

  endFrame(direction: Direction, name: string, at: number): void {
    this.#listener.onFrameEnd(direction, name, this.#offset(direction, at));
  }

  #offset(direction: Direction, at: number): number {
    return this.passedBytes[direction] + at - this.#start;
  }
}
