import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { type FrameSink, STAGE, type Stage } from '../protocol.ts';
import { openBody } from './body.ts';
import { CHUNK_FAULT, CHUNK_STATE, ChunkReader } from './chunks.ts';
import type { HttpEvent } from './events.ts';
import { FRAMING, type Framing, hasFramingField } from './framing.ts';
import { giveHead, type Head, takeHead } from './head.ts';
import { HeadScanner, SCAN, type Scan } from './head-scanner.ts';
import { REQUEST_LINE_EVENTS, RESPONSE_LINE_EVENTS } from './line-events.ts';
import { type HttpOptions, MAX_RESYNC_BYTES } from './options.ts';
import type { HttpMessage, HttpTransaction } from './transaction.ts';

/** What the reader of one direction asks of the connection. */
export interface Exchange {
  readonly options: HttpOptions;
  readonly frames: FrameSink | undefined;
  /** A request begins. */
  openRequest(): HttpTransaction;
  /** A response begins: to which request? */
  nextToAnswer(): HttpTransaction;
  report(tx: HttpTransaction, direction: Direction, stage: Stage): void;
  complete(tx: HttpTransaction, direction: Direction): void;
  raise(tx: HttpTransaction | null, direction: Direction, event: HttpEvent): void;
  /** The rest of the connection is another protocol. */
  tunnel(tx: HttpTransaction): void;
}

export const READ = {
  /** Between two messages. */
  start: 0,
  head: 1,
  length: 2,
  chunks: 3,
  trailer: 4,
  untilClose: 5,
  /** Looking for the next message behind a gap or broken framing. */
  resync: 6,
  /** Nothing more is read. */
  ignore: 7,
  /** Behind a request line without version: do fields follow? */
  oldStyle: 8,
  /** Behind a response that has no body by its status and one by its fields. */
  perhapsBody: 10,
  /** Behind a CONNECT that was not answered yet: bytes that are no request. */
  tunnelWait: 9,
} as const;

/** Follows the messages of one direction, whatever the pieces. What both directions share. */
export abstract class MessageReader {
  state: number = READ.start;
  /** Bytes of a tunnel that was not there yet. */
  tunnelBytes = 0;
  /** The message that is being read. */
  tx: HttpTransaction | null = null;
  protected readonly exchange: Exchange;
  protected readonly direction: Direction;
  protected readonly raise: (event: HttpEvent) => void;
  protected readonly framing: Framing = { kind: FRAMING.none, lengthBytes: 0 };
  protected head: Head | null = null;
  /** Null: all heads came whole. */
  #scanner: HeadScanner | null = null;
  #remainingBytes = 0;
  #chunks: ChunkReader | null = null;
  #trailerStart = 0;
  #hasGrown = false;
  #line: Head | null = null;
  #resyncBytes = 0;
  #isLineTooLong = false;
  readonly #frame: string;
  #isFrameOver = false;
  /** Places in bytes that are held back and read anew are off by this. */
  protected placeShift = 0;

  constructor(exchange: Exchange, direction: Direction) {
    this.exchange = exchange;
    this.direction = direction;
    this.#frame = direction === TO_SERVER ? 'request' : 'response';
    this.raise = (event) => this.exchange.raise(this.tx, this.direction, event);
  }

  /** Between two messages, and with nothing to remember of those before. */
  get isResting(): boolean {
    return this.state === READ.start && this.tx === null;
  }

  /** Memory that the message in hand takes. */
  get heldBytes(): number {
    const message = this.tx?.message(this.direction) ?? null;
    const isTold = message !== null && message.head === this.head;
    return (message?.heldBytes ?? 0) + (isTold ? 0 : (this.head?.heldBytes ?? 0)) + (this.#line?.heldBytes ?? 0);
  }

  /** Returns where it stopped: before `end` where the rest is not HTTP. */
  consume(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end) {
      switch (this.state) {
        case READ.length:
          at = this.#readLength(bytes, at, end);
          break;
        case READ.chunks:
          at = this.#readChunks(bytes, at, end);
          break;
        case READ.trailer:
          at = this.#readTrailer(bytes, at, end);
          break;
        case READ.untilClose:
          this.addContent(bytes, at, end);
          at = end;
          break;
        case READ.resync:
          at = this.#findMessage(bytes, at, end);
          break;
        case READ.ignore:
          return at;
        case READ.tunnelWait:
          this.tunnelBytes += end - at;
          return end;
        default:
          at = this.readHead(bytes, at, end);
      }
      if (this.#isFrameOver) this.endFrame(at);
    }
    this.#reportGrowth();
    return end;
  }

  /** Bytes that nobody saw. Within a body of known length they are counted; else the next message is looked for. */
  gap(missingBytes: number): void {
    if (this.state === READ.tunnelWait) this.tunnelBytes += missingBytes;
    if (this.state === READ.ignore || this.state === READ.tunnelWait) return;
    if (this.tx !== null) this.raise('http.gap');
    else this.exchange.raise(null, this.direction, 'http.gap');
    const { state } = this;
    if (state === READ.untilClose) {
      this.message.body?.gap(missingBytes);
      return;
    }
    if (state === READ.length) {
      const seen = Math.min(missingBytes, this.#remainingBytes);
      this.message.body?.gap(seen);
      this.#remainingBytes -= seen;
      if (this.#remainingBytes === 0) this.finishMessage();
      if (this.#isFrameOver) this.endFrame(seen);
      if (seen === missingBytes) return;
    } else if (state === READ.chunks) {
      const chunks = this.#chunks!;
      if (chunks.state === CHUNK_STATE.data && missingBytes <= chunks.remainingBytes) {
        this.message.body?.gap(missingBytes);
        chunks.take(missingBytes);
        return;
      }
    }
    this.loseFraming();
    if (this.#isFrameOver) this.endFrame(0);
  }

  /** No more bytes: what was begun is shown as far as it came. */
  end(): void {
    const { state } = this;
    if (state === READ.head || state === READ.start) this.endHead();
    if (this.tx !== null) this.#cutMessage(state !== READ.untilClose);
    if (this.#isFrameOver) this.endFrame(0);
    this.stop();
  }

  /** Nothing more is read, and no memory kept. */
  stop(): void {
    this.state = READ.ignore;
    this.tx = null;
    if (this.#line !== null) giveHead(this.#line);
    this.#line = null;
    this.#chunks = null;
  }

  /** In the states between and within heads. Returns where it stopped. */
  protected abstract readHead(bytes: Uint8Array, at: number, end: number): number;
  /** The connection ends within a head, or between two. */
  protected abstract endHead(): void;
  /** Whether a line in the middle of nowhere looks like the beginning of a message. */
  protected abstract isStartLine(line: Uint8Array, end: number): boolean;
  /** A new message begins at `at` of the bytes at work. Sets `tx` and `head`. */
  protected abstract begin(at: number): void;

  protected get scanner(): HeadScanner {
    this.#scanner ??= new HeadScanner(this.direction === TO_CLIENT);
    return this.#scanner;
  }

  protected get message(): HttpMessage {
    return this.tx!.message(this.direction);
  }

  protected beginWith(tx: HttpTransaction, at: number): Head {
    const head = takeHead(0);
    this.tx = tx;
    this.head = head;
    this.message.head = head;
    this.#scanner?.reset(false);
    const { frames } = this.exchange;
    if (frames?.isWanted === true) frames.beginFrame(this.direction, this.#frame, at + this.placeShift, null);
    return head;
  }

  /** As `framing` says. */
  protected hasContent(): boolean {
    const { kind, lengthBytes } = this.framing;
    return kind !== FRAMING.none && (kind !== FRAMING.length || lengthBytes > 0);
  }

  /** The head is told; goes on as `framing` says. */
  protected startBody(): void {
    const { kind, lengthBytes } = this.framing;
    if (!this.hasContent()) {
      this.finishMessage();
      return;
    }
    this.message.body = openBody(this.head!, this.direction, this.exchange.options, this.raise);
    if (kind === FRAMING.length) {
      this.#remainingBytes = lengthBytes;
      this.state = READ.length;
    } else if (kind === FRAMING.chunked) {
      this.#chunks ??= new ChunkReader();
      this.#chunks.reset();
      this.state = READ.chunks;
    } else this.state = READ.untilClose;
  }

  protected addContent(bytes: Uint8Array, start: number, end: number): void {
    const body = this.message.body!;
    const before = body.length;
    if (this.direction === TO_CLIENT) this.tx!.responseBytes += end - start;
    const isWhole = this.state === READ.length && end - start === this.#remainingBytes;
    const event = isWhole && body.borrow(bytes, start, end) ? null : body.append(bytes, start, end);
    if (body.length > before) this.#hasGrown = true;
    if (event !== null) this.raise(event);
  }

  protected finishMessage(): void {
    const tx = this.tx!;
    const { body } = this.message;
    const event = body?.finish() ?? null;
    if (event !== null) this.raise(event);
    // That it is complete tells of its growth too.
    this.#hasGrown = false;
    this.tx = null;
    this.head = null;
    this.state = READ.start;
    this.#isFrameOver = true;
    this.exchange.complete(tx, this.direction);
    body?.giveBack();
  }

  /** Where the next message begins is unknown. */
  protected loseFraming(): void {
    if (this.tx !== null) this.#cutMessage(true);
    this.state = READ.resync;
    this.#line ??= takeHead(0);
    this.#line.length = 0;
    this.#isLineTooLong = false;
    this.#resyncBytes = 0;
  }

  #cutMessage(isCut: boolean): void {
    this.message.isCut = isCut;
    this.finishMessage();
  }

  protected endFrame(at: number): void {
    this.#isFrameOver = false;
    const { frames } = this.exchange;
    if (frames?.isWanted === true) frames.endFrame(this.direction, this.#frame, at + this.placeShift);
  }

  #reportGrowth(): void {
    if (!this.#hasGrown) return;
    this.#hasGrown = false;
    if (this.tx !== null) this.exchange.report(this.tx, this.direction, STAGE.body);
  }

  #readLength(bytes: Uint8Array, at: number, end: number): number {
    const count = Math.min(this.#remainingBytes, end - at);
    this.addContent(bytes, at, at + count);
    this.#remainingBytes -= count;
    if (this.#remainingBytes === 0) this.finishMessage();
    return at + count;
  }

  #readChunks(bytes: Uint8Array, start: number, end: number): number {
    const chunks = this.#chunks!;
    const at = chunks.advance(bytes, start, end);
    if (chunks.faults !== 0) this.#raiseChunkFaults(chunks);
    switch (chunks.state) {
      case CHUNK_STATE.data: {
        const count = Math.min(chunks.remainingBytes, end - at);
        if (count === 0) return at;
        this.addContent(bytes, at, at + count);
        chunks.take(count);
        return at + count;
      }
      case CHUNK_STATE.trailer:
        this.#trailerStart = this.head!.length;
        this.scanner.reset(true);
        this.state = READ.trailer;
        return at;
      case CHUNK_STATE.broken:
        if (this.direction === TO_SERVER) this.loseFraming();
        else {
          // Browsers and libhtp take the rest for content.
          this.addContent(chunks.brokenLine, 0, chunks.brokenLine.length);
          this.state = READ.untilClose;
        }
        return at;
      default:
        return at;
    }
  }

  #raiseChunkFaults(chunks: ChunkReader): void {
    const { faults } = chunks;
    chunks.faults = 0;
    if (this.direction === TO_SERVER) {
      if ((faults & (CHUNK_FAULT.size | CHUNK_FAULT.sizeJunk)) !== 0) this.raise('http.invalid_request_chunk_len');
      if ((faults & CHUNK_FAULT.line) !== 0) this.raise('http.request_chunk_line_invalid');
      if ((faults & CHUNK_FAULT.dataEnd) !== 0) this.raise('http.request_chunk_data_end_invalid');
      if ((faults & CHUNK_FAULT.extension) !== 0) this.raise('http.request_chunk_extension');
      return;
    }
    if ((faults & CHUNK_FAULT.size) !== 0) this.raise('http.invalid_response_chunk_len');
    if ((faults & CHUNK_FAULT.dataEnd) !== 0) this.raise('http.response_chunk_data_end_invalid');
  }

  /** Reads on in the head; see HeadScanner. */
  protected scan(bytes: Uint8Array, start: number, end: number, maxBytes: number, tellsStartLine: boolean): Scan {
    const { scanner } = this;
    const result = scanner.scan(bytes, start, end, this.head!, maxBytes, tellsStartLine);
    if (scanner.hasLongLine) {
      scanner.hasLongLine = false;
      this.raise(this.direction === TO_SERVER ? 'http.request_field_too_long' : 'http.response_field_too_long');
    }
    return result;
  }

  #readTrailer(bytes: Uint8Array, start: number, end: number): number {
    const head = this.head!;
    const { maxHeadBytes, maxFields } = this.exchange.options;
    const isRequest = this.direction === TO_SERVER;
    const scan = this.scan(bytes, start, end, this.#trailerStart + maxHeadBytes, false);
    if (scan === SCAN.more) return end;
    if (scan === SCAN.tooLong) {
      this.raise(isRequest ? 'http.request_head_too_long' : 'http.response_head_too_long');
      this.loseFraming();
      return this.scanner.at;
    }
    const firstField = head.fieldCount;
    const faults = head.parseFields(this.#trailerStart, isRequest, maxFields);
    if (faults !== 0) this.raiseLineFaults(faults);
    if (head.fieldCount > firstField) {
      if (isRequest && hasFramingField(head, firstField)) this.raise('http.request_trailer_framing_field');
      this.message.forgetFields();
    }
    this.finishMessage();
    return this.scanner.at;
  }

  protected raiseLineFaults(faults: number): void {
    const events = this.direction === TO_SERVER ? REQUEST_LINE_EVENTS : RESPONSE_LINE_EVENTS;
    for (const [fault, event] of events) if ((faults & fault) !== 0) this.raise(event);
  }

  #findMessage(bytes: Uint8Array, start: number, end: number): number {
    const line = this.#line!;
    for (let at = start; at < end; at++) {
      if (++this.#resyncBytes > MAX_RESYNC_BYTES) {
        this.exchange.raise(null, this.direction, 'http.not_followed');
        this.stop();
        return end;
      }
      if (bytes[at] !== 0x0a) continue;
      line.append(bytes, start, at + 1);
      if (!this.#isLineTooLong && this.isStartLine(line.bytes, line.length)) {
        this.begin(at + 1 - line.length);
        this.head!.append(line.bytes, 0, line.length);
        this.scanner.reset(true);
        this.state = READ.head;
        line.length = 0;
        return at + 1;
      }
      line.length = 0;
      this.#isLineTooLong = false;
      return at + 1;
    }
    if (line.length + (end - start) > this.exchange.options.maxHeadBytes) {
      this.#isLineTooLong = true;
      line.length = 0;
    } else if (!this.#isLineTooLong) line.append(bytes, start, end);
    return end;
  }
}
