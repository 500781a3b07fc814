import type { FlowSlot } from '../flow/slot.ts';
import type { AppSession } from './session.ts';

/** Below this a session is not worth giving up: what it takes is of the size of its flow's own state. */
const MIN_SHED_BYTES = 2048;

/**
 * What the parsers of all flows hold together. Each one has limits, but thousands of connections that stop within a
 * body would still take all memory: at the limit, those give up their parsers that were silent the longest.
 */
export class ParserMemory {
  usedBytes = 0;
  /** How often a parser was given up. */
  sheds = 0;
  readonly #limitBytes: number;
  readonly #onShed: (flow: FlowSlot) => void;
  /** Those with more than a little, by what was counted of them; the one that was heard of last is last. */
  readonly #holders = new Map<FlowSlot, AppSession>();

  /** `onShed`: nothing more is read of this flow. */
  constructor(limitBytes: number, onShed: (flow: FlowSlot) => void) {
    this.#limitBytes = limitBytes;
    this.#onShed = onShed;
  }

  /** The session took bytes, or gave up what it had. */
  note(flow: FlowSlot, session: AppSession): void {
    const { heldBytes, countedBytes } = session;
    if (heldBytes >= MIN_SHED_BYTES) {
      this.#holders.delete(flow);
      this.#holders.set(flow, session);
    } else if (countedBytes >= MIN_SHED_BYTES) this.#holders.delete(flow);
    session.countedBytes = heldBytes;
    this.usedBytes += heldBytes - countedBytes;
  }

  /** Between two packets, so that nobody looks into what is given up. */
  keepToLimit(): void {
    if (this.usedBytes > this.#limitBytes) this.#shed();
  }

  /** The flow is gone. */
  forget(flow: FlowSlot, session: AppSession): void {
    this.#holders.delete(flow);
    this.usedBytes -= session.countedBytes;
    session.countedBytes = 0;
  }

  #shed(): void {
    for (const [flow, session] of this.#holders) {
      this.forget(flow, session);
      session.shed();
      this.sheds++;
      this.#onShed(flow);
      if (this.usedBytes <= this.#limitBytes) return;
    }
  }
}
