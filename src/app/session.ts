import { type Direction, opposite, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import type { FlowSlot } from '../flow/slot.ts';
import { APP_PROTOCOLS } from './index.ts';
import type { AppParser, AppProtocol, AppSink, Transaction } from './protocol.ts';

/**
 * First bytes of a direction that are kept while no protocol has said yes or no. A request line that is longer is
 * recognised by its method.
 */
export const MAX_PROBE_BYTES = 4096;

/** How far the protocol of a flow is known. `failed`: none of ours; `done`: parsed to its end, or behind an upgrade. */
export type AppState = 'undecided' | 'open' | 'failed' | 'done';

/**
 * The application protocol of every flow, by slot. Made for a stream consumer: bytes come in order, each once. Datagrams
 * would come the same way, one call to `consume` each, for protocols that say that they speak UDP.
 */
export class AppLayer {
  /** Whose bytes are being parsed: valid within the sink's methods. */
  currentFlow: FlowSlot = 0;
  /** The flow that it is told of is `currentFlow`. */
  readonly #sink: AppSink;
  readonly #protocols: readonly AppProtocol[];
  readonly #sessions: (AppSession | undefined)[] = [];

  constructor(sink: AppSink, protocols: readonly AppProtocol[] = APP_PROTOCOLS) {
    this.#sink = sink;
    this.#protocols = protocols;
  }

  /** Bytes are borrowed for the call. */
  consume(flow: FlowSlot, direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    this.currentFlow = flow;
    this.#session(flow).consume(direction, bytes, start, end);
  }

  gap(flow: FlowSlot, direction: Direction, missingBytes: number): void {
    this.currentFlow = flow;
    this.#session(flow).gap(direction, missingBytes);
  }

  end(flow: FlowSlot, direction: Direction): void {
    this.currentFlow = flow;
    this.#session(flow).end(direction);
  }

  /** `failed` and `done`: the caller need not feed this flow any more. */
  state(flow: FlowSlot): AppState {
    return this.#sessions[flow]?.state ?? 'undecided';
  }

  /** Null if it is not known, or none of ours (see `state`). */
  protocol(flow: FlowSlot): AppProtocol | null {
    return this.#sessions[flow]?.protocol ?? null;
  }

  /** The context that EVE shows of a transaction, under the protocol's name. Null without a protocol. */
  describe(flow: FlowSlot, transaction: Transaction): Record<string, unknown> | null {
    return this.#sessions[flow]?.protocol?.describe(transaction) ?? null;
  }

  /** The flow is gone. Its unfinished transactions are not told any more. */
  release(flow: FlowSlot): void {
    this.#sessions[flow]?.close();
    this.#sessions[flow] = undefined;
  }

  #session(flow: FlowSlot): AppSession {
    let session = this.#sessions[flow];
    if (session === undefined) {
      session = new AppSession(this.#protocols, this.#sink);
      this.#sessions[flow] = session;
    }
    return session;
  }
}

/** One flow: finds its protocol by content, on any port and from either side, and opens its parser. */
export class AppSession {
  state: AppState = 'undecided';
  protocol: AppProtocol | null = null;
  readonly #protocols: readonly AppProtocol[];
  readonly #sink: AppSink;
  #parser: AppParser | null = null;
  readonly #first: [Uint8Array | null, Uint8Array | null] = [null, null];
  readonly #firstBytes: [number, number] = [0, 0];
  /** Bytes behind the kept ones. */
  readonly #lostBytes: [number, number] = [0, 0];
  readonly #isRejected: [boolean, boolean] = [false, false];
  readonly #hasEnded: [boolean, boolean] = [false, false];
  /** Which direction's kept bytes came first: the parser gets them in that order. */
  #firstDirection: Direction | null = null;

  constructor(protocols: readonly AppProtocol[], sink: AppSink) {
    this.#protocols = protocols;
    this.#sink = sink;
  }

  consume(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    if (this.#parser !== null) {
      this.#parser.consume(direction, bytes, start, end);
      if (this.#parser.isDone === true) this.#close('done');
      return;
    }
    if (this.state !== 'undecided' || start >= end) return;
    this.#firstDirection ??= direction;
    this.#detect(direction, bytes, start, end);
  }

  gap(direction: Direction, missingBytes: number): void {
    if (this.#parser !== null) {
      this.#parser.gap(direction, missingBytes);
      return;
    }
    // Without its beginning a direction does not tell; the other one still may.
    if (this.state !== 'undecided') return;
    this.#lostBytes[direction] += missingBytes;
    this.#reject(direction);
  }

  end(direction: Direction): void {
    this.#hasEnded[direction] = true;
    if (this.#parser !== null) {
      this.#parser.end(direction);
      if (this.#parser.isDone === true || this.#hasEnded[opposite(direction)]) this.#close('done');
      return;
    }
    if (this.state === 'undecided') this.#reject(direction);
  }

  close(): void {
    this.#parser?.close?.();
    this.#parser = null;
    this.#first[TO_SERVER] = null;
    this.#first[TO_CLIENT] = null;
  }

  #detect(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    // The usual case is decided by the first bytes, which then need not be kept.
    const isFirst = this.#firstBytes[direction] === 0;
    let kept = isFirst ? 0 : this.#keep(direction, bytes, start, end);
    const probed = isFirst ? bytes : this.#first[direction]!;
    const from = isFirst ? start : 0;
    const to = isFirst ? end : this.#firstBytes[direction];
    let isOpen = false;
    for (const protocol of this.#isRejected[direction] ? [] : this.#protocols) {
      const answer = protocol.probe(direction, probed, from, to);
      if (answer === 'yes') {
        this.#open(protocol, direction, bytes, start + kept, end);
        return;
      }
      if (answer === 'more') isOpen = true;
    }
    if (isFirst) kept = this.#keep(direction, bytes, start, end);
    this.#lostBytes[direction] += end - start - kept;
    if (!isOpen || this.#firstBytes[direction] >= MAX_PROBE_BYTES) this.#reject(direction);
  }

  /** Opens the parser and feeds it what came so far: what was kept, and the bytes of this call that were not. */
  #open(protocol: AppProtocol, direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    const parser = protocol.open(this.#sink);
    this.protocol = protocol;
    this.state = 'open';
    this.#parser = parser;
    const other = opposite(direction);
    if (this.#firstDirection === other) this.#feedKept(parser, other);
    this.#feedKept(parser, direction);
    if (start < end) parser.consume(direction, bytes, start, end);
    if (this.#firstDirection === direction) this.#feedKept(parser, other);
    this.#first[TO_SERVER] = null;
    this.#first[TO_CLIENT] = null;
    if (parser.isDone === true) this.#close('done');
  }

  #feedKept(parser: AppParser, direction: Direction): void {
    const first = this.#first[direction];
    if (first !== null) parser.consume(direction, first, 0, this.#firstBytes[direction]);
    if (this.#lostBytes[direction] > 0) parser.gap(direction, this.#lostBytes[direction]);
    if (this.#hasEnded[direction]) parser.end(direction);
  }

  /** Keeps what fits, and nothing behind a gap. Returns how many bytes. */
  #keep(direction: Direction, bytes: Uint8Array, start: number, end: number): number {
    const known = this.#firstBytes[direction];
    const count = this.#lostBytes[direction] > 0 ? 0 : Math.min(end - start, MAX_PROBE_BYTES - known);
    if (count === 0) return 0;
    let buffer = this.#first[direction];
    if (buffer === null || buffer.length < known + count) {
      const grown = new Uint8Array(Math.min(MAX_PROBE_BYTES, 2 * (known + count)));
      if (buffer !== null) grown.set(buffer.subarray(0, known));
      buffer = grown;
      this.#first[direction] = grown;
    }
    buffer.set(bytes.subarray(start, start + count), known);
    this.#firstBytes[direction] = known + count;
    return count;
  }

  #reject(direction: Direction): void {
    this.#isRejected[direction] = true;
    if (this.#isRejected[opposite(direction)]) this.#close('failed');
  }

  #close(state: 'failed' | 'done'): void {
    this.state = state;
    this.#parser = null;
    this.#first[TO_SERVER] = null;
    this.#first[TO_CLIENT] = null;
  }
}
