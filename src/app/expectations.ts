import type { Direction } from '../base/direction.ts';
import type { Expectation } from './protocol.ts';

/**
 * Announced connections that did not come yet; our choice. Reaching it forgets the oldest, which is then found by its
 * content.
 */
const MAX_EXPECTATIONS = 4096;

/** Connections that others have announced, by who will accept them, where, and from whom. */
export class Expectations {
  readonly #byKey = new Map<string, Expectation>();

  get isEmpty(): boolean {
    return this.#byKey.size === 0;
  }

  add(key: string, expectation: Expectation): void {
    this.#byKey.delete(key);
    this.#byKey.set(key, expectation);
    if (this.#byKey.size <= MAX_EXPECTATIONS) return;
    const [oldest] = this.#byKey.keys();
    this.#byKey.delete(oldest!);
  }

  /**
   * Each is met once, and by bytes of the side that was to send: a connection on which the other one speaks first is
   * something else, whatever was announced.
   */
  take(key: string, sender: Direction): Expectation | null {
    const expectation = this.#byKey.get(key);
    if (expectation === undefined || expectation.sender !== sender) return null;
    this.#byKey.delete(key);
    return expectation;
  }
}
