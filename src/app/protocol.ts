import type { Direction } from '../base/direction.ts';
import type { FileSource } from './files.ts';

/** How far one direction of a transaction has got. Buffers belong to a stage. */
export const STAGE = { head: 1, body: 2, complete: 3 } as const;
export type Stage = (typeof STAGE)[keyof typeof STAGE];

/** One exchange of an application protocol, for instance a request and its answer. */
export interface Transaction {
  /** 0, 1, 2 ... within the flow. */
  readonly id: number;
}

/**
 * Something of a transaction that rules can look into. The rule keyword of the same name selects it.
 * `T` is the protocol's own transaction class.
 */
export interface BufferDefinition<T extends Transaction = Transaction> {
  /** Suricata's name, for instance `http.uri`. */
  readonly name: string;
  /** Other names that rules may use, for instance `http_uri`. */
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** Null: both. */
  readonly direction: Direction | null;
  /** The stage in which it is there. A buffer of the stage `body` grows until the message is complete. */
  readonly stage: Stage;
  /** Rules compare it without regard to case, whatever they say: hashes and numbers in hexadecimal. */
  readonly isCaseless?: boolean;
  /**
   * There can be several, and what a rule writes behind the keyword's second mention need not hold of the one that the
   * first is about, as in Suricata 7.
   */
  readonly isRepeated?: boolean;
  /** The n-th is of the n-th file: what a rule asks of such buffers must hold of one and the same file. */
  readonly isOfFile?: boolean;
  /** Of the stage `body`: what is there does not grow, only more of them may come. */
  readonly isWhole?: boolean;
  /** Of such a one: does it stay as it is? Asked of one that is there, before the direction is complete. */
  isSettled?(transaction: T, direction: Direction, nth: number): boolean;
  /** In this direction it holds what that buffer holds: one search does for both. */
  readonly sameAs?: { readonly direction: Direction; readonly buffer: BufferDefinition<T> };
  /** Each of its lines is a stretch of what `readHead` of the protocol gives. */
  readonly isOfHead?: boolean;
  /** Numbers in it are little-endian, as its message says; left out: they are not. For `dce` of `byte_test`. */
  isLittleEndian?(transaction: T): boolean;
  /** No keyword of its own leads into it: other keywords compare what it holds. */
  readonly isInternal?: boolean;
  /** It is no part of a transaction, but a stretch of the stream itself (see FrameSink). */
  readonly isFrame?: boolean;
  /**
   * The n-th such buffer in this direction, null behind the last one or where there is none.
   * Borrowed until the parser's next call. A growing buffer keeps its beginning: it only gets longer.
   */
  read(transaction: T, direction: Direction, nth: number): Uint8Array | null;
}

/**
 * Who is told where the parts of a protocol lie in what was sent: rules can look into such a stretch (`frame`). Places
 * are counted as in the parser's `consume` call at work; what began in an earlier one lies before its `start`.
 */
export interface FrameSink {
  /** False: no rule asks for any of this protocol. */
  readonly isWanted: boolean;
  /** `bytes` null: how long it is shows only when `end` says so. */
  beginFrame(direction: Direction, name: string, at: number, bytes: number | null): void;
  /** What has begun under this name ends here. */
  endFrame(direction: Direction, name: string, at: number): void;
}

/** The name of the buffer that stands for a frame, as `frame` is given it. */
export const frameBuffer = (frame: string): string => `frame:${frame}`;

/** A frame that exists in every protocol over TCP: all that the protocol's parser is given. */
export const STREAM_FRAME = 'stream';

/** Who is told of what a parser found. Called from within `consume`, `gap` and `end`. */
export interface AppSink {
  /**
   * The stage was reached, or (`body`) its buffers have grown. `complete` comes once for each direction, and may tell
   * of the last growth too.
   */
  onProgress(transaction: Transaction, direction: Direction, stage: Stage): void;
  /** A deviation, by Suricata's name where one exists. */
  onEvent(transaction: Transaction | null, direction: Direction, event: string): void;
}

/** Who is told of the frames of the flow at work; `at` is an offset in the stream, or in the datagram. */
export interface FrameListener {
  isWanted(protocol: AppProtocol): boolean;
  /** `bytes` null: not known yet. */
  onFrame(protocol: AppProtocol, direction: Direction, name: string, at: number, bytes: number | null): void;
  onFrameEnd(direction: Direction, name: string, at: number): void;
}

export type Transport = 'tcp' | 'udp';

/** What carries the bytes. Ports are only a hint: a protocol is found by what it says. */
export interface Channel {
  readonly transport: Transport;
  readonly clientPort: number;
  readonly serverPort: number;
  /** What was said of it by the connection that announced this one, or by the protocol before this one. */
  readonly subject?: unknown;
  /** Left out: nobody asks. */
  readonly frames?: FrameSink | undefined;
  /** When the bytes in hand came, milliseconds since 1970 UTC. Valid within the methods of a stream's parser. */
  readonly nowMs?: (() => number) | undefined;
  /** Announces another connection. Valid within the parser's methods. */
  readonly expect?: ((expectation: Expectation) => void) | undefined;
}

/** Another connection of the same two hosts, as one of them has announced it: the data connection of FTP. */
export interface Expectation {
  /** Which host will accept it: TO_SERVER is the server of the connection that announces it. */
  readonly listener: Direction;
  readonly port: number;
  /** The direction, on that connection, in which bytes will go first. */
  readonly sender: Direction;
  /** It is not probed. */
  readonly protocol: string;
  /** For the parser of that protocol, in its channel. */
  readonly subject: unknown;
}

/** Another protocol speaks from here on, in both directions: STARTTLS, an accepted CONNECT or Upgrade. */
export interface Handover {
  /** The name of the protocol that was agreed on, null where that was not said. */
  readonly protocol: string | null;
  /** For the parser of that protocol, in its channel. */
  readonly subject?: unknown;
  /** Where its bytes begin in those of the call of `consume` that found it. */
  readonly at: number;
  /** Of the other direction, bytes of the new protocol that came before and are not kept. */
  readonly missingBytes: number;
}

/**
 * The state of one flow's protocol. Bytes of a stream go in as they become contiguous, datagrams with one call each;
 * nothing throws because of them.
 */
export interface AppParser {
  consume(direction: Direction, bytes: Uint8Array, start: number, end: number): void;
  /** Bytes that nobody saw: they are lost in the capture, or a limit was reached. */
  gap(direction: Direction, missingBytes: number): void;
  /** No more bytes in this direction. */
  end(direction: Direction): void;
  /** True when nothing that is still to come will be parsed, for instance behind an upgrade: feeding may stop. */
  readonly isDone?: boolean;
  /** When it is done: both sides have agreed on keys, and all that follows is encrypted. */
  readonly isEncrypted?: boolean;
  /** Set within `consume`: the parser gets no more bytes, and the protocol behind it is looked for. */
  readonly handover?: Handover | null;
  /**
   * Memory that it takes for what came and is still needed, in bytes. Asked behind each call, so it is not counted anew
   * then; what stays below a kilobyte or two is not worth counting.
   */
  readonly heldBytes: number;
  /** All has been said of what came so far: gives back what is over. A connection may be silent for hours from now. */
  rest?(): void;
  /** The flow is gone: gives back what it holds and tells nobody. */
  close?(): void;
  /**
   * When nothing is under way in either direction, the number from which `AppProtocol.resume` makes a parser that goes
   * on as this one would; else negative. Left out: it always stays.
   */
  readonly restingAt?: number;
}

/** `more`: too few bytes to tell; `perhaps`: the same, but no longer where the other side has shown nothing. */
export type ProbeAnswer = 'yes' | 'no' | 'more' | 'perhaps';

export interface AppProtocol<T extends Transaction = Transaction> {
  /** As EVE's app_proto and rule headers spell it. */
  readonly name: string;
  /** EVE's key for what `describe` says, where it is not the name. */
  readonly contextKey?: string;
  readonly buffers: readonly BufferDefinition<T>[];
  /**
   * What `frame` calls the stretches that the parser tells of: `prefix.name`, and `name` in a rule for this protocol.
   */
  readonly frames?: { readonly prefix: string; readonly names: readonly string[] };
  /** What it runs over. */
  readonly transports: readonly Transport[];
  /** For rules on events, question and answer are transactions of their own, as Suricata has them. */
  readonly hasOneWayTransactions?: boolean;
  /**
   * For rules on events that name no direction, each event is one of both sides of its transaction, as Suricata has it.
   */
  readonly hasEventsOfBothSides?: boolean;
  /** It is not looked for: another protocol has to hand over to it. */
  readonly isByAgreement?: boolean;
  /**
   * Asked before all probes about the first bytes of a client: is the port one of its servers alone? What a client says
   * first is its own choice, and there are servers that pass over what they do not understand. With `no`, probes
   * decide.
   */
  claims?(serverPort: number, bytes: Uint8Array, start: number, end: number): ProbeAnswer;
  /** Who speaks first; left out: either. What begins otherwise is told of, and followed all the same. */
  readonly firstDirection?: Direction;
  /**
   * Does a flow whose first bytes in this direction are these speak this protocol? The bytes are all since its start,
   * or one datagram, which is never asked about again.
   */
  probe(direction: Direction, bytes: Uint8Array, start: number, end: number, channel: Channel): ProbeAnswer;
  open(sink: AppSink, channel: Channel): AppParser;
  /** See AppParser's `restingAt`. */
  resume?(sink: AppSink, channel: Channel, restingAt: number): AppParser;
  /**
   * All lines of the message's head, with the bytes that its buffers have (`isOfHead`), so that one look at it says
   * what can't be in any of them. Null where their bytes are not those of the head, or it is not there. Borrowed as
   * they are.
   */
  readHead?(transaction: T, direction: Direction): Uint8Array | null;
  /** Context for events: the value of EVE's key. */
  describe(transaction: T): Record<string, unknown>;
  /** Further keys beside that one: the `email` of an SMTP transaction. */
  describeContent?(transaction: T): Record<string, unknown>;
  /**
   * Where EVE has records of each direction by itself (question, answer): one value of EVE's key for each. Left out:
   * one record of the whole transaction, as `describe` says.
   */
  describeMessages?(transaction: T, direction: Direction): readonly Record<string, unknown>[];
  /** The files that transactions carry, for records of them. */
  readonly files?: FileSource<T>;
}
