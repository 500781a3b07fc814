import type { ByteBuffer } from '../byte-buffer.ts';
import { BitReader, MORE } from './bit-reader.ts';
import { Blocks, type MetaBlock } from './brotli-blocks.ts';
import { dictionaryWord } from './brotli-dictionary.ts';
import {
  BLOCK_COUNT_BASE,
  BLOCK_COUNT_EXTRA_BITS,
  CONTEXTS,
  COPY_BASE,
  COPY_CELLS,
  COPY_EXTRA_BITS,
  INSERT_BASE,
  INSERT_CELLS,
  INSERT_EXTRA_BITS,
  LAST_DISTANCE,
  LAST_DISTANCE_CHANGE,
} from './brotli-tables.ts';
import type { ContentDecoder } from './content-decoder.ts';
import { type PrefixCode, type Reading, readPrefixCode, symbolOf } from './prefix-code.ts';

/**
 * A decoder for brotli (RFC 7932). As in `Inflater`, the output is also the window, and what does not fit is not
 * decoded: libbrotli puts out up to 16 MiB before it hands on a byte, and Node's interface to it is asynchronous.
 */
export class BrotliDecoder implements ContentDecoder {
  isCorrupt = false;
  readonly output: ByteBuffer;
  readonly #bits = new BitReader();
  readonly #steps: Reading<boolean>;
  #isOver = false;
  #windowBytes = 0;
  readonly #lastDistances = [4, 11, 15, 16];

  constructor(output: ByteBuffer) {
    this.output = output;
    this.#steps = this.#readStream();
  }

  get inputBytes(): number {
    return this.#bits.takenBytes;
  }

  write(input: Uint8Array, start: number, end: number): number {
    this.#bits.feed(input, start, end);
    if (!this.#isOver) {
      const { done = false, value } = this.#steps.next();
      this.#isOver = done;
      this.isCorrupt = value === false;
    }
    this.#bits.release();
    return this.#bits.at;
  }

  /** Runs until the stream ends, its output is full, or (false) it breaks the format. */
  *#readStream(): Reading<boolean> {
    const windowBits = yield* this.#readWindowBits();
    if (windowBits === 0) return false;
    this.#windowBytes = (1 << windowBits) - 16;
    for (let isLast = false; !isLast; ) {
      const header = yield* this.#readHeader();
      if (header === null) return false;
      isLast = header.isLast;
      if (header.kind === 'skipped') yield* this.#skip(header.bytes);
      else if (header.kind === 'plain') yield* this.#copyPlain(header.bytes);
      else if (!(yield* this.#readMetaBlock(header.bytes))) return false;
      if (this.output.isFull) return true;
    }
    return true;
  }

  /** RFC 7932 §9.1; 0 where it is of another format. */
  *#readWindowBits(): Reading<number> {
    if ((yield* this.#read(1)) === 0) return 16;
    const high = yield* this.#read(3);
    if (high > 0) return 17 + high;
    const low = yield* this.#read(3);
    return low === 0 ? 17 : low === 1 ? 0 : 8 + low;
  }

  /** §9.2. */
  *#readHeader(): Reading<MetaBlockHeader | null> {
    const isLast = (yield* this.#read(1)) === 1;
    if (isLast && (yield* this.#read(1)) === 1) return { isLast, kind: 'skipped', bytes: 0 };
    const nibbles = 4 + (yield* this.#read(2));
    if (nibbles === 7) {
      if ((yield* this.#read(1)) === 1) return null;
      const bytes = yield* this.#readLength(yield* this.#read(2), 8);
      return bytes < 0 || this.#bits.takeRestOfByte() !== 0 ? null : { isLast, kind: 'skipped', bytes };
    }
    const bytes = yield* this.#readLength(nibbles, 4);
    if (bytes < 0) return null;
    if (isLast || (yield* this.#read(1)) === 0) return { isLast, kind: 'packed', bytes };
    return this.#bits.takeRestOfByte() === 0 ? { isLast, kind: 'plain', bytes } : null;
  }

  /** In digits of so many bits, the lowest first; -1 where it could have been shorter. */
  *#readLength(digits: number, digitBits: number): Reading<number> {
    if (digits === 0) return 0;
    let length = 0;
    for (let i = 0; i < digits; i++) {
      const digit = yield* this.#read(digitBits);
      if (digit === 0 && i === digits - 1 && i >= (digitBits === 4 ? 4 : 1)) return -1;
      length |= digit << (i * digitBits);
    }
    return length + 1;
  }

  *#skip(bytes: number): Reading<void> {
    for (let left = bytes; left > 0; left--) yield* this.#read(8);
  }

  *#copyPlain(bytes: number): Reading<void> {
    const { output } = this;
    const bits = this.#bits;
    for (let left = bytes; left > 0 && !output.isFull; ) {
      if (bits.bitCount >= 8) {
        output.push(bits.take(8));
        left--;
        continue;
      }
      const count = Math.min(left, bits.end - bits.at);
      output.append(bits.input, bits.at, bits.at + count);
      bits.at += count;
      left -= count;
      if (left > 0 && !output.isFull) yield;
    }
  }

  /** §9.2, from the counts of block types on. Null: it cannot be read. */
  *#readCodesAndContexts(): Reading<MetaBlock | null> {
    const literals = new Blocks();
    const commands = new Blocks();
    const distances = new Blocks();
    for (const blocks of [literals, commands, distances]) {
      if (!(yield* this.#readBlocks(blocks))) return null;
    }
    const postfixBits = yield* this.#read(2);
    const directDistances = (yield* this.#read(4)) << postfixBits;
    const modes = new Uint8Array(literals.types);
    for (let type = 0; type < modes.length; type++) modes[type] = yield* this.#read(2);
    const hasLiteralTrees = yield* this.#readContextMap(literals, LITERAL_CONTEXTS);
    if (!hasLiteralTrees || !(yield* this.#readContextMap(distances, DISTANCE_CONTEXTS))) return null;
    commands.trees = commands.types;
    if (!(yield* this.#readCodes(literals, 256))) return null;
    if (!(yield* this.#readCodes(commands, 704))) return null;
    if (!(yield* this.#readCodes(distances, 16 + directDistances + (48 << postfixBits)))) return null;
    return { literals, commands, distances, modes, postfixBits, directDistances };
  }

  /** §9.3. */
  *#readMetaBlock(bytes: number): Reading<boolean> {
    const block = yield* this.#readCodesAndContexts();
    if (block === null) return false;
    const { commands, distances, postfixBits, directDistances } = block;
    const { output } = this;
    const bits = this.#bits;
    const end = output.length + bytes;
    while (output.length < end) {
      if (commands.left === 0 && !(yield* this.#switchBlock(commands))) return false;
      commands.left--;
      // Here and below without a generator for each number: they would take longer than all else.
      const commandCode = commands.codes[commands.type]!;
      let command = symbolOf(commandCode, bits);
      while (command === MORE) {
        yield;
        command = symbolOf(commandCode, bits);
      }
      if (command < 0) return false;
      const insertCode = INSERT_CELLS[command >> 6]! + ((command >> 3) & 7);
      const copyCode = COPY_CELLS[command >> 6]! + (command & 7);
      while (!bits.has(INSERT_EXTRA_BITS[insertCode]!)) yield;
      const inserted = INSERT_BASE[insertCode]! + bits.take(INSERT_EXTRA_BITS[insertCode]!);
      while (!bits.has(COPY_EXTRA_BITS[copyCode]!)) yield;
      const copied = COPY_BASE[copyCode]! + bits.take(COPY_EXTRA_BITS[copyCode]!);

      if (inserted > end - output.length) return false;
      if (inserted > 0 && !(yield* this.#readLiterals(block, inserted))) return false;
      if (output.length === end) break;
      if (output.isFull) return true;

      let distanceSymbol = 0;
      if (command >= 128) {
        if (distances.left === 0 && !(yield* this.#switchBlock(distances))) return false;
        distances.left--;
        const context = Math.min(copied, 5) - 2;
        const code = distances.codes[distances.contextMap[distances.type * DISTANCE_CONTEXTS + context]!]!;
        distanceSymbol = symbolOf(code, bits);
        while (distanceSymbol === MORE) {
          yield;
          distanceSymbol = symbolOf(code, bits);
        }
        if (distanceSymbol < 0) return false;
      }
      const extraBits = distanceExtraBits(distanceSymbol, postfixBits, directDistances);
      while (!bits.has(extraBits)) yield;
      const distance = this.#distance(distanceSymbol, bits.take(extraBits), postfixBits, directDistances);
      if (distance <= 0) return false;
      const farthest = Math.min(this.#windowBytes, output.length);
      if (distance <= farthest) {
        if (distanceSymbol > 0) this.#keepDistance(distance);
        if (copied > end - output.length) return false;
        this.#copy(distance, copied);
      } else {
        const word = dictionaryWord(copied, distance - farthest - 1);
        if (word === null || word.length > end - output.length) return false;
        output.append(word, 0, word.length);
      }
      if (output.isFull) return true;
    }
    return true;
  }

  /** §7.1: so many of them, or until the output is full. */
  *#readLiterals({ literals, modes }: MetaBlock, count: number): Reading<boolean> {
    const { output } = this;
    const bits = this.#bits;
    for (let left = count; left > 0 && !output.isFull; left--) {
      if (literals.left === 0 && !(yield* this.#switchBlock(literals))) return false;
      literals.left--;
      const { length } = output;
      const contexts = CONTEXTS[modes[literals.type]!]!;
      const last = length > 0 ? output.bytes[length - 1]! : 0;
      const beforeLast = length > 1 ? output.bytes[length - 2]! : 0;
      const context = contexts[last]! | contexts[256 + beforeLast]!;
      const code = literals.codes[literals.contextMap[literals.type * LITERAL_CONTEXTS + context]!]!;
      let literal = symbolOf(code, bits);
      while (literal === MORE) {
        yield;
        literal = symbolOf(code, bits);
      }
      if (literal < 0) return false;
      if (length === output.bytes.length) output.reserve(1);
      output.bytes[output.length++] = literal;
    }
    return true;
  }

  /** §6: how many types of blocks there are, and the codes for their changes. */
  *#readBlocks(blocks: Blocks): Reading<boolean> {
    blocks.types = yield* this.#readCount();
    if (blocks.types === 1) return true;
    const types = yield* readPrefixCode(this.#bits, blocks.types + 2);
    if (types === null) return false;
    const counts = yield* readPrefixCode(this.#bits, BLOCK_COUNT_BASE.length);
    if (counts === null) return false;
    blocks.typeCode = types;
    blocks.countCode = counts;
    return yield* this.#readBlockCount(blocks);
  }

  *#readBlockCount(blocks: Blocks): Reading<boolean> {
    const symbol = yield* this.#readSymbol(blocks.countCode);
    if (symbol < 0) return false;
    blocks.left = BLOCK_COUNT_BASE[symbol]! + (yield* this.#read(BLOCK_COUNT_EXTRA_BITS[symbol]!));
    return true;
  }

  *#switchBlock(blocks: Blocks): Reading<boolean> {
    // Of a single type, blocks end nowhere.
    if (blocks.types === 1) return false;
    const symbol = yield* this.#readSymbol(blocks.typeCode);
    if (symbol < 0) return false;
    const next = symbol === 0 ? blocks.previousType : symbol === 1 ? (blocks.type + 1) % blocks.types : symbol - 2;
    blocks.previousType = blocks.type;
    blocks.type = next;
    return yield* this.#readBlockCount(blocks);
  }

  /** §7.3: which tree belongs to which context of which type of block. */
  *#readContextMap(blocks: Blocks, contexts: number): Reading<boolean> {
    const map = new Uint8Array(blocks.types * contexts);
    blocks.contextMap = map;
    blocks.trees = yield* this.#readCount();
    if (blocks.trees === 1) return true;
    const runCodes = (yield* this.#read(1)) === 0 ? 0 : (yield* this.#read(4)) + 1;
    const code = yield* readPrefixCode(this.#bits, blocks.trees + runCodes);
    if (code === null) return false;
    for (let at = 0; at < map.length; ) {
      // As with commands, without a generator for each: a map has up to 16,384 symbols, which may take no bits.
      let symbol = symbolOf(code, this.#bits);
      while (symbol === MORE) {
        yield;
        symbol = symbolOf(code, this.#bits);
      }
      if (symbol < 0) return false;
      if (symbol > runCodes) map[at++] = symbol - runCodes;
      else at += (1 << symbol) + (yield* this.#read(symbol));
      if (at > map.length) return false;
    }
    if ((yield* this.#read(1)) === 0) return true;
    if (typeof code === 'number' && code > runCodes) moveOnePlaceToFront(map, code - runCodes);
    else moveToFront(map);
    return true;
  }

  *#readCodes(blocks: Blocks, symbols: number): Reading<boolean> {
    for (let i = 0; i < blocks.trees; i++) {
      const code = yield* readPrefixCode(this.#bits, symbols);
      if (code === null) return false;
      blocks.codes.push(code);
    }
    return true;
  }

  /** §4. Not above 0 where there is none. */
  #distance(symbol: number, extra: number, postfixBits: number, directDistances: number): number {
    if (symbol < LAST_DISTANCE.length) {
      return this.#lastDistances[LAST_DISTANCE[symbol]!]! + LAST_DISTANCE_CHANGE[symbol]!;
    }
    const code = symbol - LAST_DISTANCE.length - directDistances;
    if (code < 0) return code + directDistances + 1;
    const high = code >> postfixBits;
    const low = code & ((1 << postfixBits) - 1);
    const offset = ((2 + (high & 1)) << (1 + (high >> 1))) - 4;
    return ((offset + extra) << postfixBits) + low + directDistances + 1;
  }

  #keepDistance(distance: number): void {
    this.#lastDistances.pop();
    this.#lastDistances.unshift(distance);
  }

  #copy(distance: number, bytes: number): void {
    const { output } = this;
    const count = Math.min(bytes, output.limitBytes - output.length);
    output.reserve(count);
    const kept = output.bytes;
    let at = output.length;
    for (let i = 0; i < count; i++, at++) kept[at] = kept[at - distance]!;
    output.length = at;
  }

  /** §9.2: 1 to 256. */
  *#readCount(): Reading<number> {
    if ((yield* this.#read(1)) === 0) return 1;
    const extraBits = yield* this.#read(3);
    return 1 + (1 << extraBits) + (yield* this.#read(extraBits));
  }

  *#read(count: number): Reading<number> {
    while (!this.#bits.has(count)) yield;
    return this.#bits.take(count);
  }

  /** `CORRUPT` where there is no such code. */
  *#readSymbol(code: PrefixCode): Reading<number> {
    for (;;) {
      const symbol = symbolOf(code, this.#bits);
      if (symbol !== MORE) return symbol;
      yield;
    }
  }
}

interface MetaBlockHeader {
  readonly isLast: boolean;
  /** `skipped` has no content, `plain` is not packed. */
  readonly kind: 'skipped' | 'plain' | 'packed';
  readonly bytes: number;
}

const LITERAL_CONTEXTS = 64;
const DISTANCE_CONTEXTS = 4;

/** §7.3: each value is the place of the tree in a list, and moves it to the front. */
function moveToFront(map: Uint8Array): void {
  const order = Uint8Array.from({ length: 256 }, (_, i) => i);
  for (let i = 0; i < map.length; i++) {
    const place = map[i]!;
    const tree = order[place]!;
    order.copyWithin(1, 0, place);
    order[0] = tree;
    map[i] = tree;
  }
}

/**
 * The same where all values are `place`, which takes no input: the trees up to there come in turn, the last one first.
 */
function moveOnePlaceToFront(map: Uint8Array, place: number): void {
  for (let i = 0; i < map.length; i++) map[i] = place - (i % (place + 1));
}

/** §4. The last distances and the direct ones have none. */
function distanceExtraBits(symbol: number, postfixBits: number, directDistances: number): number {
  const code = symbol - LAST_DISTANCE.length - directDistances;
  return code < 0 ? 0 : 1 + (code >> (postfixBits + 1));
}
