import { type Direction, opposite, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import { Detection } from './detection.ts';
import type { DetectionEvent } from './events.ts';
import type { FirstBytes } from './first-bytes.ts';
import { FramePlaces } from './frame-places.ts';
import {
  type AppParser,
  type AppProtocol,
  type AppSink,
  type Channel,
  type FrameListener,
  type FrameSink,
  type Handover,
  STREAM_FRAME,
  type Transport,
} from './protocol.ts';

/** A tunnel in a tunnel in a tunnel: beyond this the rest is not parsed. Ours; nobody needs more than three. */
export const MAX_PROTOCOL_CHANGES = 8;

/** How far the protocol of a flow is known. `failed`: none of ours; `done`: parsed to its end. */
export type AppState = 'undecided' | 'open' | 'failed' | 'done';

/** What a direction shows in which no protocol of ours begins; Suricata's name for it. */
export const NO_PROTOCOL = 'failed';

/** By direction: the name of the protocol that its own bytes show, or NO_PROTOCOL; null while it is not known. */
export type ShownProtocols = readonly [string | null, string | null];
export const NOTHING_SHOWN: ShownProtocols = [null, null];
export const NO_PROTOCOL_SHOWN: ShownProtocols = [NO_PROTOCOL, NO_PROTOCOL];

/** One flow: finds its protocol by content, on any port and from either side, and opens its parser. */
export class AppSession {
  state: AppState = 'undecided';
  protocol: AppProtocol | null = null;
  readonly shown: [string | null, string | null] = [null, null];
  /** It is done because all that follows is encrypted. */
  isEncrypted = false;
  /** It has failed because there was no memory left for it: what comes is read by nobody, and that is told. */
  isShed = false;
  /** What was counted of it where the memory of all sessions is counted. */
  countedBytes = 0;
  #isShedTold = false;
  readonly #protocols: readonly AppProtocol[];
  readonly #sink: AppSink;
  readonly #channel: Channel;
  readonly #memory: FirstBytes;
  /** Null: nobody looks into frames. */
  readonly #frames: FramePlaces | null;
  #parser: AppParser | null = null;
  /** Null when both directions have shown what they speak. */
  #detection: Detection | null;
  readonly #hasEnded: [boolean, boolean] = [false, false];
  /** The protocol that the one before agreed on, and what it says of it. */
  #expected: string | null = null;
  #subject: unknown = undefined;
  #changes = 0;
  /** The client has sent nothing since its bytes were read again. */
  #isReadAgain = false;

  /** `protocols`: those that it can turn out to be. Without any, `open` or `resume` must follow. */
  constructor(
    protocols: readonly AppProtocol[],
    sink: AppSink,
    channel: Channel,
    memory: FirstBytes,
    frames: FrameListener | null,
  ) {
    this.#frames = frames === null ? null : new FramePlaces(frames);
    this.#protocols = protocols;
    this.#memory = memory;
    this.#detection = protocols.length === 0 ? null : new Detection(true, memory);
    this.#sink = sink;
    this.#channel = this.#frames === null ? channel : withFrames(channel, this.#frames);
  }

  get transport(): Transport {
    return this.#channel.transport;
  }

  /** Nothing that still comes changes it. */
  get isOver(): boolean {
    return this.#parser === null && this.#detection === null && this.state !== 'undecided' && !this.isShed;
  }

  /** Memory that it takes for what came. */
  get heldBytes(): number {
    return (this.#parser?.heldBytes ?? 0) + (this.#detection?.heldBytes ?? 0);
  }

  /**
   * See AppParser's `restingAt`: negative where more is to be remembered than that number, the protocol, and how far
   * each direction has got.
   */
  get restingAt(): number {
    const isPlain =
      this.state === 'open' &&
      this.#detection === null &&
      this.#changes === 0 &&
      this.#channel.subject === undefined &&
      !this.#hasEnded[TO_SERVER] &&
      !this.#hasEnded[TO_CLIENT];
    return isPlain ? (this.#parser?.restingAt ?? -1) : -1;
  }

  /** How far frames have got in this direction. */
  passedBytes(direction: Direction): number {
    return this.#frames?.passedBytes[direction] ?? 0;
  }

  /** Goes on as a session would that has `restingAt`, of the same protocol and as far as this in each direction. */
  resume(of: AppSession, restingAt: number, passedToServer: number, passedToClient: number): void {
    const protocol = of.protocol!;
    this.#forgetDetection();
    this.protocol = protocol;
    this.state = 'open';
    this.shown[TO_SERVER] = of.shown[TO_SERVER];
    this.shown[TO_CLIENT] = of.shown[TO_CLIENT];
    if (this.#frames !== null) {
      this.#frames.protocol = protocol;
      this.#frames.passedBytes[TO_SERVER] = passedToServer;
      this.#frames.passedBytes[TO_CLIENT] = passedToClient;
    }
    this.#parser = protocol.resume!(this.#sink, this.#channel, restingAt);
  }

  /** The protocol is known beforehand. */
  open(protocol: AppProtocol): void {
    this.#forgetDetection();
    this.shown.fill(protocol.name);
    this.#start(protocol);
  }

  consume(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    if (start >= end) return;
    if (direction === TO_SERVER) this.#isReadAgain = false;
    if (this.#parser === null) {
      if (this.state === 'undecided') this.#detect(direction, bytes, start, end);
      else if (this.isShed && !this.#isShedTold) {
        this.#isShedTold = true;
        this.#raise(direction, 'applayer_memory_limit');
      }
      return;
    }
    const from = this.#detection === null ? start : this.#confirm(this.#detection, direction, bytes, start, end);
    if (from < end) this.#pass(direction, bytes, from, end);
  }

  gap(direction: Direction, missingBytes: number): void {
    if (this.#parser !== null) this.#lose(direction, missingBytes);
    if (this.#detection === null) return;
    this.#detection.gap(direction, missingBytes);
    if (this.#parser === null) this.#giveUpIfHopeless(this.#detection);
    else this.#forgetIfSettled(this.#detection);
  }

  end(direction: Direction): void {
    this.#hasEnded[direction] = true;
    if (this.#parser !== null) {
      this.#finish(direction);
      if (this.#parser.isDone === true || this.#hasEnded[opposite(direction)]) this.#close('done');
      return;
    }
    if (this.#detection === null) return;
    this.#detection.settle(direction);
    this.#giveUpIfHopeless(this.#detection);
  }

  /** See AppParser. */
  rest(): void {
    this.#parser?.rest?.();
  }

  close(): void {
    this.#parser?.close?.();
    this.#parser = null;
    this.#forgetDetection();
  }

  /** Nothing more of it arrives. What it speaks remains known. */
  abandon(): void {
    this.close();
    this.state = 'done';
    this.isShed = false;
  }

  /** Gives back what it holds. */
  shed(): void {
    this.close();
    this.state = 'failed';
    this.isShed = true;
  }

  #start(protocol: AppProtocol, sink = this.#sink): void {
    this.protocol = protocol;
    this.state = 'open';
    if (this.#frames !== null) this.#frames.protocol = protocol;
    const channel = this.#subject === undefined ? this.#channel : { ...this.#channel, subject: this.#subject };
    this.#subject = undefined;
    this.#parser = protocol.open(sink, channel);
    if (this.#channel.transport === 'udp' || this.#frames?.isWanted !== true) return;
    this.#frames.enter(0);
    this.#frames.beginFrame(TO_SERVER, STREAM_FRAME, 0, null);
    this.#frames.beginFrame(TO_CLIENT, STREAM_FRAME, 0, null);
  }

  #lose(direction: Direction, missingBytes: number): void {
    this.#frames?.enter(0);
    this.#parser!.gap(direction, missingBytes);
    this.#frames?.pass(direction, missingBytes);
  }

  #finish(direction: Direction): void {
    this.#frames?.enter(0);
    this.#parser!.end(direction);
  }

  /** To the parser, and behind its protocol to the next one. */
  #pass(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    const parser = this.#parser;
    if (parser === null) {
      this.consume(direction, bytes, start, end);
      return;
    }
    // The server decides what is spoken: until it has shown that, a parser that is done only waits.
    const isConfirmed = this.#detection === null || this.#detection.isSettled[TO_CLIENT];
    if (!isConfirmed && parser.isDone === true) {
      this.#frames?.pass(direction, end - start);
      return;
    }
    if (this.#channel.transport === 'udp') this.#frames?.restart(direction);
    this.#frames?.enter(start);
    parser.consume(direction, bytes, start, end);
    const handover = parser.handover ?? null;
    this.#frames?.pass(direction, (handover?.at ?? end) - start);
    if (handover !== null) {
      this.#change(handover, direction);
      this.consume(direction, bytes, handover.at, end);
    } else if (isConfirmed && parser.isDone === true) this.#close('done');
  }

  #detect(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    const detection = this.#detection!;
    const protocol = detection.probe(direction, bytes, start, end, this.#protocols, this.#channel);
    this.#noteShown(detection, direction, protocol);
    if (protocol === null) {
      this.#giveUpIfHopeless(detection);
      return;
    }
    const { firstDirection } = detection;
    if (this.#expected !== null && this.#expected !== protocol.name) {
      this.#raiseUnexpected(direction);
      this.#subject = undefined;
    }
    this.#expected = null;
    this.#start(protocol);
    if (protocol.firstDirection !== undefined && protocol.firstDirection !== firstDirection) {
      this.#raise(direction, 'applayer_wrong_direction_first_data');
    }
    const other = opposite(direction);
    if (detection.isHopeless && firstDirection === other && !detection.wasSkipped) {
      this.#raise(direction, 'applayer_detect_protocol_only_one_direction');
    }
    const rest = start + detection.newlyKeptBytes;
    this.#passAll(detection, firstDirection ?? direction, direction, bytes, rest, end);
    if (this.#detection !== detection) return;
    if (direction === TO_SERVER && !detection.isSettled[TO_CLIENT]) detection.keepOn(bytes, rest, end);
  }

  /** To the parser: what is kept of both directions, with `bytes` behind those of one of them. `first` goes first. */
  #passAll(
    detection: Detection,
    first: Direction,
    direction: Direction,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const other = opposite(direction);
    // A change of protocol in one of them releases the search.
    const ownKept = detection.lend(direction);
    const otherKept = detection.lend(other);
    if (first === other) this.#passKept(detection, other, otherKept);
    this.#passKept(detection, direction, ownKept);
    if (start < end) this.#pass(direction, bytes, start, end);
    if (first === direction) this.#passKept(detection, other, otherKept);
    detection.giveBack(direction, ownKept);
    detection.giveBack(other, otherKept);
    if (this.#detection === detection) this.#forgetIfSettled(detection);
  }

  #passKept(detection: Detection, direction: Direction, kept: Uint8Array | null): void {
    if (kept !== null) this.#pass(direction, kept, 0, detection.keptBytes[direction]);
    if (this.#detection !== detection) return;
    if (this.#parser === null) return;
    if (detection.lostBytes[direction] > 0) this.#lose(direction, detection.lostBytes[direction]);
    if (this.#hasEnded[direction]) this.#finish(direction);
  }

  /**
   * The protocol is open: does the other side speak it as well? Returns where the bytes begin that are to be passed.
   */
  #confirm(detection: Detection, direction: Direction, bytes: Uint8Array, start: number, end: number): number {
    if (detection.isSettled[direction]) {
      if (direction === TO_SERVER) detection.keepOn(bytes, start, end);
      return start;
    }
    const protocol = this.protocol!;
    const found = detection.probe(direction, bytes, start, end, this.#protocols, this.#channel, protocol);
    this.#noteShown(detection, direction, found);
    if (found === null) {
      if (detection.isSettled[direction]) this.#raise(direction, 'applayer_detect_protocol_only_one_direction');
    } else if (found !== protocol) {
      this.#raise(direction, 'applayer_mismatch_protocol_both_directions');
      // The server decides what is spoken: a client could say anything first, to be taken for something else.
      if (direction === TO_CLIENT) {
        this.#startAnew(found, detection, bytes, start, end);
        return end;
      }
    }
    this.#forgetIfSettled(detection);
    return start;
  }

  /** All that the wrong parser got is passed once more, in the order in which the right one expects it. */
  #startAnew(found: AppProtocol, detection: Detection, bytes: Uint8Array, start: number, end: number): void {
    const { keptBytes, lostBytes, newlyKeptBytes } = detection;
    this.#frames?.pass(TO_CLIENT, newlyKeptBytes - keptBytes[TO_CLIENT]);
    this.#frames?.pass(TO_SERVER, -keptBytes[TO_SERVER] - lostBytes[TO_SERVER]);
    this.#isReadAgain = true;
    this.#start(found, this.#sinkOfReadAgain());
    if (detection.isOverfull) this.#raise(TO_SERVER, 'applayer_first_bytes_lost');
    const first = found.firstDirection ?? detection.firstDirection ?? TO_CLIENT;
    this.#passAll(detection, first, TO_CLIENT, bytes, start + newlyKeptBytes, end);
  }

  /**
   * Rules look into what is read again, but it is not told how odd it is: so are the first bytes of each client that
   * tries a server with another protocol, be it TLS or HTTP/2, or takes the wrong port.
   */
  #sinkOfReadAgain(): AppSink {
    return {
      onProgress: (transaction, direction, stage) => this.#sink.onProgress(transaction, direction, stage),
      onEvent: (transaction, direction, event) => {
        if (direction === TO_CLIENT || !this.#isReadAgain) this.#sink.onEvent(transaction, direction, event);
      },
    };
  }

  /** Parsers are not closed here: what rules found in their transactions is told at the end of the packet. */
  #change(handover: Handover, direction: Direction): void {
    this.#parser = null;
    this.protocol = null;
    this.#forgetDetection();
    if (++this.#changes > MAX_PROTOCOL_CHANGES) {
      this.#raise(direction, 'applayer_too_many_changes');
      this.#close('failed');
      return;
    }
    this.shown.fill(null);
    this.#subject = handover.protocol === null ? undefined : handover.subject;
    const agreed = this.#protocols.find(({ name, isByAgreement }) => isByAgreement && name === handover.protocol);
    const other = opposite(direction);
    if (agreed !== undefined) {
      this.open(agreed);
      if (handover.missingBytes > 0) this.gap(other, handover.missingBytes);
      if (this.#hasEnded[other]) this.end(other);
      return;
    }
    this.state = 'undecided';
    this.#expected = handover.protocol;
    this.#detection = new Detection(false, this.#memory);
    if (handover.missingBytes > 0) this.#detection.gap(other, handover.missingBytes);
    if (this.#hasEnded[other]) this.#detection.settle(other);
  }

  #giveUpIfHopeless(detection: Detection): void {
    if (!detection.isHopeless) return;
    const direction = detection.firstDirection ?? TO_SERVER;
    if (detection.wasSkipped) this.#raise(direction, 'applayer_proto_detection_skipped');
    if (this.#expected !== null && detection.firstDirection !== null) this.#raiseUnexpected(direction);
    this.#close('failed');
  }

  #noteShown(detection: Detection, direction: Direction, found: AppProtocol | null): void {
    if (!detection.isSettled[direction]) return;
    this.shown[direction] = found?.name ?? NO_PROTOCOL;
    const other = opposite(direction);
    if (detection.isSettled[other] && detection.isUnlikely[other]) this.shown[other] = NO_PROTOCOL;
  }

  #forgetIfSettled(detection: Detection): void {
    if (detection.isHopeless) this.#forgetDetection();
  }

  #forgetDetection(): void {
    this.#detection?.release();
    this.#detection = null;
  }

  #raiseUnexpected(direction: Direction): void {
    // Where nobody here speaks it, nobody can tell.
    if (!this.#protocols.some(({ name }) => name === this.#expected)) return;
    this.#raise(direction, 'applayer_unexpected_protocol');
    if (this.#expected === 'tls') this.#raise(direction, 'applayer_no_tls_after_starttls');
  }

  #raise(direction: Direction, event: DetectionEvent): void {
    this.#sink.onEvent(null, direction, event);
  }

  #close(state: 'failed' | 'done'): void {
    this.state = state;
    this.isEncrypted = this.#parser?.isEncrypted === true;
    this.#parser = null;
    this.#forgetDetection();
  }
}

/** Property by property: to spread it takes a microsecond and more, for every connection (Node 20). */
function withFrames(channel: Channel, frames: FrameSink): Channel {
  const { transport, clientPort, serverPort, subject, nowMs, expect } = channel;
  return { transport, clientPort, serverPort, subject, frames, nowMs, expect };
}
