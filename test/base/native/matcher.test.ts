import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromLatin1, latin1 } from '../../../src/base/bytes.ts';
import {
  type LiteralPattern,
  MATCH_CASELESS,
  MAX_LITERAL_BYTES,
  Matcher,
  MatcherCompiler,
  MatcherError,
} from '../../../src/base/native/matcher.ts';
import { fuzzRuns } from '../../support/fuzz.ts';

const literal = (text: string, flags = 0): LiteralPattern => ({ bytes: fromLatin1(text), flags });

/** Indexes of the patterns found, in ascending order. */
function find(matcher: Matcher, text: string | Uint8Array, start = 0, end = text.length): number[] {
  const bytes = typeof text === 'string' ? fromLatin1(text) : text;
  return [...matcher.results.subarray(0, matcher.scan(bytes, start, end))].sort((a, b) => a - b);
}

/** The same by looking at each place. */
function isIn(subject: Uint8Array, { bytes, flags }: LiteralPattern): boolean {
  const isCaseless = flags === MATCH_CASELESS;
  const [text, wanted] = [subject, bytes].map((some) =>
    isCaseless ? latin1(some).replace(/[A-Z]/g, (c) => c.toLowerCase()) : latin1(some),
  );
  return text!.includes(wanted!);
}

describe('Matcher', () => {
  test('finds each pattern once, however often it occurs', () => {
    const matcher = Matcher.compile([literal('ab'), literal('b'), literal('xyz')]);
    expect(find(matcher, 'abababb')).toEqual([0, 1]);
    expect(find(matcher, 'xyzab')).toEqual([0, 1, 2]);
    expect(find(matcher, 'none')).toEqual([]);
    expect(matcher.results).toHaveLength(3);
  });

  test('equal patterns each have their own index', () => {
    expect(find(Matcher.compile([literal('dup'), literal('other'), literal('dup')]), '-dup-')).toEqual([0, 2]);
  });

  test.each([
    ['alone', (byte: number) => [byte]],
    ['at the start', (byte: number) => [byte, 0x41, 0x42]],
    ['at the end', (byte: number) => [0x41, 0x42, byte]],
    ['again and again', (byte: number) => [byte, byte, byte, byte, byte, byte, byte, byte, byte, byte]],
  ])('every byte value %s is nothing but itself', (_, make) => {
    const patterns = Array.from({ length: 256 }, (_, byte) => ({ bytes: Uint8Array.from(make(byte)), flags: 0 }));
    const matcher = Matcher.compile(patterns);
    for (const [i, { bytes }] of patterns.entries()) expect(find(matcher, bytes)).toContain(i);
    if (make(0).length > 1) return;
    for (const [i, { bytes }] of patterns.entries()) expect(find(matcher, bytes)).toEqual([i]);
  });

  test('caseless is for ASCII letters only', () => {
    const every = Array.from({ length: 256 }, (_, byte) => ({ bytes: Uint8Array.of(byte), flags: MATCH_CASELESS }));
    const matcher = Matcher.compile(every);
    for (let byte = 0; byte < 256; byte++) {
      const letter = byte & 0xdf;
      const isLetter = byte < 0x80 && letter >= 0x41 && letter <= 0x5a;
      expect(find(matcher, Uint8Array.of(byte))).toEqual(isLetter ? [letter, letter | 0x20] : [byte]);
    }
    expect(find(Matcher.compile([literal('UNION select', MATCH_CASELESS), literal('UNION')]), 'union SELECT')).toEqual([
      0,
    ]);
  });

  test('looks at the range and at nothing beside it', () => {
    const matcher = Matcher.compile([literal('abc'), literal('a'), literal('c')]);
    expect(find(matcher, 'abcd', 0, 3)).toEqual([0, 1, 2]);
    expect(find(matcher, 'abcd', 0, 2)).toEqual([1]);
    expect(find(matcher, 'abcd', 1, 4)).toEqual([2]);
    expect(find(matcher, 'abcd', 2, 2)).toEqual([]);
    expect(find(matcher, new Uint8Array(0))).toEqual([]);
    // A view into a larger buffer, as every packet is.
    expect(find(matcher, fromLatin1('__abc__').subarray(2, 5))).toEqual([0, 1, 2]);
  });

  test.each([
    [-1, 3],
    [0, 5],
    [3, 2],
    [Number.NaN, 3],
    [0, Number.NaN],
    [0, Number.POSITIVE_INFINITY],
    [0, 2 ** 32 + 1],
    [2 ** 32, 2 ** 32 + 1],
  ])('refuses the range %d to %d of four bytes', (start, end) => {
    const matcher = Matcher.compile([literal('a')]);
    expect(() => matcher.scan(new Uint8Array(4), start, end)).toThrow(RangeError);
  });

  test('refuses what is no Uint8Array', () => {
    const matcher = Matcher.compile([literal('a')]);
    for (const bytes of [null, 'aaaa', [1, 2], new Uint16Array(4), new Uint8ClampedArray(4), new ArrayBuffer(4)]) {
      expect(() => matcher.scan(bytes as unknown as Uint8Array, 0, 1)).toThrow(TypeError);
    }
    expect(() => matcher.scan(new Uint8Array(4), '0' as unknown as number, 1)).toThrow(TypeError);
  });

  test('bytes that have gone to another thread are an empty array', () => {
    const matcher = Matcher.compile([literal('a')]);
    const bytes = fromLatin1('aaaa');
    structuredClone(null, { transfer: [bytes.buffer as ArrayBuffer] });
    expect(() => matcher.scan(bytes, 0, 4)).toThrow(RangeError);
    expect(matcher.scan(bytes, 0, 0)).toBe(0);
  });

  test('the results cannot be taken away', () => {
    const { results } = Matcher.compile([literal('a')]);
    expect(() => structuredClone(null, { transfer: [results.buffer as ArrayBuffer] })).toThrow();
  });

  test('14,000 patterns, with what they have in common at either end', () => {
    const patterns = Array.from({ length: 14_000 }, (_, i) =>
      literal(
        `${i % 3 === 0 ? 'GET /' : ''}needle-${i.toString(36)}${i % 2 === 0 ? '.php?' : ''}|`,
        i % 5 ? 0 : MATCH_CASELESS,
      ),
    );
    const matcher = Matcher.compile(patterns);
    for (const i of [0, 1, 6999, 13_998, 13_999]) {
      const found = find(matcher, Buffer.concat([Buffer.from('...'), patterns[i]!.bytes, Buffer.from('...')]));
      expect(found).toContain(i);
      expect(found.length).toBeLessThan(4);
    }
    const all = Buffer.concat(patterns.map((pattern) => pattern.bytes));
    expect(matcher.scan(all, 0, all.length)).toBe(14_000);
    expect(matcher.databaseBytes).toBeGreaterThan(14_000);
  });

  // The library's own search leaps over some (native/pattern_compiler.cc).
  test('small sets of patterns are found wherever they lie', () => {
    const letters = fc.integer({ min: 0x61, max: 0x66 });
    const pattern = fc.record({
      bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }).chain((any) =>
        fc.oneof(
          fc.constant(any),
          fc.array(letters, { minLength: 1, maxLength: 8 }).map((some) => Uint8Array.from(some)),
        ),
      ),
      flags: fc.constantFrom(0, MATCH_CASELESS),
    });
    const place = fc.record({ which: fc.nat(), at: fc.nat(400) });
    fc.assert(
      fc.property(
        fc.array(pattern, { minLength: 1, maxLength: 12 }),
        fc.array(fc.array(place, { maxLength: 3 }), { minLength: 40, maxLength: 40 }),
        fc.nat(400),
        fc.nat(63),
        (patterns, subjects, bytes, start) => {
          const matcher = Matcher.compile(patterns);
          for (const places of subjects) {
            const subject = new Uint8Array(start + bytes).fill(0x71);
            for (const { which, at } of places) {
              const { bytes: found } = patterns[which % patterns.length]!;
              subject.set(found.subarray(0, Math.max(0, bytes - at)), start + Math.min(at, bytes));
            }
            const seen = subject.subarray(start);
            const expected = [...patterns.keys()].filter((index) => isIn(seen, patterns[index]!));
            expect(find(matcher, subject, start)).toEqual(expected);
          }
        },
      ),
      { numRuns: fuzzRuns(300) },
    );
  });

  test('a subject that matches everywhere does not cost more for each match', () => {
    const patterns = Array.from({ length: 200 }, (_, i) => literal('a'.repeat(i + 1)));
    const matcher = Matcher.compile(patterns);
    expect(find(matcher, 'a'.repeat(60_000))).toEqual(patterns.map((_, i) => i));
  });

  test('serialized and loaded, it finds the same', () => {
    const patterns = [literal('\0\0'), literal('GET ', MATCH_CASELESS), literal('\xff\xfe'), literal('x'.repeat(300))];
    const matcher = Matcher.compile(patterns);
    const serialized = matcher.serialize();
    const loaded = Matcher.load(serialized);
    expect(Buffer.from(loaded.serialize())).toEqual(Buffer.from(serialized));
    const subject = `get \0\0${'x'.repeat(300)}`;
    expect(find(loaded, subject)).toEqual([0, 1, 3]);
    expect(find(matcher, subject)).toEqual([0, 1, 3]);
  });

  test('every truncation and many a damage of the serialized form is refused', () => {
    const serialized = Matcher.compile([literal('abc'), literal('def')]).serialize();
    for (let length = 0; length < serialized.length; length += length < 64 ? 1 : 37) {
      expect(() => Matcher.load(serialized.subarray(0, length))).toThrow(MatcherError);
    }
    for (let at = 8; at < serialized.length; at += 13) {
      const damaged = serialized.slice();
      damaged[at]! ^= 0x40;
      try {
        Matcher.load(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(MatcherError);
      }
    }
  });

  test('a pattern count that does not fit the database writes nothing out of bounds', () => {
    const serialized = Matcher.compile(Array.from({ length: 100 }, (_, i) => literal(`p${i};`))).serialize();
    new DataView(serialized.buffer).setUint32(4, 2, true);
    const matcher = Matcher.load(serialized);
    const subject = fromLatin1(Array.from({ length: 100 }, (_, i) => `p${i};`).join(''));
    expect(matcher.scan(subject, 0, subject.length)).toBe(2);
    new DataView(serialized.buffer).setUint32(4, 0xffff_ffff, true);
    expect(() => Matcher.load(serialized)).toThrow(MatcherError);
  });

  describe('refuses pattern lists with', () => {
    const good = literal('good');
    test.each([
      ['nothing in them', [], null],
      ['an empty pattern', [good, literal('')], 1],
      ['a pattern that is too long', [good, good, literal('x'.repeat(MAX_LITERAL_BYTES + 1))], 2],
      ['flags that we do not know', [literal('x', 2)], 0],
      ['flags that are no number', [good, literal('x', Number.NaN)], 1],
    ])('%s', (_, patterns, culprit) => {
      let thrown: unknown;
      try {
        Matcher.compile(patterns);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(MatcherError);
      expect((thrown as MatcherError).pattern).toBe(culprit);
      if (culprit !== null) expect((thrown as MatcherError).message).toContain(`pattern ${culprit}`);
    });
  });

  test.each([0, MATCH_CASELESS])('the longest pattern is found (flags %d)', (flags) => {
    const bytes = Uint8Array.from({ length: MAX_LITERAL_BYTES }, (_, i) => (i * i * 31 + i * 7) >>> 3);
    const matcher = Matcher.compile([{ bytes, flags }, literal('short')]);
    expect(find(matcher, bytes)).toContain(0);
    expect(find(matcher, bytes.subarray(1))).not.toContain(0);
  });

  test('what means something to a regular expression means itself', () => {
    const patterns = ['.*', 'a+', '(?i)a', '[a]', '\\x41', '^a', 'a$', 'a|b', '(*UTF8)', '{3}'].map((text) =>
      literal(text),
    );
    const matcher = Matcher.compile(patterns);
    for (const [i, { bytes }] of patterns.entries()) expect(find(matcher, bytes)).toEqual([i]);
    expect(find(matcher, 'aaaAb')).toEqual([]);
  });
});

describe('MatcherCompiler', () => {
  test('sets are finished in any order, each once', () => {
    const compiler = new MatcherCompiler();
    const sizes = [1, 400, 3, 900, 20, 2];
    const numbers = sizes.map((size, set) =>
      compiler.begin(Array.from({ length: size }, (_, i) => literal(`set ${set}, pattern ${i};`))),
    );
    for (const set of [3, 0, 5, 1, 4, 2]) {
      const matcher = compiler.finish(numbers[set]!);
      expect(matcher.results).toHaveLength(sizes[set]!);
      expect(find(matcher, `set ${set}, pattern 0; set ${set + 1}, pattern 0;`)).toEqual([0]);
    }
    for (const number of [...numbers, sizes.length, -1]) expect(() => compiler.finish(number)).toThrow(MatcherError);
  });

  test('goes on after a set that is none', () => {
    const compiler = new MatcherCompiler();
    expect(() => compiler.begin([literal('a'), literal('')])).toThrow(MatcherError);
    expect(find(compiler.finish(compiler.begin([literal('a')])), 'a')).toEqual([0]);
  });

  test.each([10, 150, 700, 3000])(
    'of %d patterns, finds those that are in subjects of any length, and nothing else',
    (size) => {
      const texts = Array.from({ length: size }, (_, i) => `p${i.toString(36)}.${(i * 7919) % 1000}`);
      const compiler = new MatcherCompiler();
      const matcher = compiler.finish(
        compiler.begin(texts.map((text, i) => literal(text, i % 2 === 0 ? 0 : MATCH_CASELESS))),
      );
      for (const filler of [
        '',
        'x'.repeat(30),
        '\x01\xfe\x02\xfd\x03\xfc\x04\xfba\x01\xfe\x02\xfd\x03\xfc\x04\xfbbcc',
        '-'.repeat(2000),
      ]) {
        const subject = `${filler}${texts[size - 1]!.toUpperCase()}${filler}${texts[size >> 1]}${filler}`;
        const there = texts.flatMap((text, i) =>
          (i % 2 === 0 ? subject : subject.toLowerCase()).includes(text) ? [i] : [],
        );
        expect(there).toContain(size >> 1);
        expect(find(matcher, subject)).toEqual(there);
      }
    },
  );
});
