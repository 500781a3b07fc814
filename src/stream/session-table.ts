import type { FlowSlot } from '../flow/slot.ts';
import { TcpSession } from './session.ts';

/**
 * The TCP session of each flow. Sessions that ended serve again, so that connections coming and going make no garbage.
 */
export class SessionTable {
  readonly #bySlot: (TcpSession | null)[] = [];
  readonly #pool: TcpSession[] = [];
  #size = 0;
  /** How often packets may have passed that nobody saw. A session that knows of fewer may be elsewhere by now. */
  lapses = 0;

  get size(): number {
    return this.#size;
  }

  at(slot: FlowSlot): TcpSession | null {
    return slot < this.#bySlot.length ? this.#bySlot[slot]! : null;
  }

  /** A new session for a flow that has none. */
  open(slot: FlowSlot): TcpSession {
    while (this.#bySlot.length <= slot) this.#bySlot.push(null);
    const session = this.#pool.pop() ?? new TcpSession();
    session.reset(slot);
    session.lapses = this.lapses;
    this.#bySlot[slot] = session;
    this.#size++;
    return session;
  }

  close(session: TcpSession): void {
    this.#bySlot[session.flow] = null;
    this.#pool.push(session);
    this.#size--;
  }
}
