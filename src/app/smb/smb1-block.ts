import { u8, u16le, u32le, u64le } from '../../base/bytes.ts';
import type { CommandBytes } from './message-reader.ts';
import { nameOf } from './name.ts';

/** The words and the data of one command; places are counted from the first word. Numbers beyond the words are 0. */
export class Smb1Block implements CommandBytes {
  readonly bytes: Uint8Array;
  /** Of the message's header, from which offsets within the message are counted. */
  readonly start: number;
  readonly end: number;
  readonly wholeEnd: number;
  readonly wordCount: number;
  readonly dataStart: number;
  readonly dataEnd: number;
  readonly #wordsAt: number;

  /** `at`: of the command within the message. */
  constructor({ bytes, start, end, wholeEnd }: CommandBytes, at: number) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.wholeEnd = wholeEnd;
    this.#wordsAt = start + at + 1;
    const announced = u8(bytes, start + at);
    // Words that are not all there are none.
    this.wordCount = this.#wordsAt + announced * 2 + 2 <= end ? announced : 0;
    this.dataStart = Math.min(this.#wordsAt + announced * 2 + 2, end);
    const dataBytes = this.dataStart === end ? 0 : u16le(bytes, this.dataStart - 2);
    this.dataEnd = Math.min(this.dataStart + dataBytes, end);
  }

  u8(at: number): number {
    return this.#has(at, 1) ? u8(this.bytes, this.#wordsAt + at) : 0;
  }

  u16(at: number): number {
    return this.#has(at, 2) ? u16le(this.bytes, this.#wordsAt + at) : 0;
  }

  u32(at: number): number {
    return this.#has(at, 4) ? u32le(this.bytes, this.#wordsAt + at) : 0;
  }

  u64(at: number): number {
    return this.#has(at, 8) ? u64le(this.bytes, this.#wordsAt + at) : 0;
  }

  slice(start: number, end: number): Uint8Array {
    return this.bytes.slice(this.#wordsAt + start, this.#wordsAt + end);
  }

  /** A string up to its 0, and where it ends. Null: it does not end. */
  string(start: number, isUnicode: boolean): { readonly text: Uint8Array; readonly end: number } | null {
    const width = isUnicode ? 2 : 1;
    for (let at = this.#aligned(start, isUnicode); at + width <= this.end; at += width) {
      if (this.bytes[at] !== 0 || (isUnicode && this.bytes[at + 1] !== 0)) continue;
      return { text: nameOf(this.bytes, this.#aligned(start, isUnicode), at), end: at + width };
    }
    return null;
  }

  /** A string of so many bytes. Null: it is not all there. */
  sized(start: number, length: number, isUnicode: boolean): Uint8Array | null {
    const from = this.#aligned(start, isUnicode);
    return from + length <= this.end ? nameOf(this.bytes, from, from + length) : null;
  }

  /** Two-byte characters begin at an even place of the message. */
  #aligned(at: number, isUnicode: boolean): number {
    return isUnicode && (at - this.start) % 2 === 1 ? at + 1 : at;
  }

  #has(at: number, count: number): boolean {
    return at + count <= this.wordCount * 2;
  }
}
