import { EMPTY_BYTES, u8, u32 } from '../../base/bytes.ts';
import { ByteBuffer } from '../byte-buffer.ts';

/** RFC 9113 §6. */
export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const FLAG = { endStream: 0x01, ack: 0x01, endHeaders: 0x04, padded: 0x08, priority: 0x20 } as const;

/** What `read` came to. */
export const FRAMES = {
  /** There is nothing to tell of. */
  nothing: 0,
  /** The head of a frame is there; its payload is still to come. */
  head: 1,
  /** A whole frame, with as much of its payload as is kept. */
  frame: 2,
  /** The next bytes of the content of a DATA frame, perhaps none; `isLast` where no more will come. */
  data: 3,
} as const;
export type FramesRead = (typeof FRAMES)[keyof typeof FRAMES];

export const FRAME_HEAD_BYTES = 9;
/** Nobody sends more settings: there are seven. What is behind them is not looked into. */
const MAX_SETTINGS_BYTES = 6 * 64;
/** Of any other frame, the longest part that says something (PING, and GOAWAY without its text). */
const MAX_OTHER_BYTES = 8;

/** Takes the frames of one direction apart. Content of DATA frames is handed on as it comes, other payloads whole. */
export class FrameReader {
  // The frame in hand.
  type = 0;
  flags = 0;
  streamId = 0;
  lengthBytes = 0;
  // What `read` has found: the bytes `[start, end)` of `payload`.
  payload: Uint8Array = EMPTY_BYTES;
  start = 0;
  end = 0;
  isLast = false;
  /** A frame is padded with more than it has. */
  isPaddingInvalid = false;
  /** Where `read` stopped. */
  at = 0;
  readonly #head = new ByteBuffer(FRAME_HEAD_BYTES);
  readonly #maxBlockBytes: number;
  /** Of the frame in hand, null while its head is read. */
  #kept: ByteBuffer | null = null;
  #isInFrame = false;
  #remainingBytes = 0;
  /** Of DATA: content without padding; -1 before the length of the padding is known. */
  #contentBytes = 0;

  /** `maxBlockBytes`: of a frame with fields, what is kept. */
  constructor(maxBlockBytes: number) {
    this.#maxBlockBytes = maxBlockBytes;
  }

  get heldBytes(): number {
    return this.#kept?.heldBytes ?? 0;
  }

  hasFlag(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  /** Takes bytes up to the next thing to tell of. Behind the head of an empty frame it goes on without more bytes. */
  read(bytes: Uint8Array, start: number, end: number): FramesRead {
    this.at = start;
    if (!this.#isInFrame) return this.#readHead(bytes, end);
    if (this.type === FRAME.data) return this.#readData(bytes, end);
    return this.#readPayload(bytes, end);
  }

  /** Bytes that nobody saw. False: the frames cannot be followed behind them. */
  skip(missingBytes: number): boolean {
    if (!this.#isInFrame || this.type !== FRAME.data || this.#contentBytes < 0) return false;
    // All of it must be content: a frame must not end unseen.
    if (missingBytes >= this.#contentBytes) return false;
    this.#contentBytes -= missingBytes;
    this.#remainingBytes -= missingBytes;
    return true;
  }

  #readHead(bytes: Uint8Array, end: number): FramesRead {
    const head = this.#head;
    const count = Math.min(FRAME_HEAD_BYTES - head.length, end - this.at);
    let from = bytes;
    let headAt = this.at;
    if (count < FRAME_HEAD_BYTES) {
      head.append(bytes, this.at, this.at + count);
      from = head.bytes;
      headAt = 0;
    }
    this.at += count;
    if (head.length > 0 && head.length < FRAME_HEAD_BYTES) return FRAMES.nothing;
    if (count === 0) return FRAMES.nothing;
    head.length = 0;
    this.lengthBytes = u32(from, headAt) >>> 8;
    this.type = u8(from, headAt + 3);
    this.flags = u8(from, headAt + 4);
    this.streamId = u32(from, headAt + 5) & 0x7fff_ffff;
    this.#remainingBytes = this.lengthBytes;
    this.#contentBytes = this.hasFlag(FLAG.padded) ? -1 : this.lengthBytes;
    this.isPaddingInvalid = false;
    this.isLast = false;
    this.#kept = null;
    this.#isInFrame = true;
    return FRAMES.head;
  }

  #readData(bytes: Uint8Array, end: number): FramesRead {
    if (this.#contentBytes < 0) {
      if (this.lengthBytes === 0) return this.#endDataBadly();
      if (this.at >= end) return FRAMES.nothing;
      const paddingBytes = u8(bytes, this.at++);
      this.#remainingBytes--;
      if (paddingBytes > this.#remainingBytes) return this.#endDataBadly();
      this.#contentBytes = this.#remainingBytes - paddingBytes;
    }
    const paddingBytes = this.#remainingBytes - this.#contentBytes;
    if (this.#contentBytes > 0 || !this.isLast) {
      if (this.at >= end && this.#contentBytes > 0) return FRAMES.nothing;
      const count = Math.min(this.#contentBytes, end - this.at);
      this.payload = bytes;
      this.start = this.at;
      this.end = this.at + count;
      this.at += count;
      this.#contentBytes -= count;
      this.#remainingBytes -= count;
      this.isLast = this.#contentBytes === 0;
      if (this.#remainingBytes === 0) this.#endFrame();
      return FRAMES.data;
    }
    const count = Math.min(paddingBytes, end - this.at);
    this.at += count;
    this.#remainingBytes -= count;
    if (this.#remainingBytes === 0) this.#endFrame();
    return FRAMES.nothing;
  }

  /** The rest of the frame is skipped as padding. */
  #endDataBadly(): FramesRead {
    this.isPaddingInvalid = true;
    this.#contentBytes = 0;
    this.start = this.end = this.at;
    this.isLast = true;
    if (this.#remainingBytes === 0) this.#endFrame();
    return FRAMES.data;
  }

  #readPayload(bytes: Uint8Array, end: number): FramesRead {
    const there = Math.min(this.#remainingBytes, end - this.at);
    const keptBytes = Math.min(this.lengthBytes, this.#limitBytes);
    if (this.#kept === null && there === this.lengthBytes) {
      this.payload = bytes;
      this.start = this.at;
      this.end = this.at + keptBytes;
    } else {
      this.#kept ??= new ByteBuffer(keptBytes);
      this.#kept.append(bytes, this.at, this.at + there);
    }
    this.at += there;
    this.#remainingBytes -= there;
    if (this.#remainingBytes > 0) return FRAMES.nothing;
    if (this.#kept !== null) {
      this.payload = this.#kept.bytes;
      this.start = 0;
      this.end = this.#kept.length;
    }
    this.#endFrame();
    return FRAMES.frame;
  }

  get #limitBytes(): number {
    switch (this.type) {
      case FRAME.headers:
      case FRAME.pushPromise:
      case FRAME.continuation:
        return this.#maxBlockBytes;
      case FRAME.settings:
        return MAX_SETTINGS_BYTES;
      default:
        return MAX_OTHER_BYTES;
    }
  }

  #endFrame(): void {
    this.#isInFrame = false;
    this.#kept = null;
  }
}
