import { u8, u16, u32 } from '../../base/bytes.ts';
import { ByteBuffer } from '../byte-buffer.ts';

/** Two bytes, a length of eight and a mask of four: RFC 6455 §5.2. */
const MAX_HEAD_BYTES = 14;
/** Payloads are unmasked piece by piece. */
const PIECE_BYTES = 16_384;

/** What `read` came to. */
export const READ = {
  /** There is nothing to tell of. */
  nothing: 0,
  /** The head of a frame is there. */
  head: 1,
  /** The next bytes of its payload, without mask: `[start, end)` of `payload`. */
  payload: 2,
} as const;
export type Read = (typeof READ)[keyof typeof READ];

/** Takes the frames of one direction apart: RFC 6455 §5.2. */
export class FrameReader {
  // The frame in hand.
  firstByte = 0;
  lengthBytes = 0;
  mask: number | null = null;
  /** The length is none: it begins with 1, or no message has it. */
  isLengthInvalid = false;
  isLengthMinimal = true;
  // What `read` has found. `isLast`: the frame is over.
  payload: Uint8Array = pieces;
  start = 0;
  end = 0;
  isLast = false;
  /** Where `read` stopped. */
  at = 0;
  readonly #head = new ByteBuffer(MAX_HEAD_BYTES);
  #isInFrame = false;
  #remainingBytes = 0;

  /** Behind the head of an empty frame it goes on without more bytes. */
  read(bytes: Uint8Array, start: number, end: number): Read {
    this.at = start;
    return this.#isInFrame ? this.#readPayload(bytes, end) : this.#readHead(bytes, end);
  }

  /** Bytes that nobody saw. False: the frames cannot be followed behind them. */
  skip(missingBytes: number): boolean {
    if (!this.#isInFrame || missingBytes >= this.#remainingBytes) return false;
    this.#remainingBytes -= missingBytes;
    return true;
  }

  #readHead(bytes: Uint8Array, end: number): Read {
    const head = this.#head;
    while (this.at < end) {
      head.push(u8(bytes, this.at++));
      if (head.length < 2) continue;
      const second = u8(head.bytes, 1);
      const code = second & 0x7f;
      const extraBytes = code === 126 ? 2 : code === 127 ? 8 : 0;
      const maskAt = 2 + extraBytes;
      const isMasked = second >= 0x80;
      if (head.length < maskAt + (isMasked ? 4 : 0)) continue;
      this.firstByte = u8(head.bytes, 0);
      this.mask = isMasked ? u32(head.bytes, maskAt) : null;
      this.#readLength(code, head.bytes);
      head.length = 0;
      this.#remainingBytes = this.lengthBytes;
      this.#isInFrame = true;
      return READ.head;
    }
    return READ.nothing;
  }

  #readLength(code: number, head: Uint8Array): void {
    this.lengthBytes = code === 126 ? u16(head, 2) : code === 127 ? u32(head, 2) * 2 ** 32 + u32(head, 6) : code;
    // Numbers above that are not exact, and the mask would get out of step. Nobody can send so much.
    this.isLengthInvalid = this.lengthBytes > Number.MAX_SAFE_INTEGER;
    const leastBytes = code === 126 ? 126 : code === 127 ? 65_536 : 0;
    this.isLengthMinimal = this.lengthBytes >= leastBytes;
  }

  #readPayload(bytes: Uint8Array, end: number): Read {
    const { mask } = this;
    const count = Math.min(this.#remainingBytes, end - this.at, mask === null ? Number.POSITIVE_INFINITY : PIECE_BYTES);
    if (count === 0 && this.#remainingBytes > 0) return READ.nothing;
    if (mask === null) {
      this.payload = bytes;
      this.start = this.at;
    } else {
      this.payload = pieces;
      this.start = 0;
      const done = this.lengthBytes - this.#remainingBytes;
      for (let i = 0; i < count; i++) {
        // Byte 0 of the payload goes with the first byte of the mask.
        pieces[i] = u8(bytes, this.at + i) ^ ((mask >>> (24 - 8 * ((done + i) % 4))) & 0xff);
      }
    }
    this.end = this.start + count;
    this.at += count;
    this.#remainingBytes -= count;
    this.isLast = this.#remainingBytes === 0;
    if (this.isLast) this.#isInFrame = false;
    return READ.payload;
  }
}

/** Of the payload in hand. */
const pieces = new Uint8Array(PIECE_BYTES);
