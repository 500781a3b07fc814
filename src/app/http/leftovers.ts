import type { HttpMessage, HttpTransaction } from './transaction.ts';

/** What is over, and may be looked at until the packet is over, or the parser's next call: its memory is given back. */
export class Leftovers {
  // The newest of each, and in each the one before it: arrays would have to be made for every connection.
  #finished: HttpTransaction | null = null;
  /** Complete messages with a body: rules have seen it, and it is not kept while the response is waited for. */
  #spent: HttpMessage | null = null;

  addMessage(message: HttpMessage): void {
    if (message.body === null) return;
    message.nextLeftover = this.#spent;
    this.#spent = message;
  }

  addTransaction(tx: HttpTransaction): void {
    tx.nextLeftover = this.#finished;
    this.#finished = tx;
  }

  release(): void {
    for (let message = this.#spent; message !== null; message = this.#spent) {
      this.#spent = message.nextLeftover;
      message.nextLeftover = null;
      message.releaseBody();
    }
    for (let tx = this.#finished; tx !== null; tx = this.#finished) {
      this.#finished = tx.nextLeftover;
      tx.nextLeftover = null;
      tx.release();
    }
  }
}
