import type { FlowSlot } from '../flow/slot.ts';
import { PackedSessions } from './packed-sessions.ts';
import { TcpSession } from './session.ts';

/** So many sessions that ended are kept: 1.4 MB, and more than end and begin in a second. Ours. */
const MAX_SPARE_SESSIONS = 2_048;

/**
 * The TCP session of each flow. Sessions that ended serve again, so that connections coming and going make no garbage.
 */
export class SessionTable {
  readonly #bySlot: (TcpSession | null)[] = [];
  readonly #spare: TcpSession[] = [];
  readonly #packed = new PackedSessions();
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
    const session = this.#take(slot);
    session.lapses = this.lapses;
    this.#size++;
    return session;
  }

  close(session: TcpSession): void {
    this.#give(session);
    this.#size--;
  }

  dropSpares(): void {
    this.#spare.length = 0;
  }

  /** Of a silent flow: until `unpack` it has no session to look at. Not every one can be packed. */
  pack(slot: FlowSlot): void {
    const session = this.at(slot);
    if (session !== null && this.#packed.pack(session)) this.#give(session);
  }

  unpack(slot: FlowSlot): void {
    if (this.#packed.has(slot)) this.#packed.unpack(slot, this.#take(slot));
  }

  #take(slot: FlowSlot): TcpSession {
    while (this.#bySlot.length <= slot) this.#bySlot.push(null);
    const session = this.#spare.pop() ?? new TcpSession();
    session.reset(slot);
    this.#bySlot[slot] = session;
    return session;
  }

  #give(session: TcpSession): void {
    this.#bySlot[session.flow] = null;
    if (this.#spare.length < MAX_SPARE_SESSIONS) this.#spare.push(session);
  }
}
