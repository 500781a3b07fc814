import { type BitReader, CORRUPT, MORE } from './bit-reader.ts';
import { CODE_LENGTH_ORDER } from './brotli-tables.ts';
import { Huffman, MAX_CODE_BITS } from './huffman.ts';

/** A code of one symbol is that symbol: it takes no bits. */
export type PrefixCode = Huffman | number;

/** A reading that stops where the input does: each `yield` asks for more of it. */
export type Reading<T> = Generator<void, T>;

export const symbolOf = (code: PrefixCode, bits: BitReader): number =>
  typeof code === 'number' ? code : bits.symbol(code);

/** RFC 7932 §3.4 and §3.5, for an alphabet of so many symbols. Null: there is no such code. */
export function* readPrefixCode(bits: BitReader, symbols: number): Reading<PrefixCode | null> {
  while (!bits.has(2)) yield;
  const skipped = bits.take(2);
  const lengths = new Uint8Array(symbols);
  if (skipped === SIMPLE) return yield* readSimpleCode(bits, lengths);
  const codeLengths = yield* readCodeLengthCode(bits, skipped);
  if (codeLengths === null || !(yield* readLengths(bits, codeLengths, lengths))) return null;
  return new Huffman(lengths, 0, symbols);
}

const SIMPLE = 1;

function* readSimpleCode(bits: BitReader, lengths: Uint8Array): Reading<PrefixCode | null> {
  while (!bits.has(2)) yield;
  const count = bits.take(2) + 1;
  const symbolBits = 32 - Math.clz32(lengths.length - 1);
  const symbols: number[] = [];
  while (symbols.length < count) {
    while (!bits.has(symbolBits)) yield;
    const symbol = bits.take(symbolBits);
    if (symbol >= lengths.length || symbols.includes(symbol)) return null;
    symbols.push(symbol);
  }
  if (count === 1) return symbols[0]!;
  let shape = SIMPLE_SHAPES[count]!;
  if (count === 4) {
    while (!bits.has(1)) yield;
    if (bits.take(1) === 1) shape = UNEVEN_SHAPE;
  }
  for (const [i, symbol] of symbols.entries()) lengths[symbol] = shape[i]!;
  return new Huffman(lengths, 0, lengths.length);
}

/** Lengths by number of symbols. */
const SIMPLE_SHAPES = [[], [], [1, 1], [1, 2, 2], [2, 2, 2, 2]];
const UNEVEN_SHAPE = [1, 2, 3, 3];

/** The code in which lengths are written. Lengths of its own are in a fixed code of two to four bits. */
function* readCodeLengthCode(bits: BitReader, skipped: number): Reading<PrefixCode | null> {
  const lengths = new Uint8Array(CODE_LENGTH_ORDER.length);
  let left = 32;
  let lastUsed = 0;
  let used = 0;
  for (const symbol of CODE_LENGTH_ORDER.slice(skipped)) {
    while (!bits.has(2)) yield;
    let length = [0, 4, 3, LONGER][bits.take(2)]!;
    if (length === LONGER) {
      while (!bits.has(1)) yield;
      length = bits.take(1) === 0 ? 2 : LONGER;
    }
    if (length === LONGER) {
      while (!bits.has(1)) yield;
      length = bits.take(1) === 0 ? 1 : 5;
    }
    if (length === 0) continue;
    lengths[symbol] = length;
    lastUsed = symbol;
    used++;
    left -= 32 >> length;
    if (left <= 0) break;
  }
  if (used === 1) return lastUsed;
  return left === 0 ? new Huffman(lengths, 0, lengths.length) : null;
}

const LONGER = -1;

/** Whether they make a code in which each bit sequence means something. */
function* readLengths(bits: BitReader, code: PrefixCode, lengths: Uint8Array): Reading<boolean> {
  let left = 1 << MAX_CODE_BITS;
  let at = 0;
  let previous = 8;
  /** What is repeated, and how often so far: repetitions that follow on one another are digits of one number. */
  let repeated = 0;
  let repeats = 0;
  while (at < lengths.length && left > 0) {
    let symbol = symbolOf(code, bits);
    while (symbol === MORE) {
      yield;
      symbol = symbolOf(code, bits);
    }
    if (symbol === CORRUPT) return false;
    if (symbol < REPEAT_PREVIOUS) {
      repeats = 0;
      lengths[at++] = symbol;
      if (symbol === 0) continue;
      previous = symbol;
      left -= (1 << MAX_CODE_BITS) >> symbol;
      continue;
    }
    const extraBits = symbol === REPEAT_PREVIOUS ? 2 : 3;
    const length = symbol === REPEAT_PREVIOUS ? previous : 0;
    if (length !== repeated) repeats = 0;
    repeated = length;
    while (!bits.has(extraBits)) yield;
    const before = repeats;
    repeats = (before > 0 ? (before - 2) << extraBits : 0) + bits.take(extraBits) + 3;
    const end = at + repeats - before;
    if (end > lengths.length) return false;
    lengths.fill(length, at, end);
    if (length > 0) left -= ((1 << MAX_CODE_BITS) >> length) * (end - at);
    at = end;
  }
  return left === 0;
}

const REPEAT_PREVIOUS = 16;
