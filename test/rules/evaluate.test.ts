import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { beginPacket, evaluateSteps, evaluationCounters, MAX_TRIED_STEPS } from '../../src/rules/evaluate.ts';
import { Literal } from '../../src/rules/literal.ts';
import { inspected, isMatch, ruleOf } from './support.ts';

const stepsOf = (options: string) => ruleOf(options).inspections[0]!.steps;

beforeEach(beginPacket);

describe('backtracking', () => {
  test('an earlier match is moved on until the relative one behind it fits', () => {
    const steps = stepsOf('content:"a"; content:"b"; within:1;');
    expect(evaluateSteps(steps, inspected('a-a-ab'))).toBe(true);
    expect(evaluateSteps(steps, inspected('a-a-a-b'))).toBe(false);
  });

  test('goes back over several steps', () => {
    const steps = stepsOf('content:"a"; content:"b"; distance:0; content:"c"; within:1;');
    expect(evaluateSteps(steps, inspected('a b b bc'))).toBe(true);
    expect(evaluateSteps(steps, inspected('a b b b c'))).toBe(false);
  });

  test('goes back over a negated step', () => {
    const steps = stepsOf('content:"a"; content:!"x"; within:1; content:"b"; within:2;');
    expect(evaluateSteps(steps, inspected('axb a-b'))).toBe(true);
    expect(evaluateSteps(steps, inspected('axb axb'))).toBe(false);
  });

  test('goes back over a regular expression', () => {
    const steps = stepsOf('content:"a"; pcre:"/[0-9]/R"; content:"b"; within:1;');
    expect(evaluateSteps(steps, inspected('a 1 2 3b'))).toBe(true);
    expect(evaluateSteps(steps, inspected('a 1 2 3 b'))).toBe(false);
  });

  test('a chain of contents matches what a regular expression of the same meaning matches', () => {
    const letter = fc.constantFrom('a', 'b', 'c');
    const link = fc.record({
      letter,
      isNegated: fc.boolean(),
      distance: fc.integer({ min: 0, max: 2 }),
      within: fc.option(fc.integer({ min: 1, max: 3 })),
    });
    const optionsOf = (item: { letter: string; isNegated: boolean; distance: number; within: number | null }) => {
      const within = item.within === null ? '' : ` within:${item.within};`;
      return `content:${item.isNegated ? '!' : ''}"${item.letter}"; distance:${item.distance};${within}`;
    };
    const regexOf = (item: { letter: string; isNegated: boolean; distance: number; within: number | null }) => {
      const most = item.within === null ? '' : item.distance + item.within - 1;
      const regex = `[abc]{${item.distance},${most}}${item.letter}`;
      return item.isNegated ? `(?!${regex})` : regex;
    };
    fc.assert(
      fc.property(
        letter,
        fc.array(link, { maxLength: 5 }),
        fc.array(letter, { maxLength: 16 }),
        (first, links, letters) => {
          const text = letters.join('');
          const steps = stepsOf(`content:"${first}"; ${links.map(optionsOf).join(' ')}`);
          const expected = new RegExp(first + links.map(regexOf).join('')).test(text);
          expect(evaluateSteps(steps, inspected(text))).toBe(expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a chain of distances gives up at once where its last part is missing', () => {
    const steps = stepsOf('content:"a"; content:"b"; distance:0; content:"c"; distance:0; content:"d"; distance:0;');
    const before = evaluationCounters.exhausted;
    expect(evaluateSteps(steps, inspected('abc'.repeat(5000)))).toBe(false);
    expect(evaluationCounters.exhausted).toBe(before);
  });

  test.each([
    ['content:"a"; content:"b"; distance:0; content:"zz"; within:90000;', 'ab---'],
    ['pcre:"/a/"; content:"zz"; distance:0;', 'a----'],
    ['pcre:"/a/"; content:!"b"; distance:0;', 'a---b'],
    ['content:"a"; byte_jump:1,0,relative; content:"zz"; distance:0;', 'a\x01---'],
    ['content:"a"; pcre:"/b.*zz/Rs";', 'ab---'],
    ['content:"a"; content:"b"; within:50; content:"c"; within:2;', 'ab---'],
    ['pcre:"/a[^b]*b/";', 'a----'],
    ['content:"a"; pcre:"/-[^b]*b/R";', 'a----'],
  ])('hostile traffic for %s ends soon', (options, traffic) => {
    // Trying every place from every other one would take longer than any test may.
    expect(evaluateSteps(stepsOf(options), inspected(traffic.repeat(200_000)))).toBe(false);
  });

  test('ends after a fixed number of tries, counts it, and does not match', () => {
    const steps = stepsOf('content:"a"; content:"b"; within:9; content:"c"; within:2;');
    const before = evaluationCounters.exhausted;
    expect(evaluateSteps(steps, inspected(`${'ab---'.repeat(MAX_TRIED_STEPS)}abc`))).toBe(false);
    expect(evaluationCounters.exhausted).toBe(before + 1);
    expect(evaluateSteps(steps, inspected(`${'ab---'.repeat(100)}abc`))).toBe(true);
  });
});

describe('a window of a stream', () => {
  const matches = (options: string, data: string, skippedBytes: number) =>
    evaluateSteps(stepsOf(options), inspected(data, skippedBytes));

  test('depth and offset count from the start of the stream', () => {
    expect(matches('content:"b"; offset:12; depth:1;', 'aab', 10)).toBe(true);
    expect(matches('content:"b"; offset:13; depth:1;', 'aab', 10)).toBe(false);
    expect(matches('content:"b"; depth:3;', 'aab', 0)).toBe(true);
    expect(matches('content:"b"; depth:3;', 'aab', 1)).toBe(false);
    expect(matches('content:"a"; startswith;', 'aab', 1)).toBe(false);
    expect(matches('content:"b"; within:3;', 'aab', 1)).toBe(false);
  });

  test('what has left the window is neither there nor absent', () => {
    expect(matches('content:!"b"; depth:3;', 'aab', 3)).toBe(false);
    expect(matches('content:!"b"; depth:4;', 'aab', 3)).toBe(true);
    expect(matches('byte_test:1,=,97,0;', 'aab', 0)).toBe(true);
    expect(matches('byte_test:1,=,97,0;', 'aab', 1)).toBe(false);
  });
});

describe('regular expressions', () => {
  test('one that reaches its limit does not match, negated or not, and is counted', () => {
    const before = evaluationCounters.regexLimits;
    const payload = 'a'.repeat(60);
    expect(isMatch(ruleOf('pcre:"/^(a|aa)+[bc]/";'), { payload })).toBe(false);
    expect(isMatch(ruleOf('pcre:!"/^(a|aa)+[bc]/";'), { payload })).toBe(false);
    expect(evaluationCounters.regexLimits).toBeGreaterThan(before);
  });
});

describe('Literal', () => {
  test('finds what indexOf finds', () => {
    const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => array.map((byte) => 0x41 + (byte % 3)));
    const pattern = fc
      .uint8Array({ minLength: 1, maxLength: 6 })
      .map((array) => array.map((byte) => 0x41 + (byte % 3)));
    fc.assert(
      fc.property(bytes, pattern, fc.nat(20), fc.boolean(), (data, wanted, start, isCaseless) => {
        const from = Math.min(start, data.length);
        const text = isCaseless ? data.map((byte, i) => (i % 2 === 0 ? byte + 32 : byte)) : data;
        const expected = Buffer.from(data).indexOf(Buffer.from(wanted), from);
        expect(new Literal(wanted, isCaseless).find(text, from, text.length)).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  test('finds patterns longer than a shift can be', () => {
    const wanted = Uint8Array.from({ length: 600 }, (_, i) => i % 251);
    const data = new Uint8Array(4000).fill(7);
    data.set(wanted, 3011);
    expect(new Literal(wanted, false).find(data, 0, data.length)).toBe(3011);
    expect(new Literal(wanted, false).find(data, 0, 3610)).toBe(-1);
  });

  test('finds a pattern that repeats itself in traffic that does too', () => {
    const data = new Uint8Array(100_000).fill(0x61);
    const wanted = new Uint8Array(255).fill(0x61);
    wanted[127] = 0x62;
    for (const isCaseless of [false, true]) {
      const literal = new Literal(wanted, isCaseless);
      expect(literal.find(data, 0, data.length)).toBe(-1);
      const other = data.slice();
      other[90_000] = 0x62;
      expect(literal.find(other, 5, other.length)).toBe(90_000 - 127);
      expect(literal.find(other, 5, 90_000 + 127)).toBe(-1);
      expect(literal.find(other, 5, 90_000 + 128)).toBe(90_000 - 127);
    }
  });

  test('caseless means ASCII letters, and nothing else', () => {
    expect(new Literal(Uint8Array.of(0x5b), true).find(Uint8Array.of(0x7b), 0, 1)).toBe(-1);
    expect(new Literal(Uint8Array.of(0xc4), true).find(Uint8Array.of(0xe4), 0, 1)).toBe(-1);
  });
});
