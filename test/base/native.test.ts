import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import {
  type LiteralPattern,
  liveNativeObjects,
  MATCH_CASELESS,
  MAX_LITERAL_BYTES,
  Matcher,
  MatcherError,
  NATIVE_QUEUE_COLUMNS,
  NfQueue,
  parseQueueStatistics,
  QUEUE_COLUMN,
  QUEUE_COLUMNS,
  REGEX_ERROR,
  REGEX_FLAG,
  REGEX_UNSET,
  Regex,
  RegexError,
  readQueueStatistics,
} from '../../src/base/native.ts';
import { type CompiledSources, compileForNode } from '../native/compile.ts';

const literal = (text: string, flags = 0): LiteralPattern => ({ bytes: fromLatin1(text), flags });

/** Indexes of the patterns found, in ascending order. */
function find(matcher: Matcher, text: string | Uint8Array, start = 0, end = text.length): number[] {
  const bytes = typeof text === 'string' ? fromLatin1(text) : text;
  return [...matcher.results.subarray(0, matcher.scan(bytes, start, end))].sort((a, b) => a - b);
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

describe('Regex', () => {
  const limits = { matchLimit: 3500, depthLimit: 1500 };
  const match = (regex: Regex, text: string, from = 0) => regex.match(fromLatin1(text), 0, text.length, from);

  test('reports groups as offsets in the bytes, not in the range', () => {
    const regex = new Regex('(\\d+)-(x)?(\\w)', 0, limits);
    const bytes = fromLatin1('....12-z....');
    expect(regex.match(bytes, 4, 8, 4)).toBe(4);
    expect([...regex.groups]).toEqual([4, 8, 4, 6, REGEX_UNSET, REGEX_UNSET, 7, 8]);
    expect(regex.match(bytes, 5, 8, 5)).toBe(4);
    expect([...regex.groups.subarray(0, 4)]).toEqual([5, 8, 5, 6]);
    expect(regex.match(bytes, 4, 7, 4)).toBe(0);
  });

  test('groups behind the last one set are unset', () => {
    const regex = new Regex('(a)|(b)|(c)', 0, limits);
    expect(match(regex, 'c')).toBe(4);
    expect(match(regex, 'a')).toBe(2);
    expect([...regex.groups]).toEqual([0, 1, 0, 1, REGEX_UNSET, REGEX_UNSET, REGEX_UNSET, REGEX_UNSET]);
  });

  test('patterns with different numbers of groups do not disturb each other', () => {
    const many = new Regex('(.)'.repeat(50), 0, limits);
    const few = new Regex('b', 0, limits);
    expect(match(few, 'ab')).toBe(1);
    expect(match(many, 'x'.repeat(50))).toBe(51);
    expect(match(few, 'aab')).toBe(1);
    expect([...few.groups]).toEqual([2, 3]);
    expect(many.groups[101]).toBe(50);
  });

  test('a search from the middle still sees what is before it', () => {
    expect(match(new Regex('(?<=ab)c', 0, limits), 'abc', 2)).toBe(1);
    expect(match(new Regex('^c', 0, limits), 'abc', 2)).toBe(0);
    expect(match(new Regex('\\Gc', 0, limits), 'abc', 2)).toBe(1);
    // But not what is before the range.
    expect(new Regex('(?<=ab)c', 0, limits).match(fromLatin1('abc'), 2, 3, 2)).toBe(0);
    expect(new Regex('^c', 0, limits).match(fromLatin1('abc'), 2, 3, 2)).toBe(1);
    expect(match(new Regex('$', 0, limits), 'abc', 3)).toBe(1);
    expect(new Regex('^$', 0, limits).match(new Uint8Array(0), 0, 0, 0)).toBe(1);
  });

  test.each([
    ['CASELESS', 'ABC', 'abc', 0, 1],
    ['DOTALL', 'a.c', 'a\nc', 0, 1],
    ['MULTILINE', '^b$', 'a\nb\nc', 0, 1],
    ['EXTENDED', 'a b # c', 'ab', 0, 1],
    ['ANCHORED', 'b', 'ab', 1, 0],
    ['DOLLAR_ENDONLY', 'a$', 'a\n', 1, 0],
  ] as const)('flag %s', (flag, pattern, subject, without, together) => {
    expect(match(new Regex(pattern, 0, limits), subject)).toBe(without);
    expect(match(new Regex(pattern, REGEX_FLAG[flag], limits), subject)).toBe(together);
  });

  test('flag UNGREEDY', () => {
    const regex = new Regex('a+', REGEX_FLAG.UNGREEDY, limits);
    match(regex, 'aaa');
    expect(regex.groups[1]).toBe(1);
  });

  test('bytes are bytes: NUL, latin1, and no way into UTF-8', () => {
    expect(match(new Regex(Uint8Array.of(0x61, 0, 0x62), 0, limits), 'a\0b')).toBe(1);
    expect(match(new Regex('^.\xff$', 0, limits), '\xc3\xff')).toBe(1);
    expect(match(new Regex('\xe9', REGEX_FLAG.CASELESS, limits), '\xc9')).toBe(0);
    expect(() => new Regex('(*UTF)a', 0, limits)).toThrow(RegexError);
    expect(() => new Regex('\u0101', 0, limits)).toThrow(RangeError);
  });

  test.each([
    ['a(b', 3],
    ['a)b', 1],
    ['[z-a]', 3],
    ['(?<=a+)b', 0],
  ])('says where %s is wrong', (pattern, offset) => {
    let thrown: unknown;
    try {
      new Regex(pattern, 0, limits);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(RegexError);
    expect((thrown as RegexError).message).not.toBe('');
    expect((thrown as RegexError).offset).toBe(offset);
  });

  test.each([
    ['too deep', `${'('.repeat(1000)}${')'.repeat(1000)}`],
    ['too large', '(?:(?:a{1000}){1000}){50}'],
  ])('refuses a pattern that is %s', (_, pattern) => {
    expect(() => new Regex(pattern, 0, limits)).toThrow(RegexError);
  });

  test('refuses flags and limits that PCRE2 would misread', () => {
    expect(() => new Regex('a', 0x0008_0000, limits)).toThrow(RangeError);
    expect(() => new Regex('a', -1, limits)).toThrow(RangeError);
    expect(() => new Regex('a', 0, { matchLimit: 0, depthLimit: 1 })).toThrow(RangeError);
    expect(() => new Regex('a', 0, { matchLimit: 1, depthLimit: 2 ** 32 })).toThrow(RangeError);
  });

  test.each([
    [0, 4, -1],
    [1, 4, 0],
    [0, 3, 4],
    [0, 4, Number.NaN],
    [0, 5, 0],
    [-1, 4, 0],
  ])('refuses the range %d to %d from %d of four bytes', (start, end, from) => {
    expect(() => new Regex('a', 0, limits).match(new Uint8Array(4), start, end, from)).toThrow(RangeError);
  });

  describe.each([
    ['compiled', ''],
    ['interpreted', '(*NO_JIT)'],
  ])('%s, a backtracking bomb ends in a limit', (name, verb) => {
    test.each([
      ['(a+)+$', `${'a'.repeat(60_000)}!`],
      ['(a|aa)+$', `${'a'.repeat(60_000)}!`],
      ['^(([a-z])+.)+[A-Z]([a-z])+$', 'a'.repeat(60_000)],
      ['(x(?1)?y)', `${'x'.repeat(60_000)}y`],
      ['(?:(a)|b)*c', `${'ab'.repeat(30_000)}c`],
    ])('%s', (pattern, subject) => {
      const regex = new Regex(`${verb}${pattern}`, 0, limits);
      expect(regex.isJit).toBe(name === 'compiled');
      const started = performance.now();
      expect(Object.values(REGEX_ERROR)).toContain(match(regex, subject));
      expect(performance.now() - started).toBeLessThan(1000);
    });
  });

  test('the limit is reported as such, and the next match is not hurt', () => {
    const regex = new Regex('(a+)+$', 0, limits);
    expect(match(regex, `${'a'.repeat(40)}!`)).toBe(REGEX_ERROR.MATCH_LIMIT);
    expect(match(regex, 'aaa')).toBe(2);
    // A pattern may ask for less, never for more.
    expect(match(new Regex('(*LIMIT_MATCH=4000000000)(a+)+$', 0, limits), `${'a'.repeat(40)}!`)).toBe(
      REGEX_ERROR.MATCH_LIMIT,
    );
  });

  test('a subject too long for the stack of JIT code is left to the interpreter', () => {
    const generous = { matchLimit: 10_000_000, depthLimit: 10_000_000 };
    const subject = `${'ab'.repeat(25_000)}c`;
    expect(match(new Regex('(?:a|b)*c', 0, generous), subject)).toBe(1);
  });
});

describe('worker threads', () => {
  let sources: CompiledSources;
  beforeAll(() => {
    sources = compileForNode();
  });
  afterAll(() => sources?.remove());

  const run = (serialized: Uint8Array): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(sources.path('test/native/worker.js'), { workerData: serialized });
      worker.once('message', resolve);
      worker.once('error', reject);
    });

  test('several load the addon, a matcher and a regex, while the main thread uses its own', async () => {
    const matcher = Matcher.compile([literal('abc'), literal('\0x'), literal('zzz')]);
    const serialized = matcher.serialize();
    const answers = Promise.all([run(serialized), run(serialized), run(serialized)]);
    expect(find(matcher, 'zzz')).toEqual([2]);
    expect(await answers).toEqual(Array(3).fill({ found: [0, 1], groups: [1, 3], compiled: 1 }));
    expect(find(matcher, 'zzz')).toEqual([2]);
  });

  test('a worker takes its natives with it when it ends', async () => {
    const before = liveNativeObjects();
    for (let i = 0; i < 5; i++) await run(Matcher.compile([literal('abc')]).serialize());
    // Ours are collected when the collector likes; those of five ended workers would be fifteen more.
    await expect.poll(() => liveNativeObjects() - before).toBeLessThanOrEqual(5);
  });
});

describe('queue, without a kernel', () => {
  test('TypeScript and C++ agree on the columns of a row', () => {
    expect(Object.keys(QUEUE_COLUMN)).toEqual(NATIVE_QUEUE_COLUMNS);
    expect(Object.values(QUEUE_COLUMN)).toEqual(NATIVE_QUEUE_COLUMNS.map((_, i) => i));
  });

  test('arrays that are too short, and options out of bounds, never reach the kernel', () => {
    const capacity = 4;
    const slotBytes = 1024;
    const good = {
      ...{ queue: 1, maxLength: 16, copyBytes: 512, receiveBufferBytes: 65_536, flags: 0, capacity, slotBytes },
      bytes: new Uint8Array(capacity * slotBytes),
      rows: new Uint32Array(capacity * QUEUE_COLUMNS),
      verdicts: new Uint8Array(capacity),
      marks: new Uint32Array(capacity),
    };
    const bad = [
      { queue: -1 },
      { queue: 65_536 },
      { queue: 1.5 },
      { capacity: 0 },
      { capacity: 5 },
      { capacity: 4096 },
      { slotBytes: 1025 },
      { slotBytes: 0 },
      { copyBytes: 65_536 },
      { maxLength: 0 },
      { receiveBufferBytes: 2 ** 31 },
      { bytes: new Uint8Array(capacity * slotBytes - 1) },
      { rows: new Uint32Array(capacity * QUEUE_COLUMNS - 1) },
      { verdicts: new Uint8Array(3) },
      { marks: new Uint32Array(0) },
      { marks: new Uint8Array(capacity) as unknown as Uint32Array },
      { bytes: new Uint32Array(capacity * slotBytes) as unknown as Uint8Array },
    ];
    for (const change of bad) expect(() => new NfQueue({ ...good, ...change })).toThrow(RangeError);
  });

  test('the statistics of the kernel are read line by line, and strange lines skipped', () => {
    const text = [
      '    3  12345     7 2 65531     5     6    99  1',
      '65535 3456789012     0 2  1500 4294967295     0     0  1',
      'nonsense',
      '    4  1 2',
      '',
    ].join('\n');
    expect(parseQueueStatistics(text)).toEqual([
      {
        ...{ queue: 3, portId: 12_345, waiting: 7, copyMode: 2, copyBytes: 65_531 },
        ...{ queueDropped: 5, userDropped: 6, idSequence: 99 },
      },
      {
        ...{ queue: 65_535, portId: 3_456_789_012, waiting: 0, copyMode: 2, copyBytes: 1500 },
        ...{ queueDropped: 4_294_967_295, userDropped: 0, idSequence: 0 },
      },
    ]);
    expect(parseQueueStatistics('')).toEqual([]);
    expect(Array.isArray(readQueueStatistics())).toBe(true);
  });
});
