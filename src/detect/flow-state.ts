import type { Transaction } from '../app/protocol.ts';
import type { Direction } from '../base/direction.ts';
import type { FlowSlot } from '../flow/slot.ts';
import type { Candidates } from './candidates.ts';
import { OpenFrames } from './frames.ts';
import { RawSearch } from './raw-search.ts';
import { StreamWindow, type WindowMemory } from './stream-window.ts';

/**
 * Rules that wait for more bytes are judged again with every packet that brings some. Looking at the same bytes again
 * and again is paid from a store: so much at the start, and so much for each byte that comes. Bytes that come singly
 * then cost linear time. Both ours: forty rules that look at 30 kB with each full segment never empty it.
 */
const RETRY_STORE_BYTES = 64 * 2 ** 20;
const RETRY_BYTES_PER_BYTE = 4096;

/**
 * Unfinished transactions with waiting rules that one direction of a flow may hold; HTTP/2 has that many where nobody
 * asks for fewer. Reaching it forgets the oldest, which is a limit of the rules that wait for it. Ours.
 */
const MAX_PENDING_TRANSACTIONS = 1024;
/** Of forgotten ones so many are kept for reuse. */
const MAX_SPARE_TRANSACTIONS = 256;

/** Of so many flows at one go, what is remembered follows a change of rules: 1 ms. Ours. */
const CATCH_UP_FLOWS = 1000;

/** How much may be looked at again. */
class RetryBudget {
  bytes = RETRY_STORE_BYTES;

  get isSpent(): boolean {
    return this.bytes <= 0;
  }

  earn(arrivedBytes: number): void {
    this.bytes = Math.min(RETRY_STORE_BYTES, this.bytes + arrivedBytes * RETRY_BYTES_PER_BYTE);
  }

  spend(lookedBytes: number): void {
    this.bytes -= lookedBytes;
  }

  refill(): void {
    this.bytes = RETRY_STORE_BYTES;
  }
}

/** Candidates of one transaction and direction that must be judged again: what they look into is not all there. */
export class PendingTransaction {
  transaction: Transaction | null = null;
  direction: Direction = 0;
  readonly rules = new Set<number>();
  /** Rules that matched, with the number of files that were there: each does so once, and once more by a later file. */
  readonly matched = new Map<number, number>();
  /** How far the growing buffers were searched, by their place in the group: which instance, and how much of it. */
  readonly searchedInstance: number[] = [];
  readonly searchedBytes: number[] = [];
  /** What was reported of it, as far as rules ask for it. */
  readonly events = new Set<string>();
  readonly budget = new RetryBudget();

  begin(transaction: Transaction, direction: Direction): void {
    this.transaction = transaction;
    this.direction = direction;
    // Emptying a set costs an allocation even where nothing is in it.
    if (this.rules.size > 0) this.rules.clear();
    if (this.matched.size > 0) this.matched.clear();
    if (this.events.size > 0) this.events.clear();
    this.budget.refill();
    this.searchedInstance.fill(0);
    this.searchedBytes.fill(0);
  }

  /** Other rules: what is in the buffers must be searched for their patterns. */
  renumber(orders: Int32Array): void {
    renumber(this.rules, orders);
    const matched = [...this.matched];
    this.matched.clear();
    for (const [old, files] of matched) if (orders[old]! >= 0) this.matched.set(orders[old]!, files);
    this.searchedInstance.fill(0);
    this.searchedBytes.fill(0);
  }
}

/** What raw-stream rules remember of one direction of a flow. Sets are made when there is something in them. */
export class StreamDetection {
  readonly window: StreamWindow;
  /** `window.skippedBytes` when those that wait were all that have to; -1: the window must be searched. */
  waitingSince = 0;
  /** Where the stream was when its last transaction was complete. */
  settledAt = 0;
  readonly budget = new RetryBudget();
  /** For rules on transactions that have contents of no buffer. */
  readonly raw = new RawSearch();
  /** What its protocol has told of, and has not ended yet. */
  readonly frames = new OpenFrames();
  #waiting: Set<number> | null = null;
  #matched: Map<number, number> | null = null;

  constructor(memory: WindowMemory) {
    this.window = new StreamWindow(memory);
  }

  /** Rules whose fast pattern is in the window, and that did not match yet. */
  get hasWaiting(): boolean {
    return this.#waiting !== null && this.#waiting.size > 0;
  }

  /** Which rules wait shows in a search of the window, so that it need not be remembered. */
  get mustSearchAll(): boolean {
    return this.hasWaiting || this.waitingSince < 0;
  }

  /** It remembers nothing but its window, and some numbers. Where the budget is spent, nothing is searched anew. */
  get isPlain(): boolean {
    return this.#matched === null && this.frames.isEmpty && !this.budget.isSpent;
  }

  addWaiting(into: Candidates): void {
    if (this.#waiting !== null) for (const order of this.#waiting) into.add(order);
  }

  wait(order: number): void {
    this.#waiting ??= new Set();
    this.#waiting.add(order);
  }

  forgetWaiting(): void {
    this.#waiting = null;
  }

  /** The offset in the stream behind what the rule has seen when it matched last; 0: it did not. */
  matchedUntil(order: number): number {
    return this.#matched?.get(order) ?? 0;
  }

  match(order: number, seenUntil: number): void {
    this.#matched ??= new Map();
    this.#matched.set(order, seenUntil);
    this.#waiting?.delete(order);
  }

  /** Other rules: the window is kept, and must be searched for their patterns. */
  renumber(orders: Int32Array): void {
    const matched = this.#matched;
    this.#matched = null;
    if (matched !== null) for (const [old, until] of matched) if (orders[old]! >= 0) this.match(orders[old]!, until);
    this.#waiting = null;
    this.waitingSince = -1;
    this.frames.clear();
  }

  release(): void {
    this.window.release();
    this.frames.clear();
    this.#waiting = null;
    this.#matched = null;
  }
}

/** What detection remembers of a flow. Made when there is something to remember. */
export class FlowDetection {
  /** Per direction; null until a raw-stream rule wants it. */
  readonly streams: [StreamDetection | null, StreamDetection | null] = [null, null];
  /** By direction, the oldest first; null until there is one. */
  readonly pending: [Map<Transaction, PendingTransaction> | null, Map<Transaction, PendingTransaction> | null] = [
    null,
    null,
  ];
  /** Changes of rules up to now that it has followed. */
  generation: number;
  /** Events that concern no transaction, and the rules that matched by them; null until there is one. */
  #whole: PendingTransaction | null = null;

  constructor(generation: number) {
    this.generation = generation;
  }

  /** Nothing of a transaction or an event is remembered, and of the streams what goes into a few numbers. */
  get isPlain(): boolean {
    const [pendingToServer, pendingToClient] = this.pending;
    const [toServer, toClient] = this.streams;
    const hasPending = (pendingToServer?.size ?? 0) + (pendingToClient?.size ?? 0) > 0;
    return !hasPending && this.#whole === null && (toServer?.isPlain ?? true) && (toClient?.isPlain ?? true);
  }

  stream(direction: Direction, memory: WindowMemory): StreamDetection {
    let stream = this.streams[direction];
    if (stream === null) {
      stream = new StreamDetection(memory);
      this.streams[direction] = stream;
    }
    return stream;
  }

  ofWhole(): PendingTransaction {
    this.#whole ??= new PendingTransaction();
    return this.#whole;
  }

  renumber(orders: Int32Array): void {
    for (const stream of this.streams) stream?.renumber(orders);
    for (const pending of this.pending)
      if (pending !== null) for (const entry of pending.values()) entry.renumber(orders);
    this.#whole?.renumber(orders);
  }

  pendingFor(transaction: Transaction, direction: Direction): PendingTransaction | null {
    return this.pending[direction]?.get(transaction) ?? null;
  }
}

/** What detection remembers of all flows. */
export class FlowDetections {
  readonly #flows: (FlowDetection | null)[] = [];
  /** Is told of a rule that waited for a transaction that there is no room for. */
  readonly onForgotten: (order: number) => void;
  readonly #spare: PendingTransaction[] = [];
  /** Changes of rules so far. */
  #generation = 0;
  /** Of the last one: see `renumber`. */
  #orders: Int32Array = NO_ORDERS;
  /** Flows below have followed it. */
  #followedTo = 0;

  constructor(onForgotten: (order: number) => void) {
    this.onForgotten = onForgotten;
  }

  /** Null: nothing. */
  of(flow: FlowSlot): FlowDetection | null {
    const state = flow < this.#flows.length ? this.#flows[flow]! : null;
    if (state !== null && state.generation !== this.#generation) this.#follow(state);
    return state;
  }

  make(flow: FlowSlot): FlowDetection {
    const known = this.of(flow);
    if (known !== null) return known;
    const state = new FlowDetection(this.#generation);
    // Without holes, so that the engine keeps it an array.
    while (this.#flows.length <= flow) this.#flows.push(null);
    this.#flows[flow] = state;
    return state;
  }

  /** Nothing is remembered of the flow here any more. What was is somebody else's to release. */
  drop(flow: FlowSlot): void {
    this.#flows[flow] = null;
  }

  /** Begins to remember something of a transaction. */
  remember(flow: FlowSlot, transaction: Transaction, direction: Direction): PendingTransaction {
    const state = this.make(flow);
    state.pending[direction] ??= new Map();
    const pending = state.pending[direction];
    if (pending.size >= MAX_PENDING_TRANSACTIONS) {
      const [oldest] = pending.values();
      for (const order of oldest!.rules) this.onForgotten(order);
      this.forget(state, oldest!);
    }
    const entry = this.#spare.pop() ?? new PendingTransaction();
    entry.begin(transaction, direction);
    pending.set(transaction, entry);
    return entry;
  }

  forget(state: FlowDetection, entry: PendingTransaction): void {
    if (entry.transaction !== null) state.pending[entry.direction]?.delete(entry.transaction);
    entry.transaction = null;
    if (this.#spare.length < MAX_SPARE_TRANSACTIONS) this.#spare.push(entry);
  }

  release(flow: FlowSlot): void {
    const state = this.of(flow);
    if (state === null) return;
    for (const stream of state.streams) stream?.release();
    this.forgetTransactions(flow);
    this.#flows[flow] = null;
  }

  forgetTransactions(flow: FlowSlot): void {
    const state = this.of(flow);
    if (state === null) return;
    for (const pending of state.pending)
      if (pending !== null) for (const entry of pending.values()) this.forget(state, entry);
  }

  /**
   * `orders`: the new number of each rule, -1 where it is gone; read until all flows have followed. Each does when it
   * is asked for, or in its turn: there may be hundreds of thousands.
   */
  renumber(orders: Int32Array): void {
    while (this.#followedTo < this.#flows.length) this.catchUp();
    this.#orders = orders;
    this.#generation++;
    this.#followedTo = 0;
  }

  /** Has some more of them follow. */
  catchUp(): void {
    if (this.#followedTo >= this.#flows.length) return;
    const end = Math.min(this.#flows.length, this.#followedTo + CATCH_UP_FLOWS);
    for (let flow = this.#followedTo; flow < end; flow++) this.of(flow);
    this.#followedTo = end;
  }

  #follow(state: FlowDetection): void {
    state.renumber(this.#orders);
    state.generation = this.#generation;
  }
}

const NO_ORDERS = new Int32Array(0);

/** `orders`: the new number of each rule, -1 where it is gone. */
function renumber(rules: Set<number>, orders: Int32Array): void {
  const old = [...rules];
  rules.clear();
  for (const order of old) if (orders[order]! >= 0) rules.add(orders[order]!);
}
