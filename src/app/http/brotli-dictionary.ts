import { brotliDecompressSync } from 'node:zlib';
import { fromLatin1, latin1 } from '../../base/bytes.ts';
import { BitWriter } from './bit-writer.ts';
import { COPY_BASE, COPY_EXTRA_BITS } from './brotli-tables.ts';

/** How many bits number the words of each length: RFC 7932 appendix A. */
const INDEX_BITS = [0, 0, 0, 0, 10, 10, 11, 11, 10, 10, 10, 10, 10, 9, 9, 8, 7, 7, 8, 7, 7, 6, 6, 5, 5];
const MIN_WORD_BYTES = 4;
const MAX_WORD_BYTES = 24;

/**
 * A word of the dictionary that every decoder has, in one of 121 forms: RFC 7932 §8. Null: there is no such word, or no
 * such form.
 */
export function dictionaryWord(wordBytes: number, id: number): Uint8Array | null {
  if (wordBytes < MIN_WORD_BYTES || wordBytes > MAX_WORD_BYTES) return null;
  const indexBits = INDEX_BITS[wordBytes]!;
  const form = FORMS[id >>> indexBits];
  if (form === undefined) return null;
  dictionary ??= readDictionary();
  const at = dictionary.starts[wordBytes]! + (id & ((1 << indexBits) - 1)) * wordBytes;
  const word = form.change(latin1(dictionary.words, at, at + wordBytes));
  return fromLatin1(form.before + word + form.behind);
}

interface Form {
  readonly before: string;
  readonly change: (word: string) => string;
  readonly behind: string;
}

/**
 * RFC 7932 appendix B. `@` and the letter behind it stand for the word: `w` as it is, `1` to `9` without so many last
 * bytes, `a` to `i` without one to nine first ones, `C` with a capital, `U` in capitals.
 */
const FORM_TEXTS =
  '@w|@w | @w |@a|@C |@w the | @w|s @w |@w of |@C|@w and |@b|@1|, @w |@w, | @C |@w in |@w to |e @w |@w"|@w.|' +
  '@w">|@w\n|@3|@w]|@w for |@c|@2|@w a |@w that | @C|@w. |.@w| @w, |@d|@w with |@w\'|@w from |@w by |@e|@f|' +
  ' the @w|@4|@w. The |@U|@w on |@w as |@w is |@7|@1ing |@w\n\t|@w:| @w. |@wed |@i|@g|@6|@w(|@C, |@8|@w at |' +
  '@wly | the @w of |@5|@9| @C, |@C"|.@w(|@U |@C">|@w="| @w.|.com/@w| the @w of the |@C\'|@w. This |@w,|.@w |' +
  '@C(|@C.|@w not | @w="|@wer | @U |@wal | @U|@w=\'|@U"|@C. | @w(|@wful | @C. |@wive |@wless |@U\'|@west | @C.|' +
  '@U">| @w=\'|@C,|@wize |@U.|\xc2\xa0@w| @w,|@C="|@U="|@wous |@U, |@C=\'| @C,| @U="| @U, |@U,|@U(|@U. | @U.|' +
  "@U='| @U. | @C=\"| @U='| @C='";

const FORMS: readonly Form[] = FORM_TEXTS.split('|').map((text) => {
  const at = text.indexOf('@');
  return { before: text.slice(0, at), change: changeOf(text[at + 1]!), behind: text.slice(at + 2) };
});

function changeOf(letter: string): Form['change'] {
  if (letter === 'w') return (word) => word;
  if (letter === 'C') return (word) => capital(word) + word.slice(characterBytes(word));
  if (letter === 'U') return capitals;
  const count = Number.parseInt(letter, 36);
  if (count < 10) return (word) => word.slice(0, Math.max(0, word.length - count));
  return (word) => word.slice(count - 9);
}

function capitals(word: string): string {
  let text = '';
  for (let rest = word; rest !== ''; rest = rest.slice(characterBytes(rest))) text += capital(rest);
  return text;
}

/** The first character in capital letters, or what the RFC makes of it: it flips bits of UTF-8 without looking. */
function capital(word: string): string {
  const bytes = fromLatin1(word.slice(0, characterBytes(word)));
  if (bytes.length === 1) return /[a-z]/.test(word[0]!) ? word[0]!.toUpperCase() : word[0]!;
  if (bytes.length === 2) bytes[1]! ^= 0x20;
  else bytes[2]! ^= 0x05;
  return latin1(bytes);
}

/** As many as the first byte says, and there are. */
function characterBytes(word: string): number {
  const first = word.charCodeAt(0);
  return Math.min(word.length, first < 0xc0 ? 1 : first < 0xe0 ? 2 : 3);
}

interface Dictionary {
  readonly words: Uint8Array;
  /** Where the words of a length begin. */
  readonly starts: readonly number[];
}

let dictionary: Dictionary | null = null;

/** Node has the 120 KiB of words already, in its own decoder: this asks it for all of them. */
function readDictionary(): Dictionary {
  const starts: number[] = [];
  const groups: WordGroup[] = [];
  let start = 0;
  for (const [wordBytes, indexBits] of INDEX_BITS.entries()) {
    starts.push(start);
    if (wordBytes < MIN_WORD_BYTES) continue;
    const words = 1 << indexBits;
    groups.push({ wordBytes, firstId: 0, words, bytes: words * wordBytes });
    start += words * wordBytes;
  }
  return { words: brotliDecompressSync(wordStream(groups)), starts };
}

/** Words of one length whose numbers follow on one another, and how many bytes they are in their form. */
export interface WordGroup {
  readonly wordBytes: number;
  readonly firstId: number;
  readonly words: number;
  readonly bytes: number;
}

/** A stream of commands that each copy one word; a meta-block for each group. */
export function wordStream(groups: readonly WordGroup[]): Uint8Array {
  const out = new BitWriter();
  // §9.1: a window of 16 MiB, so that all that came before a word is between it and the dictionary.
  out.put(0b1111, 4);
  let farthest = 0;
  for (const { wordBytes, firstId, words, bytes } of groups) {
    // §9.2: not the last one, four digits of length, packed; one type of each block; no postfix and no direct
    // distances; the first mode of contexts; one tree of literals, one of distances.
    out
      .put(0, 1)
      .put(0, 2)
      .put(bytes - 1, 16)
      .put(0, 1);
    out.put(0, 3).put(0, 6).put(0, 2).put(0, 2);
    const [command, extra, extraBits] = copyCommand(wordBytes);
    putOnlySymbol(out, 0, 8);
    putOnlySymbol(out, command, 10);
    // All 64 distance codes have six bits: the code for lengths has one symbol, which takes none.
    out.put(0, 2).put(0, 14).put(0b10, 2).put(0, 20);
    for (let index = 0; index < words; index++) {
      out.put(extra, extraBits);
      putDistance(out, farthest + 1 + firstId + index);
      farthest += bytes / words;
    }
  }
  // The last meta-block, which is empty.
  return out.put(0b11, 2).bytes();
}

/** §3.4: a code of one symbol, which takes no bits. */
const putOnlySymbol = (out: BitWriter, symbol: number, bits: number): BitWriter =>
  out.put(1, 2).put(0, 2).put(symbol, bits);

/** §5: no literals, copy so many bytes, with a distance. */
function copyCommand(bytes: number): [symbol: number, extra: number, extraBits: number] {
  const code = COPY_BASE.findLastIndex((base) => base <= bytes);
  const symbol = code < 8 ? 128 + code : 192 + code - 8;
  return [symbol, bytes - COPY_BASE[code]!, COPY_EXTRA_BITS[code]!];
}

/** §4, without postfix and direct distances. */
function putDistance(out: BitWriter, distance: number): void {
  const bits = 30 - Math.clz32(distance + 3);
  const isUpper = ((distance + 3) >> bits) & 1;
  const code = 16 + 2 * (bits - 1) + isUpper;
  for (let bit = 5; bit >= 0; bit--) out.put((code >> bit) & 1, 1);
  out.put((distance + 3) & ((1 << bits) - 1), bits);
}
