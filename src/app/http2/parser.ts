import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import type { HttpEvent } from '../http/events.ts';
import { Leftovers } from '../http/leftovers.ts';
import type { HttpOptions } from '../http/options.ts';
import { PREFACE } from '../http/preface.ts';
import { HttpTransaction } from '../http/transaction.ts';
import { type AppParser, type AppSink, type Channel, STAGE, type Stage } from '../protocol.ts';
import { RateLimit } from '../rate-limit.ts';
import type { Http2Event } from './events.ts';
import type { FieldList } from './field-list.ts';
import { FRAME } from './frame-reader.ts';
import { MessageWriter } from './message-writer.ts';
import { DEFAULT_FRAME_BYTES, type SideListener, SideReader } from './side-reader.ts';
import { type FrameValues, Http2Transaction, keepValue } from './transaction.ts';
import { readUpgrade } from './upgrade.ts';

/** Suricata's limit. Servers allow 100 to 250 at a time, some of RPC services any number. */
const MAX_OPEN_STREAMS = 4096;
/** What is kept of the bodies of all open streams, in each direction: forty full ones. */
const MAX_OPEN_BODY_BYTES = 4 * 1024 * 1024;
/** What a stream takes beside its head and body, about. */
const STREAM_BYTES = 1024;
/** nghttp2's burst for the same attack. A browser that leaves a page takes back a few hundred requests. */
const MAX_RESETS_AT_ONCE = 1000;
const MAX_RESETS_PER_SECOND = 100;
/** No client needs more: PING comes once in seconds, SETTINGS once in a connection, empty DATA hardly ever. */
const MAX_CONTROLS_AT_ONCE = 1000;
const MAX_CONTROLS_PER_SECOND = 100;

/** One connection of HTTP/2 (RFC 9113): streams become transactions, and a frame of the connection one of its own. */
export class Http2Parser implements AppParser, SideListener {
  readonly #sink: AppSink;
  readonly #channel: Channel;
  readonly #options: HttpOptions;
  readonly #sides: readonly [SideReader, SideReader];
  readonly #messages: MessageWriter;
  /** Not complete in both directions, by stream, oldest first. */
  readonly #open = new Map<number, Http2Transaction>();
  readonly #leftovers = new Leftovers();
  /** Bodies or frames of them came with the bytes in hand. */
  readonly #grown: Http2Transaction[] = [];
  readonly #resets = new RateLimit(MAX_RESETS_AT_ONCE, MAX_RESETS_PER_SECOND);
  readonly #controls = new RateLimit(MAX_CONTROLS_AT_ONCE, MAX_CONTROLS_PER_SECOND);
  #nextId = 0;
  /** By who begins it: the highest stream so far. */
  readonly #lastStream: [number, number] = [0, 0];
  #prefaceBytes = 0;
  #openHeadBytes = 0;
  /** By direction, so that answers leave requests their room. */
  readonly #openBodyBytes: [number, number] = [0, 0];
  /** A request of HTTP/1 that asked for this protocol, and is its first stream. */
  #upgrade: HttpTransaction | null;

  constructor(sink: AppSink, options: HttpOptions, channel: Channel) {
    this.#sink = sink;
    this.#options = options;
    this.#channel = channel;
    this.#sides = [new SideReader(this, TO_SERVER, options), new SideReader(this, TO_CLIENT, options)];
    this.#messages = new MessageWriter(options, (tx, direction, event) => this.#raiseOn(tx, direction, event));
    this.#upgrade = channel.subject instanceof HttpTransaction ? channel.subject : null;
  }

  get isDone(): boolean {
    return this.#sides[TO_SERVER].isLost && this.#sides[TO_CLIENT].isLost;
  }

  get heldBytes(): number {
    const [requests, responses] = this.#openBodyBytes;
    const [client, server] = this.#sides;
    const streams = this.#open.size * STREAM_BYTES + this.#openHeadBytes + requests + responses;
    return streams + client.heldBytes + server.heldBytes;
  }

  consume(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    this.#leftovers.release();
    if (this.#upgrade !== null) this.#takeUpgrade(this.#upgrade);
    const at = direction === TO_SERVER ? this.#passPreface(bytes, start, end) : start;
    this.#sides[direction].consume(bytes, at, end);
    for (let tx = this.#grown.pop(); tx !== undefined; tx = this.#grown.pop()) {
      const { growth } = tx;
      tx.growth = 0;
      for (const way of [TO_SERVER, TO_CLIENT] as const) {
        // Before its head, rules are not asked; what came until then is told with it.
        const { hasFields, isComplete } = tx.message(way);
        if ((growth & (1 << way)) !== 0 && hasFields && !isComplete) this.#report(tx, way, STAGE.body);
      }
    }
  }

  gap(direction: Direction, missingBytes: number): void {
    this.#leftovers.release();
    this.#sides[direction].gap(missingBytes);
  }

  end(direction: Direction): void {
    this.#leftovers.release();
    for (const tx of [...this.#open.values()]) this.#cut(tx, direction);
  }

  rest(): void {
    this.#leftovers.release();
  }

  close(): void {
    this.#leftovers.release();
    for (const tx of this.#open.values()) tx.release();
    this.#open.clear();
  }

  onFields(direction: Direction, streamId: number, fields: FieldList, endsStream: boolean): void {
    const tx = this.#open.get(streamId);
    // A stream that was closed, by the other side too: what was on its way means nothing.
    if (tx === undefined) return;
    const message = tx.message(direction);
    if (message.isComplete) {
      this.#raiseOn(tx, direction, 'http2.stream_id_reuse');
      return;
    }
    const headBytes = message.head === null ? 0 : message.head.length;
    const isHead = this.#messages.write(tx, direction, fields, endsStream);
    this.#openHeadBytes += (message.head === null ? 0 : message.head.length) - headBytes;
    if (isHead) this.#report(tx, direction, STAGE.head);
    if (endsStream) this.onStreamEnd(direction, streamId);
    while (this.#openHeadBytes > this.#options.maxOpenHeadBytes && this.#open.size > 1) this.#letGoOldest();
  }

  onPromise(streamId: number, promisedId: number, fields: FieldList): void {
    if (!this.#open.has(streamId) || promisedId % 2 !== 0 || promisedId <= this.#lastStream[TO_CLIENT]) return;
    const tx = this.#beginStream(promisedId, TO_CLIENT);
    this.#messages.write(tx, TO_SERVER, fields, true);
    this.#openHeadBytes += tx.request.head?.length ?? 0;
    // The client has sent nothing of it: rules on requests are not asked.
    tx.request.isComplete = true;
  }

  onContent(
    direction: Direction,
    streamId: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    isAll: boolean,
  ): void {
    const tx = this.#open.get(streamId);
    if (tx === undefined) return;
    const { body, isComplete } = tx.message(direction);
    if (body === null || isComplete) return;
    const before = body.length;
    this.#messages.addContent(tx, direction, bytes, start, end, isAll);
    if (body.length === before) return;
    this.#openBodyBytes[direction] += body.length - before;
    this.#grow(tx, direction);
    if (this.#openBodyBytes[direction] <= MAX_OPEN_BODY_BYTES) return;
    body.stopKeeping();
    const isRequest = direction === TO_SERVER;
    this.#raiseOn(tx, direction, isRequest ? 'http2.open_bodies_too_long' : 'http2.open_response_bodies_too_long');
  }

  onMissingContent(direction: Direction, streamId: number, missingBytes: number): void {
    this.raise(direction, streamId, 'http2.gap');
    this.#open.get(streamId)?.message(direction).body?.gap(missingBytes);
  }

  onStreamEnd(direction: Direction, streamId: number): void {
    const tx = this.#open.get(streamId);
    if (tx === undefined || tx.message(direction).isComplete) return;
    this.#messages.checkLength(tx, direction);
    this.#complete(tx, direction);
  }

  onFrameType(direction: Direction, streamId: number, type: number): void {
    let tx = this.#open.get(streamId) ?? null;
    if (tx === null && type === FRAME.headers && direction === TO_SERVER) tx = this.#begin(streamId);
    if (tx?.values(direction).addType(type)) this.#grow(tx, direction);
  }

  onPriority(direction: Direction, streamId: number, weight: number): void {
    this.#note(direction, streamId, FRAME.priority, ({ priorities }) => keepValue(priorities, weight));
  }

  onReset(direction: Direction, streamId: number, errorCode: number): void {
    this.#note(direction, streamId, FRAME.rstStream, ({ errorCodes }) => keepValue(errorCodes, errorCode));
    const tx = this.#open.get(streamId);
    if (tx === undefined) return;
    // What the server takes back because of a fault of the client's is as dear to it.
    const isClients = direction === TO_SERVER || CLIENT_FAULTS.has(errorCode);
    if (isClients && !this.#resets.take(this.#nowMs)) this.#raiseOn(tx, TO_SERVER, 'http2.rapid_reset');
    this.#cut(tx, direction);
    this.#cut(tx, direction === TO_SERVER ? TO_CLIENT : TO_SERVER);
  }

  onWindow(direction: Direction, streamId: number, increment: number): void {
    this.#note(direction, streamId, FRAME.windowUpdate, ({ windows }) => keepValue(windows, increment));
  }

  onSizeUpdates(direction: Direction, streamId: number, sizes: readonly number[]): void {
    for (const size of sizes) {
      this.#note(direction, streamId, FRAME.headers, ({ sizeUpdates }) => keepValue(sizeUpdates, size));
    }
  }

  onSettings(direction: Direction, settings: readonly number[]): void {
    if (settings.length === 0) return;
    if (direction === TO_SERVER) this.#countControl();
    this.#heed(direction, settings);
    this.#note(direction, 0, FRAME.settings, (values) => values.settings.push(...settings) > 0);
  }

  onGoAway(direction: Direction, errorCode: number): void {
    this.#note(direction, 0, FRAME.goAway, ({ errorCodes }) => keepValue(errorCodes, errorCode));
  }

  onPing(direction: Direction): void {
    if (direction === TO_SERVER) this.#countControl();
    this.#note(direction, 0, FRAME.ping, () => false);
  }

  onEmptyData(direction: Direction): void {
    if (direction === TO_SERVER) this.#countControl();
  }

  raise(direction: Direction, streamId: number, event: Http2Event | HttpEvent): void {
    const tx = this.#open.get(streamId);
    if (tx === undefined) this.#sink.onEvent(null, direction, event);
    else this.#raiseOn(tx, direction, event);
  }

  get #nowMs(): number {
    return this.#channel.nowMs?.() ?? 0;
  }

  #raiseOn(tx: Http2Transaction, direction: Direction, event: string): void {
    if (tx.addEvent(event)) this.#sink.onEvent(tx, direction, event);
  }

  #countControl(): void {
    if (!this.#controls.take(this.#nowMs)) this.#sink.onEvent(null, TO_SERVER, 'http2.control_flood');
  }

  /** What one side asks of the other one. */
  #heed(direction: Direction, settings: readonly number[]): void {
    const sender = this.#sides[direction === TO_SERVER ? TO_CLIENT : TO_SERVER];
    for (let i = 0; i < settings.length; i += 2) {
      const value = settings[i + 1]!;
      if (settings[i] === SETTING.headerTableSize) {
        sender.hpack.allowedTableBytes = Math.max(sender.hpack.allowedTableBytes, value);
      } else if (settings[i] === SETTING.maxFrameSize) sender.maxFrameBytes = Math.max(DEFAULT_FRAME_BYTES, value);
    }
  }

  /** Returns where the frames begin. */
  #passPreface(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && this.#prefaceBytes < PREFACE.length && !this.#sides[TO_SERVER].isLost) {
      if (bytes[at] !== PREFACE[this.#prefaceBytes]) {
        this.#sink.onEvent(null, TO_SERVER, 'http2.invalid_client_magic');
        this.#sides[TO_SERVER].lose();
        return end;
      }
      at++;
      this.#prefaceBytes++;
    }
    return at;
  }

  /** RFC 7540 §3.2: the request is stream 1, and its client has sent it to the end. */
  #takeUpgrade(asked: HttpTransaction): void {
    this.#upgrade = null;
    const { fields, settings } = readUpgrade(asked, this.#options);
    const tx = this.#beginStream(1, TO_SERVER);
    if (settings === null) this.#raiseOn(tx, TO_SERVER, 'http2.invalid_http1_settings');
    else this.onSettings(TO_SERVER, settings);
    this.#messages.writeUpgraded(tx, fields);
    this.#openHeadBytes += tx.request.head?.length ?? 0;
    this.#report(tx, TO_SERVER, STAGE.head);
    this.#complete(tx, TO_SERVER);
  }

  /** Null where a client must not begin this stream: what belongs to it means nothing. */
  #begin(streamId: number): Http2Transaction | null {
    if (streamId % 2 === 0 || streamId <= this.#lastStream[TO_SERVER]) {
      this.#sink.onEvent(null, TO_SERVER, 'http2.stream_id_reuse');
      return null;
    }
    return this.#beginStream(streamId, TO_SERVER);
  }

  #beginStream(streamId: number, beginner: Direction): Http2Transaction {
    this.#lastStream[beginner] = streamId;
    while (
      this.#open.size > 0 &&
      (this.#open.size >= MAX_OPEN_STREAMS || this.#openHeadBytes > this.#options.maxOpenHeadBytes)
    ) {
      this.#letGoOldest();
    }
    const tx = new Http2Transaction(this.#nextId++, streamId);
    this.#open.set(streamId, tx);
    return tx;
  }

  #letGoOldest(): void {
    const [oldest] = this.#open.values();
    this.#raiseOn(oldest!, TO_SERVER, 'http2.too_many_streams');
    this.#cut(oldest!, TO_SERVER);
    this.#cut(oldest!, TO_CLIENT);
  }

  /**
   * What a frame says beside fields and content. One that concerns the connection, or comes when its side of the stream
   * is complete, is a transaction of one direction by itself, which is over at once. `fill`: true where it is new.
   */
  #note(direction: Direction, streamId: number, type: number, fill: (values: FrameValues) => boolean): void {
    const open = this.#open.get(streamId);
    if (open !== undefined && !open.message(direction).isComplete) {
      if (fill(open.values(direction))) this.#grow(open, direction);
      return;
    }
    const tx = new Http2Transaction(this.#nextId++, streamId);
    tx.values(direction).addType(type);
    fill(tx.values(direction));
    this.#report(tx, direction, STAGE.head);
    this.#report(tx, direction, STAGE.complete);
  }

  #report(tx: Http2Transaction, direction: Direction, stage: Stage): void {
    this.#sink.onProgress(tx, direction, stage);
  }

  #grow(tx: Http2Transaction, direction: Direction): void {
    if (tx.growth === 0) this.#grown.push(tx);
    tx.growth |= 1 << direction;
  }

  /** The stream ends before its message does. */
  #cut(tx: Http2Transaction, direction: Direction): void {
    if (tx.message(direction).isComplete) return;
    tx.message(direction).isCut = true;
    this.#complete(tx, direction);
  }

  #complete(tx: Http2Transaction, direction: Direction): void {
    const message = tx.message(direction);
    if (message.isComplete) return;
    message.isComplete = true;
    const { body } = message;
    if (body !== null) {
      const before = body.length;
      this.#messages.finish(tx, direction);
      this.#openBodyBytes[direction] -= before;
      this.#leftovers.addMessage(message);
    }
    this.#report(tx, direction, STAGE.complete);
    body?.giveBack();
    if (!tx.request.isComplete || !tx.response.isComplete || this.#open.get(tx.streamId) !== tx) return;
    this.#open.delete(tx.streamId);
    this.#openHeadBytes -= (tx.request.head?.length ?? 0) + (tx.response.head?.length ?? 0);
    this.#leftovers.addTransaction(tx);
  }
}

/** RFC 9113 §6.5.2. */
const SETTING = { headerTableSize: 1, maxFrameSize: 5 } as const;
/** RFC 9113 §7: PROTOCOL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR (CVE-2025-8671). */
const CLIENT_FAULTS: ReadonlySet<number> = new Set([1, 3, 5, 6]);
