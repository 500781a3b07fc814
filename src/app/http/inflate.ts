import { EMPTY_BYTES } from '../../base/bytes.ts';
import type { ByteBuffer } from '../byte-buffer.ts';
import { BitReader, CORRUPT } from './bit-reader.ts';
import type { ContentDecoder } from './content-decoder.ts';
import {
  CODE_LENGTH_ORDER,
  DISTANCE_BASE,
  DISTANCE_EXTRA_BITS,
  FIXED_DISTANCES,
  FIXED_LITERALS,
  LENGTH_BASE,
  LENGTH_EXTRA_BITS,
  MAX_LENGTHS,
} from './deflate-tables.ts';
import { Huffman } from './huffman.ts';
import { STATE } from './inflate-states.ts';

/**
 * A decoder for gzip (RFC 1952), zlib (RFC 1950) and raw deflate (RFC 1951) that takes its input in any pieces and
 * stops when its output buffer is full. The output is also the window, so that its state is a few kilobytes: node:zlib
 * holds 40 KiB outside the heap for each stream, has no synchronous incremental interface, and throws its output away
 * at a limit. Checksums are not verified: a browser shows the content before it reads them.
 */
export class Inflater implements ContentDecoder {
  isCorrupt = false;
  /** The end of the compressed data was seen; what follows is ignored. */
  isDone = false;
  readonly output: ByteBuffer;
  readonly #bits = new BitReader();
  #state: number = STATE.magic;
  #container: 'gzip' | 'zlib' | 'raw' = 'raw';
  #flags = 0;
  #skip = 0;
  #isFinal = false;
  #lengths = EMPTY_BYTES;
  #lengthCount = 0;
  #literalCount = 0;
  #distanceCount = 0;
  #codeCount = 0;
  #literals: Huffman = FIXED_LITERALS;
  #distances: Huffman = FIXED_DISTANCES;
  #codes: Huffman = FIXED_DISTANCES;
  #symbol = 0;
  #copyBytes = 0;

  /** `isRaw`: it is deflate, whatever it looks like; else the first bytes tell. */
  constructor(output: ByteBuffer, isRaw = false) {
    this.output = output;
    if (isRaw) this.#state = STATE.block;
  }

  get inputBytes(): number {
    return this.#bits.takenBytes;
  }

  write(input: Uint8Array, start: number, end: number): number {
    this.#bits.feed(input, start, end);
    while (!this.isCorrupt && !this.isDone && !this.output.isFull && this.#step()) {
      // Each step does one part of the format and says whether there was enough input for it.
    }
    this.#bits.release();
    return this.#bits.at;
  }

  #step(): boolean {
    switch (this.#state) {
      case STATE.magic:
        return this.#readMagic();
      case STATE.gzipHeader:
        if (!this.#bits.has(16)) return false;
        if (this.#bits.take(8) !== 8) return this.#fail();
        this.#flags = this.#bits.take(8);
        return this.#skipThen(6, STATE.gzipExtra);
      case STATE.gzipExtra:
        if ((this.#flags & 4) === 0) return this.#to(STATE.gzipName);
        if (!this.#bits.has(16)) return false;
        return this.#skipThen(this.#bits.take(16), STATE.gzipName);
      case STATE.gzipName:
        if ((this.#flags & 8) !== 0 && !this.#skipText()) return false;
        return this.#to(STATE.gzipComment);
      case STATE.gzipComment:
        if ((this.#flags & 16) !== 0 && !this.#skipText()) return false;
        return this.#skipThen((this.#flags & 2) !== 0 ? 2 : 0, STATE.block);
      case STATE.skip:
        for (; this.#skip > 0; this.#skip--) {
          if (!this.#bits.has(8)) return false;
          this.#bits.take(8);
        }
        return this.#to(this.#symbol);
      case STATE.block:
        return this.#readBlockHeader();
      case STATE.storedLength:
        if (!this.#bits.has(16)) return false;
        this.#copyBytes = this.#bits.take(16);
        return this.#to(STATE.storedCheck);
      case STATE.storedCheck:
        if (!this.#bits.has(16)) return false;
        if (this.#bits.take(16) !== (~this.#copyBytes & 0xffff)) return this.#fail();
        return this.#to(STATE.stored);
      case STATE.stored:
        return this.#copyStored();
      case STATE.tableSizes:
        return this.#readTableSizes();
      case STATE.codeLengths:
        return this.#readCodeLengths();
      case STATE.lengths:
        return this.#readLengths();
      case STATE.data:
        return this.#readData();
      case STATE.distance:
        return this.#readDistance();
      case STATE.copy:
        return this.#copy();
      case STATE.trailer:
        // Another member may follow (RFC 1952 §2.2); browsers and servers join them.
        return this.#skipThen(this.#container === 'gzip' ? 8 : 4, STATE.nextMember);
      default:
        return this.#readNextMember();
    }
  }

  #readMagic(): boolean {
    if (!this.#bits.has(16)) return false;
    const first = this.#bits.peek(8);
    const second = this.#bits.peek(16) >> 8;
    if (first === 0x1f && second === 0x8b) {
      this.#container = 'gzip';
      this.#bits.take(16);
      return this.#to(STATE.gzipHeader);
    }
    // RFC 1950 §2.2. "deflate" means zlib, but servers send raw deflate under that name too.
    if ((first & 0x0f) === 8 && (first * 256 + second) % 31 === 0) {
      if ((second & 0x20) !== 0) return this.#fail();
      this.#container = 'zlib';
      this.#bits.take(16);
    }
    return this.#to(STATE.block);
  }

  #readNextMember(): boolean {
    if (this.#container !== 'gzip') {
      this.isDone = true;
      return false;
    }
    if (!this.#bits.has(16)) return false;
    if (this.#bits.peek(16) === 0x8b1f) {
      this.#bits.take(16);
      return this.#to(STATE.gzipHeader);
    }
    this.isDone = true;
    return false;
  }

  #readBlockHeader(): boolean {
    if (this.#isFinal) {
      this.#isFinal = false;
      this.#bits.takeRestOfByte();
      return this.#to(this.#container === 'raw' ? STATE.nextMember : STATE.trailer);
    }
    if (!this.#bits.has(3)) return false;
    this.#isFinal = this.#bits.take(1) === 1;
    switch (this.#bits.take(2)) {
      case 0:
        this.#bits.takeRestOfByte();
        return this.#to(STATE.storedLength);
      case 1:
        this.#literals = FIXED_LITERALS;
        this.#distances = FIXED_DISTANCES;
        return this.#to(STATE.data);
      case 2:
        return this.#to(STATE.tableSizes);
      default:
        return this.#fail();
    }
  }

  #copyStored(): boolean {
    const { output } = this;
    const bits = this.#bits;
    while (this.#copyBytes > 0) {
      if (output.isFull) return false;
      if (bits.bitCount >= 8) {
        output.reserve(1);
        output.bytes[output.length++] = bits.take(8);
        this.#copyBytes--;
        continue;
      }
      const count = Math.min(this.#copyBytes, bits.end - bits.at, output.limitBytes - output.length);
      if (count === 0) return false;
      output.append(bits.input, bits.at, bits.at + count);
      bits.at += count;
      this.#copyBytes -= count;
    }
    return this.#to(STATE.block);
  }

  #readTableSizes(): boolean {
    if (!this.#bits.has(14)) return false;
    this.#literalCount = this.#bits.take(5) + 257;
    this.#distanceCount = this.#bits.take(5) + 1;
    this.#codeCount = this.#bits.take(4) + 4;
    if (this.#literalCount > 286 || this.#distanceCount > 30) return this.#fail();
    if (this.#lengths.length === 0) this.#lengths = new Uint8Array(MAX_LENGTHS);
    this.#lengths.fill(0);
    this.#lengthCount = 0;
    return this.#to(STATE.codeLengths);
  }

  #readCodeLengths(): boolean {
    while (this.#lengthCount < this.#codeCount) {
      if (!this.#bits.has(3)) return false;
      this.#lengths[CODE_LENGTH_ORDER[this.#lengthCount++]!] = this.#bits.take(3);
    }
    const codes = new Huffman(this.#lengths, 0, 19);
    if (!codes.isUsable) return this.#fail();
    this.#codes = codes;
    this.#lengths.fill(0);
    this.#lengthCount = 0;
    this.#symbol = -1;
    return this.#to(STATE.lengths);
  }

  #readLengths(): boolean {
    const total = this.#literalCount + this.#distanceCount;
    while (this.#lengthCount < total) {
      if (this.#symbol < 0) {
        const symbol = this.#bits.symbol(this.#codes);
        if (symbol < 0) return symbol === CORRUPT ? this.#fail() : false;
        if (symbol < 16) {
          this.#lengths[this.#lengthCount++] = symbol;
          continue;
        }
        this.#symbol = symbol;
      }
      const extraBits = this.#symbol === 16 ? 2 : this.#symbol === 17 ? 3 : 7;
      if (!this.#bits.has(extraBits)) return false;
      const repeats = this.#bits.take(extraBits) + (this.#symbol === 18 ? 11 : 3);
      if (this.#symbol === 16 && this.#lengthCount === 0) return this.#fail();
      if (this.#lengthCount + repeats > total) return this.#fail();
      const value = this.#symbol === 16 ? this.#lengths[this.#lengthCount - 1]! : 0;
      this.#lengths.fill(value, this.#lengthCount, this.#lengthCount + repeats);
      this.#lengthCount += repeats;
      this.#symbol = -1;
    }
    this.#literals = new Huffman(this.#lengths, 0, this.#literalCount);
    this.#distances = new Huffman(this.#lengths, this.#literalCount, total);
    if (!this.#literals.isUsable || !this.#distances.isUsable) return this.#fail();
    return this.#to(STATE.data);
  }

  #readData(): boolean {
    const { output } = this;
    for (;;) {
      if (output.length >= output.limitBytes) return false;
      const symbol = this.#bits.symbol(this.#literals);
      if (symbol < 0) return symbol === CORRUPT ? this.#fail() : false;
      if (symbol < 256) {
        if (output.length === output.bytes.length) output.reserve(1);
        output.bytes[output.length++] = symbol;
        continue;
      }
      if (symbol === 256) return this.#to(STATE.block);
      if (symbol > 285) return this.#fail();
      this.#copyBytes = symbol;
      this.#symbol = -1;
      return this.#to(STATE.distance);
    }
  }

  /** In `#copyBytes` is the length symbol until its extra bits are read, in `#symbol` the distance symbol. */
  #readDistance(): boolean {
    if (this.#copyBytes >= 257 && this.#symbol === -1) {
      const row = this.#copyBytes - 257;
      if (!this.#bits.has(LENGTH_EXTRA_BITS[row]!)) return false;
      this.#skip = LENGTH_BASE[row]! + this.#bits.take(LENGTH_EXTRA_BITS[row]!);
      this.#symbol = -2;
    }
    if (this.#symbol === -2) {
      const symbol = this.#bits.symbol(this.#distances);
      if (symbol < 0) return symbol === CORRUPT ? this.#fail() : false;
      if (symbol > 29) return this.#fail();
      this.#symbol = symbol;
    }
    const extraBits = DISTANCE_EXTRA_BITS[this.#symbol]!;
    if (!this.#bits.has(extraBits)) return false;
    const distance = DISTANCE_BASE[this.#symbol]! + this.#bits.take(extraBits);
    if (distance > this.output.length) return this.#fail();
    this.#symbol = distance;
    return this.#to(STATE.copy);
  }

  /** `#skip` bytes from `#symbol` bytes before; as many as there is room for. */
  #copy(): boolean {
    const { output } = this;
    const count = Math.min(this.#skip, output.limitBytes - output.length);
    output.reserve(count);
    const { bytes } = output;
    const distance = this.#symbol;
    let at = output.length;
    for (let i = 0; i < count; i++, at++) bytes[at] = bytes[at - distance]!;
    output.length = at;
    this.#skip -= count;
    return this.#skip === 0 ? this.#to(STATE.data) : false;
  }

  #to(state: number): true {
    this.#state = state;
    return true;
  }

  #fail(): false {
    this.isCorrupt = true;
    return false;
  }

  #skipThen(count: number, state: number): true {
    this.#skip = count;
    this.#symbol = state;
    return this.#to(STATE.skip);
  }

  #skipText(): boolean {
    for (;;) {
      if (!this.#bits.has(8)) return false;
      if (this.#bits.take(8) === 0) return true;
    }
  }
}
