import { u8, u16, u32 } from '../../base/bytes.ts';
import { type Direction, TO_SERVER } from '../../base/direction.ts';
import { ByteBuffer } from '../byte-buffer.ts';
import type { HttpEvent } from '../http/events.ts';
import type { HttpOptions } from '../http/options.ts';
import type { Http2Event } from './events.ts';
import { FieldList } from './field-list.ts';
import { FLAG, FRAME, FRAMES, FrameReader } from './frame-reader.ts';
import { HpackDecoder } from './hpack.ts';

/** RFC 9113 §6.5.2: what a receiver takes before it has said something else. */
export const DEFAULT_FRAME_BYTES = 16_384;
/** nghttp2 allows 8. A block of 64 KiB in the smallest frames that senders make has four. */
const MAX_CONTINUATIONS = 32;
/** What is over the limit when unpacked, and so many times as long as it was packed, was made to be a bomb. */
const BOMB_RATIO = 50;

/** What one direction tells the connection of. Bytes and fields are lent for the call. */
export interface SideListener {
  onFields(direction: Direction, streamId: number, fields: FieldList, endsStream: boolean): void;
  /** The server announces a stream, with the fields of the request that it answers. */
  onPromise(streamId: number, promisedId: number, fields: FieldList): void;
  /** `isAll`: it is all content of the stream that this frame has, and the last one. */
  onContent(
    direction: Direction,
    streamId: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    isAll: boolean,
  ): void;
  onMissingContent(direction: Direction, streamId: number, missingBytes: number): void;
  onStreamEnd(direction: Direction, streamId: number): void;
  /** The head of any frame, before what it brings. */
  onFrameType(direction: Direction, streamId: number, type: number): void;
  onPriority(direction: Direction, streamId: number, weight: number): void;
  onReset(direction: Direction, streamId: number, errorCode: number): void;
  onWindow(direction: Direction, streamId: number, increment: number): void;
  onSizeUpdates(direction: Direction, streamId: number, sizes: readonly number[]): void;
  /** Identifiers and values. An acknowledgement has none. */
  onSettings(direction: Direction, settings: readonly number[]): void;
  onGoAway(direction: Direction, errorCode: number): void;
  onPing(direction: Direction): void;
  /** A DATA frame without content, which does not end its stream. */
  onEmptyData(direction: Direction): void;
  raise(direction: Direction, streamId: number, event: Http2Event | HttpEvent): void;
}

/** Follows the frames of one direction: puts header blocks together, unpacks them, and checks what frames must be. */
export class SideReader {
  /** Frames or the compression of fields could not be followed: nothing more is read. */
  isLost = false;
  /** What the receiver of these frames takes. */
  maxFrameBytes = DEFAULT_FRAME_BYTES;
  readonly hpack = new HpackDecoder();
  readonly #listener: SideListener;
  readonly #direction: Direction;
  readonly #frames: FrameReader;
  readonly #fields: FieldList;
  readonly #maxBlockBytes: number;
  /** The block in hand came in several frames so far. */
  #block: ByteBuffer | null = null;
  #blockStreamId = 0;
  /** Of a promise; else 0. */
  #promisedId = 0;
  #endsStream = false;
  #continuations = 0;
  #isBadFrame = false;
  /** Of the DATA frame in hand. */
  #contentBytes = 0;

  constructor(listener: SideListener, direction: Direction, { maxHeadBytes, maxFields }: HttpOptions) {
    this.#listener = listener;
    this.#direction = direction;
    this.#maxBlockBytes = maxHeadBytes;
    this.#frames = new FrameReader(maxHeadBytes);
    this.#fields = new FieldList(maxHeadBytes, maxFields);
  }

  /** Memory that takes what came of frames, and the table of fields. */
  get heldBytes(): number {
    return (this.#block?.heldBytes ?? 0) + this.#frames.heldBytes + this.hpack.heldBytes;
  }

  consume(bytes: Uint8Array, start: number, end: number): void {
    const frames = this.#frames;
    let at = start;
    let read: number = FRAMES.nothing;
    while (!this.isLost && (at < end || read === FRAMES.head)) {
      read = frames.read(bytes, at, end);
      at = frames.at;
      if (read === FRAMES.head) this.#begin();
      else if (read === FRAMES.data) this.#readContent();
      else if (read === FRAMES.frame && !this.#isBadFrame) this.#readFrame();
    }
  }

  gap(missingBytes: number): void {
    if (this.isLost) return;
    if (this.#frames.skip(missingBytes)) {
      this.#contentBytes += missingBytes;
      this.#listener.onMissingContent(this.#direction, this.#frames.streamId, missingBytes);
      return;
    }
    this.#listener.raise(this.#direction, 0, 'http2.gap');
    this.lose();
  }

  /** Nothing more is read. */
  lose(): void {
    this.isLost = true;
    this.#block = null;
    this.#listener.raise(this.#direction, 0, 'http2.not_followed');
  }

  #raise(event: Http2Event | HttpEvent): void {
    this.#listener.raise(this.#direction, this.#frames.streamId, event);
  }

  /** The head of a frame is there. */
  #begin(): void {
    const { type, streamId, lengthBytes } = this.#frames;
    this.#isBadFrame = false;
    this.#contentBytes = 0;
    // RFC 9113 §4.3: a block is sent without anything between its frames.
    const isExpected = this.#blockStreamId === 0 || (type === FRAME.continuation && streamId === this.#blockStreamId);
    const isContinuation = type === FRAME.continuation && this.#blockStreamId === 0;
    if (!isExpected || isContinuation) {
      this.#raise('http2.invalid_frame_data');
      this.lose();
      return;
    }
    if (lengthBytes > this.maxFrameBytes) this.#raise('http2.long_frame_data');
    const isOfConnection = IS_OF_CONNECTION[type];
    // RFC 9113 §8.4: only servers promise.
    const isPromiseOfClient = type === FRAME.pushPromise && this.#direction === TO_SERVER;
    if ((isOfConnection !== undefined && isOfConnection !== (streamId === 0)) || isPromiseOfClient) {
      this.#raise('http2.invalid_frame_data');
      this.#isBadFrame = true;
    }
    if (!this.#hasFittingLength()) {
      this.#raise('http2.invalid_frame_length');
      this.#isBadFrame = true;
    }
    if (!this.#isBadFrame) this.#listener.onFrameType(this.#direction, streamId, type);
    // Without its fields, those that come later cannot be unpacked.
    else if (type === FRAME.headers || type === FRAME.pushPromise) this.lose();
  }

  #hasFittingLength(): boolean {
    const { type, lengthBytes } = this.#frames;
    switch (type) {
      case FRAME.priority:
        return lengthBytes === 5;
      case FRAME.rstStream:
      case FRAME.windowUpdate:
        return lengthBytes === 4;
      case FRAME.ping:
        return lengthBytes === 8;
      case FRAME.goAway:
        return lengthBytes >= 8;
      case FRAME.settings:
        return this.#frames.hasFlag(FLAG.ack) ? lengthBytes === 0 : lengthBytes % 6 === 0;
      default:
        return true;
    }
  }

  #readContent(): void {
    const frames = this.#frames;
    const { payload, start, end, streamId } = frames;
    if (frames.isPaddingInvalid) this.#raise('http2.invalid_frame_data');
    if (this.#isBadFrame) return;
    const endsStream = frames.isLast && frames.hasFlag(FLAG.endStream);
    if (end > start) {
      const isAll = endsStream && this.#contentBytes === 0;
      this.#listener.onContent(this.#direction, streamId, payload, start, end, isAll);
    } else if (!endsStream && this.#contentBytes === 0) this.#listener.onEmptyData(this.#direction);
    this.#contentBytes += end - start;
    if (endsStream) this.#listener.onStreamEnd(this.#direction, streamId);
  }

  #readFrame(): void {
    const frames = this.#frames;
    const { payload, start, end, streamId } = frames;
    const listener = this.#listener;
    const direction = this.#direction;
    switch (frames.type) {
      case FRAME.headers:
      case FRAME.pushPromise:
        this.#readBlock();
        return;
      case FRAME.continuation:
        this.#continueBlock();
        return;
      case FRAME.priority:
        listener.onPriority(direction, streamId, u8(payload, start + 4));
        return;
      case FRAME.rstStream:
        listener.onReset(direction, streamId, u32(payload, start));
        return;
      case FRAME.settings:
        listener.onSettings(direction, settingsIn(payload, start, end));
        return;
      case FRAME.goAway:
        listener.onGoAway(direction, u32(payload, start + 4));
        return;
      case FRAME.ping:
        listener.onPing(direction);
        return;
      case FRAME.windowUpdate:
        listener.onWindow(direction, streamId, u32(payload, start) & 0x7fff_ffff);
    }
  }

  /** HEADERS and PUSH_PROMISE: padding, and a few numbers before the fields (RFC 9113 §6.2, §6.6). */
  #readBlock(): void {
    const frames = this.#frames;
    const { payload, streamId } = frames;
    let at = frames.start;
    let { end } = frames;
    const isPromise = frames.type === FRAME.pushPromise;
    const hasPriority = !isPromise && frames.hasFlag(FLAG.priority);
    const fixedBytes = (frames.hasFlag(FLAG.padded) ? 1 : 0) + (isPromise ? 4 : 0) + (hasPriority ? 5 : 0);
    if (end - at < fixedBytes) {
      this.#raise('http2.invalid_frame_length');
      this.lose();
      return;
    }
    if (frames.hasFlag(FLAG.padded)) {
      // What is over the limit is not kept: then the padding is not there either.
      if (frames.lengthBytes === end - at) end -= u8(payload, at);
      at++;
    }
    this.#promisedId = isPromise ? u32(payload, at) & 0x7fff_ffff : 0;
    if (isPromise) at += 4;
    if (hasPriority) {
      this.#listener.onPriority(this.#direction, streamId, u8(payload, at + 4));
      at += 5;
    }
    if (at > end) {
      this.#raise('http2.invalid_frame_data');
      this.lose();
      return;
    }
    this.#blockStreamId = streamId;
    this.#endsStream = !isPromise && frames.hasFlag(FLAG.endStream);
    this.#continuations = 0;
    this.#addFragment(at, end);
  }

  #continueBlock(): void {
    if (++this.#continuations > MAX_CONTINUATIONS) {
      this.#raise('http2.continuation_flood');
      this.lose();
      return;
    }
    this.#addFragment(this.#frames.start, this.#frames.end);
  }

  #addFragment(start: number, end: number): void {
    const frames = this.#frames;
    const isOverLimit =
      frames.lengthBytes > this.#maxBlockBytes || (this.#block?.length ?? 0) + end - start > this.#maxBlockBytes;
    if (isOverLimit) {
      this.#raise('http2.reassembly_limit_reached');
      this.lose();
      return;
    }
    const isWhole = frames.hasFlag(FLAG.endHeaders);
    if (isWhole && this.#block === null) {
      this.#decode(frames.payload, start, end);
      return;
    }
    this.#block ??= new ByteBuffer(this.#maxBlockBytes);
    this.#block.append(frames.payload, start, end);
    if (isWhole) this.#decode(this.#block.bytes, 0, this.#block.length);
  }

  #decode(bytes: Uint8Array, start: number, end: number): void {
    const fields = this.#fields;
    const direction = this.#direction;
    const streamId = this.#blockStreamId;
    this.#block = null;
    this.#blockStreamId = 0;
    fields.clear();
    const fault = this.hpack.decode(bytes, start, end, fields);
    if (fault !== null) this.#raise(fault);
    const isRequest = direction === TO_SERVER;
    if (fields.isTooLong) {
      if (fields.decodedBytes > BOMB_RATIO * (end - start)) this.#raise('http2.header_compression_bomb');
      else this.#raise(isRequest ? 'http.request_field_too_long' : 'http.response_field_too_long');
    }
    if (fields.hasTooMany) {
      this.#raise(isRequest ? 'http.request_too_many_fields' : 'http.response_too_many_fields');
    }
    if (this.#promisedId > 0) this.#listener.onPromise(streamId, this.#promisedId, fields);
    else this.#listener.onFields(direction, streamId, fields, this.#endsStream);
    if (this.hpack.sizeUpdates.length > 0) {
      this.#listener.onSizeUpdates(direction, streamId, this.hpack.sizeUpdates);
    }
    if (fault !== null) this.lose();
  }
}

/** Frames that concern the connection (true), or a stream; those that are left out can be either. */
const IS_OF_CONNECTION: Readonly<Record<number, boolean>> = {
  [FRAME.data]: false,
  [FRAME.headers]: false,
  [FRAME.priority]: false,
  [FRAME.rstStream]: false,
  [FRAME.settings]: true,
  [FRAME.pushPromise]: false,
  [FRAME.ping]: true,
  [FRAME.goAway]: true,
  [FRAME.continuation]: false,
};

/** RFC 9113 §6.5.1: identifiers and values, in turns. */
export function settingsIn(bytes: Uint8Array, start: number, end: number): number[] {
  const settings: number[] = [];
  for (let at = start; at + 6 <= end; at += 6) settings.push(u16(bytes, at), u32(bytes, at + 2));
  return settings;
}
