import { type Direction, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import { SlotRecords } from '../base/slot-records.ts';
import type { FlowSlot } from '../flow/slot.ts';
import { Expectations } from './expectations.ts';
import { FirstBytes } from './first-bytes.ts';
import { APP_PROTOCOLS } from './index.ts';
import { ParserMemory } from './parser-memory.ts';
import type { AppProtocol, AppSink, Channel, Expectation, FrameListener, Transport } from './protocol.ts';
import { AppSession, type AppState, NOTHING_SHOWN, type ShownProtocols } from './session.ts';

/** Between whom a flow is: the flow table. */
export interface FlowEndpoints {
  /** Four words of the client's address at `flow * 8`, the server's at `flow * 8 + 4`. */
  readonly addresses: Uint32Array;
  clientPort(flow: FlowSlot): number;
  serverPort(flow: FlowSlot): number;
  /** What is in a tunnel says nothing of connections outside. */
  tunnelDepth(flow: FlowSlot): number;
}

export interface AppLayerOptions {
  /** Left out: all of them, with default limits. */
  readonly protocols?: readonly AppProtocol[];
  /** Null: nobody looks into frames. */
  readonly frames?: FrameListener | null;
  /** What all parsers may hold together. Left out: no limit. */
  readonly memoryBytes?: number;
  /** Servers are not heard: nothing is kept for what they would say. */
  readonly isOneSided?: boolean;
  /** The parser of a flow was given up at that limit. */
  readonly onShed?: (flow: FlowSlot) => void;
}

/**
 * The application protocol of every flow, by slot. Bytes of a stream come in order, each once; datagrams as they
 * arrive, with their boundaries, for the protocols that say that they speak UDP.
 */
export class AppLayer {
  /** Whose bytes are being parsed: valid within the sink's methods. */
  currentFlow: FlowSlot = 0;
  /** When the packet in hand came, milliseconds since 1970 UTC: whoever feeds bytes sets it. */
  nowMs = 0;
  /** Of all sessions. */
  readonly memory: ParserMemory;
  /** The flow that it is told of is `currentFlow`. */
  readonly #sink: AppSink;
  readonly #overTcp: readonly AppProtocol[];
  readonly #overUdp: readonly AppProtocol[];
  readonly #endpoints: FlowEndpoints;
  readonly #frames: FrameListener | null;
  readonly #firstBytes: FirstBytes;
  readonly #sessions: (AppSession | undefined)[] = [];
  /** The one that was given something since the last `rest`. */
  #fed: AppSession | null = null;
  /** By protocol, sessions that are over or packed, each for all flows of which the same is to be said. */
  readonly #shared = new Map<AppProtocol | null, AppSession[]>();
  /** Of flows that are packed, beside the session that says the same: PACKED. */
  readonly #packed = new SlotRecords();
  readonly #expectations = new Expectations();
  /** Of the datagram in hand. */
  readonly #channel = { transport: 'udp' as const, clientPort: 0, serverPort: 0 };

  constructor(sink: AppSink, endpoints: FlowEndpoints, options: AppLayerOptions = {}) {
    const { protocols = APP_PROTOCOLS, frames = null, memoryBytes = Number.POSITIVE_INFINITY, onShed } = options;
    this.#frames = frames;
    this.#firstBytes = new FirstBytes(memoryBytes / 4, options.isOneSided !== true);
    this.memory = new ParserMemory(memoryBytes, onShed ?? (() => {}));
    this.#sink = sink;
    this.#endpoints = endpoints;
    this.#overTcp = protocols.filter((protocol) => speaks(protocol, 'tcp'));
    this.#overUdp = protocols.filter((protocol) => speaks(protocol, 'udp'));
  }

  /** The next bytes of a stream. Borrowed for the call. */
  consume(flow: FlowSlot, direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    this.currentFlow = flow;
    const session = this.#session(flow, direction);
    if (session.isOver) return;
    this.#fed = session;
    session.consume(direction, bytes, start, end);
    this.#settle(flow, session);
  }

  /**
   * One datagram, borrowed for the call. Each one of a flow that is not recognised is looked at by itself: nothing is
   * remembered of it, and junk in front hides nothing.
   */
  datagram(flow: FlowSlot, direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    this.currentFlow = flow;
    let session = this.#sessions[flow];
    if (session === undefined) {
      const channel = this.#channel;
      channel.clientPort = this.#endpoints.clientPort(flow);
      channel.serverPort = this.#endpoints.serverPort(flow);
      const protocol = this.#recognise(direction, bytes, start, end);
      if (protocol === null) return;
      session = this.#overDatagrams(flow);
      session.open(protocol);
      this.#sessions[flow] = session;
    }
    this.#fed = session;
    session.consume(direction, bytes, start, end);
    this.memory.note(flow, session);
  }

  gap(flow: FlowSlot, direction: Direction, missingBytes: number): void {
    this.currentFlow = flow;
    const session = this.#session(flow, direction);
    if (session.isOver) return;
    this.#fed = session;
    session.gap(direction, missingBytes);
    this.#settle(flow, session);
  }

  end(flow: FlowSlot, direction: Direction): void {
    this.currentFlow = flow;
    const session = this.#session(flow, null);
    if (session.isOver) return;
    this.#fed = session;
    session.end(direction);
    this.#settle(flow, session);
  }

  /** The packet is over, and all that was to be said of it is said. */
  rest(): void {
    this.#fed?.rest();
    this.#fed = null;
  }

  /**
   * A flow that is silent gives back its parser, where that is between two exchanges. The getters below go on to say
   * the same of it; before anything else it is to be unpacked.
   */
  pack(flow: FlowSlot): void {
    const session = this.#sessions[flow];
    const restingAt = session === undefined ? -1 : session.restingAt;
    if (session === undefined || restingAt < 0) return;
    const records = this.#packed;
    records.add(flow, PACKED.bytes);
    const { view, start } = records;
    view.setFloat64(start + PACKED.restingAt, restingAt);
    view.setFloat64(start + PACKED.passedToServer, session.passedBytes(TO_SERVER));
    view.setFloat64(start + PACKED.passedToClient, session.passedBytes(TO_CLIENT));
    view.setUint8(start + PACKED.isOverUdp, session.transport === 'udp' ? 1 : 0);
    if (session.countedBytes > 0) this.memory.forget(flow, session);
    session.close();
    this.#share(flow, session);
  }

  /** All is as it was before `pack`. */
  unpack(flow: FlowSlot): void {
    const records = this.#packed;
    if (!records.find(flow)) return;
    const { view, start } = records;
    const isOverUdp = view.getUint8(start + PACKED.isOverUdp) === 1;
    const session = isOverUdp
      ? this.#overDatagrams(flow)
      : new AppSession(this.#overTcp, this.#sink, this.#channelOf(flow, 'tcp'), this.#firstBytes, this.#frames);
    session.resume(
      this.#sessions[flow]!,
      view.getFloat64(start + PACKED.restingAt),
      view.getFloat64(start + PACKED.passedToServer),
      view.getFloat64(start + PACKED.passedToClient),
    );
    records.remove(flow);
    this.#sessions[flow] = session;
  }

  state(flow: FlowSlot): AppState {
    return this.#sessions[flow]?.state ?? 'undecided';
  }

  /** Its bytes mean something to a parser, or may yet. */
  isReading(flow: FlowSlot): boolean {
    const state = this.state(flow);
    return state === 'undecided' || state === 'open';
  }

  /** Null if it is not known, or none of ours (see `state`). */
  protocol(flow: FlowSlot): AppProtocol | null {
    return this.#sessions[flow]?.protocol ?? null;
  }

  /** Nobody reads what comes of it, since there was no memory for its parser. */
  isShed(flow: FlowSlot): boolean {
    return this.#sessions[flow]?.isShed ?? false;
  }

  /** No more is read of it, since all that follows is encrypted. */
  isEncrypted(flow: FlowSlot): boolean {
    return this.#sessions[flow]?.isEncrypted ?? false;
  }

  /** What each direction's own bytes show. Nothing is remembered of datagrams that nobody knows. */
  shown(flow: FlowSlot): ShownProtocols {
    return this.#sessions[flow]?.shown ?? NOTHING_SHOWN;
  }

  /** The flow is gone. Its unfinished transactions are not told any more. */
  release(flow: FlowSlot): void {
    const session = this.#sessions[flow];
    if (session === undefined) return;
    if (session.countedBytes > 0) this.memory.forget(flow, session);
    session.close();
    this.#sessions[flow] = undefined;
  }

  /** Nothing more of the flow arrives: of its protocol, only the name is kept. */
  abandon(flow: FlowSlot): void {
    const session = this.#sessions[flow];
    if (session === undefined || session.isOver) return;
    if (session.protocol === null) {
      this.release(flow);
      return;
    }
    if (session.countedBytes > 0) this.memory.forget(flow, session);
    session.abandon();
    this.#share(flow, session);
  }

  #settle(flow: FlowSlot, session: AppSession): void {
    this.memory.note(flow, session);
    if (session.isOver) this.#share(flow, session);
  }

  /** All that is left to say of a session without parser is in a few words, the same for thousands of flows. */
  #share(flow: FlowSlot, session: AppSession): void {
    let shared = this.#shared.get(session.protocol);
    if (shared === undefined) {
      shared = [];
      this.#shared.set(session.protocol, shared);
    }
    const known = shared.find((other) => saysTheSame(other, session));
    if (known === undefined) shared.push(session);
    else this.#sessions[flow] = known;
  }

  #recognise(direction: Direction, bytes: Uint8Array, start: number, end: number): AppProtocol | null {
    for (const protocol of this.#overUdp) {
      if (protocol.probe(direction, bytes, start, end, this.#channel) === 'yes') return protocol;
    }
    return null;
  }

  /** `direction`: of bytes that came, null without any. */
  #session(flow: FlowSlot, direction: Direction | null): AppSession {
    let session = this.#sessions[flow];
    if (session === undefined) {
      session = this.#open(flow, direction);
      this.#sessions[flow] = session;
    }
    return session;
  }

  #open(flow: FlowSlot, direction: Direction | null): AppSession {
    const channel = this.#channelOf(flow, 'tcp');
    const expected =
      direction === null || this.#expectations.isEmpty
        ? null
        : this.#expectations.take(this.#meeting(flow, TO_SERVER, channel.serverPort), direction);
    const protocol = this.#overTcp.find(({ name }) => name === expected?.protocol);
    if (expected === null || protocol === undefined)
      return new AppSession(this.#overTcp, this.#sink, channel, this.#firstBytes, this.#frames);
    const session = new AppSession(
      [],
      this.#sink,
      { ...channel, subject: expected.subject },
      this.#firstBytes,
      this.#frames,
    );
    session.open(protocol);
    return session;
  }

  /** Of datagrams, which are recognised before there is a session. */
  #overDatagrams(flow: FlowSlot): AppSession {
    return new AppSession([], this.#sink, this.#channelOf(flow, 'udp'), this.#firstBytes, this.#frames);
  }

  #channelOf(flow: FlowSlot, transport: Transport): Channel {
    const clientPort = this.#endpoints.clientPort(flow);
    const serverPort = this.#endpoints.serverPort(flow);
    if (transport === 'udp') return { transport, clientPort, serverPort };
    return { transport, clientPort, serverPort, expect: this.#expect, nowMs: this.#now };
  }

  readonly #now = (): number => this.nowMs;

  readonly #expect = (expectation: Expectation): void => {
    const { listener, port } = expectation;
    this.#expectations.add(this.#meeting(this.currentFlow, listener, port), expectation);
  };

  /** Who accepts a connection, where, and from whom: `listener` is the host of this flow at which such bytes arrive. */
  #meeting(flow: FlowSlot, listener: Direction, port: number): string {
    const { addresses } = this.#endpoints;
    const client = addresses.subarray(flow * 8, flow * 8 + 4).join('.');
    const server = addresses.subarray(flow * 8 + 4, flow * 8 + 8).join('.');
    const depth = this.#endpoints.tunnelDepth(flow);
    return listener === TO_SERVER ? `${depth} ${server} ${port} ${client}` : `${depth} ${client} ${port} ${server}`;
  }
}

/** Where a packed session has its numbers. */
const PACKED = { restingAt: 0, passedToServer: 8, passedToClient: 16, isOverUdp: 24, bytes: 25 } as const;

const speaks = ({ transports }: AppProtocol, transport: Transport): boolean => transports.includes(transport);

/** Of two sessions of the same protocol. */
const saysTheSame = (a: AppSession, b: AppSession): boolean =>
  a.state === b.state &&
  a.isEncrypted === b.isEncrypted &&
  a.shown[TO_SERVER] === b.shown[TO_SERVER] &&
  a.shown[TO_CLIENT] === b.shown[TO_CLIENT];
