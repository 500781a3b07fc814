import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromLatin1 } from '../../../src/base/bytes.ts';
import { REGEX_ERROR, REGEX_FLAG, REGEX_UNSET, Regex, RegexError } from '../../../src/base/native/regex.ts';
import { fuzzRuns } from '../../support/fuzz.ts';

/** Some hundred microseconds each; prints the most work and the longest time of one. */
const LOOKING_FOR_A_SECOND = `
  const { Regex } = require(process.argv[1]);
  const regex = new Regex(Buffer.from('[a-z](?:x|y)'), 0, 3500, 1500);
  const subject = new Uint8Array(100_000).fill(0x61);
  let mostWork = 0;
  let longestMs = 0;
  for (const start = performance.now(); performance.now() - start < 1000; ) {
    const at = performance.now();
    regex.match(regex.id, subject, 0, subject.length, 0);
    longestMs = Math.max(longestMs, performance.now() - at);
    mostWork = Math.max(mostWork, regex.groups.at(-1));
  }
  console.log(JSON.stringify({ mostWork, longestMs }));
`;

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
      expect(Object.values(REGEX_ERROR)).toContain(match(regex, subject));
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

  test.each([
    ['a.*b', 'a'],
    ['a.*<.+b', 'a---<'],
    ['[a-z.]+@[a-z]+', 'a.'],
    ['\\s*=\\s*0x', ' '],
    ['(?<x>\\w+)-.*\\k<x>=', 'ab-'],
    ['(*NO_JIT)a.*[bc]', 'a'],
    ['(?x) a.*b # until the end', 'a'],
  ])('%s on a megabyte of %j ends in the limit, not in the square of its length', (pattern, repeated) => {
    const regex = new Regex(pattern, REGEX_FLAG.DOTALL, limits);
    expect(match(regex, repeated.repeat(1e6 / repeated.length))).toBe(REGEX_ERROR.MATCH_LIMIT);
    expect(regex.work).toBeGreaterThan(1e6);
  });

  test('what others do with the processor meanwhile is not its work', async () => {
    const child = spawn(process.execPath, [
      '--eval',
      LOOKING_FOR_A_SECOND,
      resolve('native/build/Release/vpatch.node'),
    ]);
    let printed = '';
    child.stdout.on('data', (data) => {
      printed += data;
    });
    const stopping = setInterval(() => {
      child.kill('SIGSTOP');
      setTimeout(() => child.kill('SIGCONT'), 40);
    }, 50);
    await once(child, 'close');
    clearInterval(stopping);
    const { mostWork, longestMs } = JSON.parse(printed) as { mostWork: number; longestMs: number };
    // It was stopped in the midst of one.
    expect(longestMs).toBeGreaterThan(30);
    expect(mostWork).toBeLessThan(15e6);
  });

  test('a long subject that is looked through once is looked through to its end', () => {
    const subject = `${'ab1 '.repeat(500_000)}abc`;
    for (const pattern of ['[a-z]{3}', 'a(?:b|x)c', '[a-z]+c', '(?:\\w|\\s){2}bc']) {
      expect(match(new Regex(pattern, 0, limits), subject)).toBe(1);
    }
  });

  test('whether its steps are counted or not, it finds the same', () => {
    const item = fc.constantFrom(
      'a',
      'b',
      '.',
      '[ab]',
      '(a)',
      '(?:b|c)',
      '\\b',
      '^',
      '$',
      '(?=b)',
      '(?<=a)',
      '\\w',
      '\\n',
    );
    const repeat = fc.constantFrom('', '*', '+', '?', '{2}', '{1,3}', '*?', '++');
    const pattern = fc.array(fc.tuple(item, repeat, fc.constantFrom('', '', '', '|')), { minLength: 1, maxLength: 6 });
    const text = fc.array(fc.constantFrom('a', 'b', 'c', '\n'), { maxLength: 30 });
    fc.assert(
      fc.property(
        pattern,
        text,
        fc.constantFrom(0, REGEX_FLAG.MULTILINE, REGEX_FLAG.EXTENDED),
        (parts, letters, flags) => {
          const written = parts.map(([what, times, or]) => (/^[\\^$(]/.test(what) ? what : what + times) + or).join('');
          const subject = letters.join('');
          const timed = new Regex(written, flags, limits);
          // With a setting at the beginning its steps are counted from the first one on.
          const counted = new Regex(`(*LIMIT_MATCH=3500)${written}`, flags, limits);
          expect(match(timed, subject)).toBe(match(counted, subject));
          expect([...timed.groups]).toEqual([...counted.groups]);
        },
      ),
      { numRuns: fuzzRuns(500) },
    );
  });

  test('a subject too long for the stack of JIT code is left to the interpreter', () => {
    const generous = { matchLimit: 10_000_000, depthLimit: 10_000_000 };
    const subject = `${'ab'.repeat(25_000)}c`;
    expect(match(new Regex('(?:a|b)*c', 0, generous), subject)).toBe(1);
  });
});
