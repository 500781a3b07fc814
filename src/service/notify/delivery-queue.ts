import type { Logger } from '../../output/log.ts';
import type { Message } from './notice.ts';
import { DeliveryError, type MessageTransport, type Rendered } from './transport.ts';

const FIRST_RETRY_MS = 15_000;
const LAST_RETRY_MS = 3_600_000;

export interface DeliveryQueueSettings {
  readonly transport: MessageTransport;
  /** After the first attempt. */
  readonly retries: number;
  readonly maxWaiting: number;
  /** `lostMessages`: those before this one that could not be delivered. */
  readonly render: (message: Message, lostMessages: number) => Rendered;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** Delivers messages one after the other, again after ever longer pauses where that may help. Never throws. */
export class DeliveryQueue {
  readonly #settings: DeliveryQueueSettings;
  readonly #waiting: Message[] = [];
  /** Those that were not told of yet, and all. */
  #lostMessages = 0;
  #allLostMessages = 0;
  #running: Promise<void> | null = null;
  readonly #end = new AbortController();
  /** Ends the pause under way. */
  #wake: () => void = () => {};

  constructor(settings: DeliveryQueueSettings) {
    this.#settings = settings;
  }

  /** Resolves when nothing waits any more. */
  get idle(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  /** Since the start. */
  get lostMessages(): number {
    return this.#allLostMessages;
  }

  push(message: Message): void {
    this.#waiting.push(message);
    // The newest says more about the present than the oldest.
    if (this.#waiting.length > this.#settings.maxWaiting) {
      this.#waiting.shift();
      this.#lose();
    }
    this.#running ??= this.#run();
  }

  /** Gives up what waits, and what is under way. */
  abandon(): void {
    this.#waiting.length = 0;
    this.#end.abort();
    this.#wake();
  }

  async #run(): Promise<void> {
    for (let message = this.#waiting.shift(); message !== undefined; message = this.#waiting.shift()) {
      await this.#deliver(message);
    }
    this.#running = null;
  }

  async #deliver(message: Message): Promise<void> {
    const { transport, retries, render, log } = this.#settings;
    const { signal } = this.#end;
    for (let attempt = 0; ; attempt++) {
      const lostMessages = this.#lostMessages;
      try {
        await transport.send(render(message, lostMessages), signal);
        this.#lostMessages -= lostMessages;
        return;
      } catch (error) {
        if (signal.aborted) return;
        const reason = (error as Error).message;
        if (!(error instanceof DeliveryError && error.isTemporary) || attempt >= retries) {
          this.#lose();
          log.error(`notification by ${transport.name} failed, and is left out: ${reason}`);
          return;
        }
        const delayMs = Math.min(FIRST_RETRY_MS * 2 ** attempt, LAST_RETRY_MS);
        log.warn(`notification by ${transport.name} failed, tried again in ${delayMs / 1000} s: ${reason}`);
        await this.#pause(delayMs);
        if (signal.aborted) return;
      }
    }
  }

  #lose(): void {
    this.#lostMessages++;
    this.#allLostMessages++;
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      setTimeout(resolve, delayMs).unref();
    });
  }
}
