import type { LineOutput } from '../output/line-output.ts';
import { CONTROL } from './worker-messages.ts';

/**
 * Gathers the event lines of a batch and sends them to the main thread as one message. Never waits: what is on its way
 * is bounded, by a count in memory that both threads share, and what goes beyond is dropped and counted.
 */
export class EventChunks implements LineOutput {
  readonly #control: Int32Array;
  readonly #maxPendingCharacters: number;
  readonly #send: (text: string) => void;
  #chunk = '';

  constructor(control: Int32Array, maxPendingCharacters: number, send: (text: string) => void) {
    this.#control = control;
    this.#maxPendingCharacters = maxPendingCharacters;
    this.#send = send;
  }

  get lostLines(): number {
    return Atomics.load(this.#control, CONTROL.LOST_LINES);
  }

  write(line: string): void {
    const pending = Atomics.load(this.#control, CONTROL.PENDING_CHARACTERS) + this.#chunk.length;
    if (pending + line.length > this.#maxPendingCharacters) Atomics.add(this.#control, CONTROL.LOST_LINES, 1);
    else this.#chunk += line;
  }

  flush(): void {
    if (this.#chunk === '') return;
    Atomics.add(this.#control, CONTROL.PENDING_CHARACTERS, this.#chunk.length);
    this.#send(this.#chunk);
    this.#chunk = '';
  }

  async close(): Promise<void> {
    this.flush();
  }
}
