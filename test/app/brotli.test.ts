import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteBuffer } from '../../src/app/byte-buffer.ts';
import { BitWriter } from '../../src/app/http/bit-writer.ts';
import { BrotliDecoder } from '../../src/app/http/brotli.ts';
import { dictionaryWord, wordStream } from '../../src/app/http/brotli-dictionary.ts';
import { fuzzRuns, SEED } from '../support/fuzz.ts';

const LIMIT_BYTES = 300_000;

function decode(packed: Uint8Array, pieceBytes = packed.length, limitBytes = LIMIT_BYTES): BrotliDecoder {
  const decoder = new BrotliDecoder(new ByteBuffer(limitBytes));
  for (let at = 0; at < packed.length; at += pieceBytes) {
    decoder.write(packed, at, Math.min(packed.length, at + pieceBytes));
  }
  return decoder;
}

function pack(content: Uint8Array, quality: number, windowBits = 22): Buffer {
  const params = { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_LGWIN]: windowBits };
  return brotliCompressSync(content, { params });
}

const WORDS = 'the time of a href="https://www. content – Straße, ПРИВЕТ Return 12:30 {} \\n function(data) é'.split(
  ' ',
);
/** Numbers that follow no rule, so that long codes come up. */
const noise = (count: number): number[] => Array.from({ length: count }, (_, i) => Math.imul(i + 1, 2654435761) >>> 8);
const text = (words: number): Buffer =>
  Buffer.from(
    noise(words)
      .map((n, i) => WORDS[n % WORDS.length]! + (n % 7 === 0 ? i : ''))
      .join(' '),
  );

const SAMPLES: Record<string, Buffer> = {
  empty: Buffer.alloc(0),
  'one byte': Buffer.from('a'),
  'words of the dictionary': Buffer.from(
    'The development of information, According to the government and their children.',
  ),
  text: text(3000),
  zeros: Buffer.alloc(70_000),
  noise: Buffer.from(Uint32Array.from(noise(9000)).buffer),
  // Blocks of several types.
  mixed: Buffer.concat([text(2000), Buffer.from(Uint32Array.from(noise(5000)).buffer), text(1000), Buffer.alloc(9000)]),
};

describe.each([0, 1, 5, 9, 11])('brotli of quality %s', (quality) => {
  test.each(Object.keys(SAMPLES))('%s', (name) => {
    const content = SAMPLES[name]!;
    for (const windowBits of [10, 24]) {
      const packed = pack(content, quality, windowBits);
      for (const pieceBytes of [packed.length, 1, 7, 1000]) {
        const decoder = decode(packed, pieceBytes);
        expect(decoder.isCorrupt).toBe(false);
        expect(Buffer.compare(decoder.output.view(), content)).toBe(0);
      }
    }
  });
});

test('says the same wherever it is cut in two', () => {
  const content = text(60);
  const packed = pack(content, 11);
  for (let cut = 0; cut <= packed.length; cut++) {
    const decoder = new BrotliDecoder(new ByteBuffer(LIMIT_BYTES));
    decoder.write(packed, 0, cut);
    decoder.write(packed, cut, packed.length);
    expect(Buffer.compare(decoder.output.view(), content)).toBe(0);
  }
});

test('what comes before the end of a truncated stream is there', () => {
  const content = text(500);
  const packed = pack(content, 5);
  let before = 0;
  for (let end = 0; end < packed.length; end++) {
    const decoder = decode(packed.subarray(0, end));
    expect(decoder.isCorrupt).toBe(false);
    const { output } = decoder;
    expect(output.length).toBeGreaterThanOrEqual(before);
    expect(Buffer.compare(output.view(), content.subarray(0, output.length))).toBe(0);
    before = output.length;
  }
  expect(before).toBeGreaterThan(content.length - 100);
});

test('stops where its output is full, and has read no more than that took', () => {
  const packed = pack(Buffer.alloc(20_000_000), 5);
  const decoder = decode(packed, packed.length, 1000);
  expect(decoder.output.length).toBe(1000);
  expect(decoder.isCorrupt).toBe(false);
  expect(decoder.inputBytes).toBeLessThan(packed.length);
});

test('parts that are not packed, and those to be skipped', () => {
  // RFC 7932 §9.1 and §9.2.
  const out = new BitWriter().put(0, 1);
  // Metadata: not the last block, no nibbles of length, one byte of length; fill up.
  out.put(0, 1).put(3, 2).put(0, 1).put(1, 2).put(2, 8).put(0, 1);
  for (const byte of Buffer.from('xyz')) out.put(byte, 8);
  // Plain: not the last block, four nibbles of length; fill up.
  out.put(0, 1).put(0, 2).put(4, 16).put(1, 1).put(0, 4);
  for (const byte of Buffer.from('hello')) out.put(byte, 8);
  const stream = out.put(0b11, 2).bytes();
  expect(brotliDecompressSync(stream).toString()).toBe('hello');
  for (const pieceBytes of [stream.length, 1]) {
    expect(Buffer.from(decode(stream, pieceBytes).output.view()).toString()).toBe('hello');
  }
});

describe('the dictionary', () => {
  test('has its words in each form as Node has them', () => {
    let compared = 0;
    for (let form = 0; form < 121; form++) {
      for (const [wordBytes, words] of [
        [4, 1024],
        [7, 2048],
        [12, 1024],
        [19, 128],
        [24, 32],
      ] as const) {
        const firstId = form * words;
        for (const id of noise(12).map((n) => firstId + (n % words))) {
          const word = dictionaryWord(wordBytes, id)!;
          if (word.length === 0) continue;
          const stream = wordStream([{ wordBytes, firstId: id, words: 1, bytes: word.length }]);
          expect(Buffer.compare(brotliDecompressSync(stream), word)).toBe(0);
          expect(Buffer.compare(decode(stream).output.view(), word)).toBe(0);
          compared++;
        }
      }
    }
    expect(compared).toBeGreaterThan(121 * 5 * 10);
  });

  test('ends', () => {
    expect(dictionaryWord(4, 121 * 1024 - 1)).not.toBeNull();
    expect(dictionaryWord(4, 121 * 1024)).toBeNull();
    expect(dictionaryWord(3, 0)).toBeNull();
    expect(dictionaryWord(25, 0)).toBeNull();
  });
});

/** What Node makes of it; null: it finds a fault, or the end missing. */
function reference(packed: Uint8Array): Buffer | null {
  try {
    return brotliDecompressSync(packed, { maxOutputLength: LIMIT_BYTES });
  } catch {
    return null;
  }
}

describe('hostile streams', () => {
  const packed = [text(40), text(400), SAMPLES.mixed!].flatMap((content) => [1, 5, 9, 11].map((q) => pack(content, q)));
  const stream = fc.constantFrom(...packed).map((bytes) => new Uint8Array(bytes));

  test('a changed stream is taken as Node takes it, in any pieces', () => {
    let whole = 0;
    fc.assert(
      fc.property(stream, fc.nat(), fc.nat(255), fc.integer({ min: 1, max: 50 }), (packed, place, byte, pieceBytes) => {
        packed[place % Math.min(packed.length, 300)] = byte;
        const expected = reference(packed);
        const decoder = decode(packed);
        const inPieces = decode(packed, pieceBytes);
        expect(inPieces.isCorrupt).toBe(decoder.isCorrupt);
        expect(Buffer.compare(inPieces.output.view(), decoder.output.view())).toBe(0);
        if (expected === null) return;
        whole++;
        expect(decoder.isCorrupt).toBe(false);
        expect(Buffer.compare(decoder.output.view(), expected)).toBe(0);
      }),
      { ...SEED, numRuns: fuzzRuns(300) },
    );
    expect(whole).toBeGreaterThan(0);
  });

  test('bytes that mean nothing end in a fault, or go on, as with Node', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), (bytes) => {
        const expected = reference(bytes);
        const decoder = decode(bytes);
        expect(decoder.output.length).toBeLessThanOrEqual(LIMIT_BYTES);
        if (expected !== null) expect(Buffer.compare(decoder.output.view(), expected)).toBe(0);
      }),
      { ...SEED, numRuns: fuzzRuns(1000) },
    );
  });

  test('a fault that Node finds is found', () => {
    const faults: Record<string, number[]> = {
      'a window of the large format': [0b0001_0001],
      'a reserved bit': [0b1_11_0_0_0 | 0b10_0000, 0],
      'a length that could be shorter': [0b0_01_0_0 | 0, 0, 0, 0],
    };
    for (const [name, bytes] of Object.entries(faults)) {
      const padded = Uint8Array.from([...bytes, ...new Array<number>(20).fill(0)]);
      expect([name, reference(padded)]).toEqual([name, null]);
      expect([name, decode(padded).isCorrupt]).toEqual([name, true]);
    }
  });
});

/** A tree of a single literal, its number, for each of 256; a context map in which every value is `place`. */
function ofOneContextValue(place: number, isMoved: boolean): Uint8Array {
  const out = new BitWriter().put(0b1111, 4);
  const onlySymbol = (symbol: number, bits: number): BitWriter => out.put(1, 2).put(0, 2).put(symbol, bits);
  // 256 types of literals in blocks of five (§6), one type of commands, one of distances.
  out.put(0, 1).put(0, 2).put(299, 16).put(0, 1).put(1, 1).put(7, 3).put(127, 7);
  onlySymbol(1, 9);
  onlySymbol(1, 5).put(0, 2).put(0, 1).put(0, 1).put(0, 6);
  for (let type = 0; type < 256; type++) out.put(0, 2);
  out.put(1, 1).put(7, 3).put(127, 7).put(0, 1);
  onlySymbol(place, 8)
    .put(isMoved ? 1 : 0, 1)
    .put(0, 1);
  for (let tree = 0; tree < 256; tree++) onlySymbol(tree, 8);
  // §5: insert 300 literals, which take no bits; then at each change of blocks, the rest of its length.
  onlySymbol(7 * 64 + 8, 10);
  onlySymbol(0, 6).put(300 - 194, 7);
  for (let change = 1; change < 60; change++) out.put(0, 2);
  return out.put(0b11, 2).bytes();
}

test.each([0, 1, 5, 63, 254, 255])('a context map of which every value is %s', (place) => {
  for (const isMoved of [true, false]) {
    const packed = ofOneContextValue(place, isMoved);
    const content = brotliDecompressSync(packed);
    expect(content).toHaveLength(300);
    expect(Buffer.compare(decode(packed).output.view(), content)).toBe(0);
    expect(Buffer.compare(decode(packed, 1).output.view(), content)).toBe(0);
  }
});
