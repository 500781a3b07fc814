import type { ByteBuffer } from '../byte-buffer.ts';

/**
 * Undoes one content coding. Takes its input in any pieces and stops when its output is full, so that what a few bytes
 * unpack to costs no more than what is kept of it.
 */
export interface ContentDecoder {
  readonly output: ByteBuffer;
  /** The input broke the format. What was put out before stays. */
  readonly isCorrupt: boolean;
  /** Whole bytes of input that the output so far needed. */
  readonly inputBytes: number;
  /** Returns where it stopped: before `end` where the output is full, or nothing more can be read. */
  write(input: Uint8Array, start: number, end: number): number;
}

/**
 * Its content was made to be big. Deflate of text seldom makes a twentieth of it, and at the most 1,032 bytes of one;
 * less than 64 KiB are not worth calling a bomb.
 */
export const isBomb = (packedBytes: number, unpackedBytes: number): boolean =>
  unpackedBytes >= MIN_BOMB_BYTES && unpackedBytes > packedBytes * BOMB_RATIO;

const MIN_BOMB_BYTES = 64 * 1024;
const BOMB_RATIO = 200;
