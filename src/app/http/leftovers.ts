import type { HttpMessage, HttpTransaction } from './transaction.ts';

/** What is over, and may be looked at until the packet is over, or the parser's next call: its memory is given back. */
export class Leftovers {
  readonly #finished: HttpTransaction[] = [];
  /** Complete messages with a body: rules have seen it, and it is not kept while the response is waited for. */
  readonly #spent: HttpMessage[] = [];

  addMessage(message: HttpMessage): void {
    if (message.body !== null) this.#spent.push(message);
  }

  addTransaction(tx: HttpTransaction): void {
    this.#finished.push(tx);
  }

  /** Takes them out one by one: emptied at once, the arrays would have to be made anew for the next ones. */
  release(): void {
    for (let message = this.#spent.pop(); message !== undefined; message = this.#spent.pop()) message.releaseBody();
    for (let tx = this.#finished.pop(); tx !== undefined; tx = this.#finished.pop()) tx.release();
  }
}
