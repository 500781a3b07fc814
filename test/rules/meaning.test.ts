import fc from 'fast-check';
import { expect, test } from 'vitest';
import { up } from '../detect/support.ts';
import { fuzzRuns, fuzzTimeMs, SEED } from '../support/fuzz.ts';
import { datagrams, Player } from '../support/play.ts';

/** A condition of a rule, as its documentation has it, and nothing of how vpatch goes about it. */
type Condition =
  | {
      readonly type: 'content';
      readonly text: string;
      readonly isNegated: boolean;
      readonly isCaseless: boolean;
      /** From the buffer's beginning, or behind the last match. */
      readonly place: 'anywhere' | 'fixed' | 'relative';
      readonly skip: number;
      /** Bytes that it must lie in, more than its own length; null: any number. */
      readonly spare: number | null;
      readonly isAtEnd: boolean;
    }
  | { readonly type: 'isdataat'; readonly at: number; readonly isRelative: boolean; readonly isNegated: boolean }
  | {
      readonly type: 'byte_test';
      readonly operator: '<' | '>' | '=';
      readonly value: number;
      readonly at: number;
      readonly isRelative: boolean;
    }
  | { readonly type: 'dsize'; readonly operator: '<' | '>' | ''; readonly bytes: number };

const letters = fc.array(fc.constantFrom('a', 'b', 'A', 'B', 'c'), { minLength: 1, maxLength: 3 });
const condition: fc.Arbitrary<Condition> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('content' as const),
      text: letters.map((list) => list.join('')),
      isNegated: fc.nat(5).map((n) => n === 0),
      isCaseless: fc.boolean(),
      place: fc.constantFrom('anywhere', 'fixed', 'relative'),
      skip: fc.nat(3),
      spare: fc.option(fc.nat(4)),
      isAtEnd: fc.nat(7).map((n) => n === 0),
    }),
  },
  fc.record({
    type: fc.constant('isdataat' as const),
    at: fc.nat(12),
    isRelative: fc.boolean(),
    isNegated: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('byte_test' as const),
    operator: fc.constantFrom('<', '>', '='),
    value: fc.constantFrom(0x41, 0x61, 0x62),
    at: fc.nat(4),
    isRelative: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('dsize' as const),
    operator: fc.constantFrom('<', '>', ''),
    bytes: fc.integer({ min: 1, max: 12 }),
  }),
);
/** One condition looks at the size at most: a rule says it once. */
const conditions = fc
  .array(condition, { minLength: 1, maxLength: 5 })
  .map((list) => list.filter((one, i) => one.type !== 'dsize' || list.findIndex(({ type }) => type === 'dsize') === i));
const payload = fc.array(fc.constantFrom('a', 'b', 'A', 'B', 'c', '-'), { minLength: 1, maxLength: 14 });

/** `style` chooses among the ways to write the same. */
function written(one: Condition, style: number): string {
  switch (one.type) {
    case 'content': {
      const { text, isNegated, place, skip, spare, isCaseless, isAtEnd } = one;
      const bytes = style % 2 === 0 ? text : `|${[...text].map((c) => c.charCodeAt(0).toString(16)).join(' ')}|`;
      const modifiers: string[] = [];
      if (isCaseless) modifiers.push('nocase;');
      if (place === 'fixed' && skip === 0 && spare === 0 && style % 3 === 0) modifiers.push('startswith;');
      else if (place === 'fixed') {
        modifiers.push(`offset:${skip};`);
        if (spare !== null) modifiers.push(`depth:${text.length + spare};`);
      } else if (place === 'relative') {
        modifiers.push(`distance:${skip};`);
        if (spare !== null) modifiers.push(`within:${text.length + spare};`);
      }
      if (isAtEnd) modifiers.push('endswith;');
      if (style % 5 > 2) modifiers.reverse();
      return `content:${isNegated ? '!' : ''}"${bytes}"; ${modifiers.join(style % 7 === 0 ? '' : '  ')}`;
    }
    case 'isdataat':
      return `isdataat:${one.isNegated ? '!' : ''}${one.at}${one.isRelative ? ',relative' : ''};`;
    case 'byte_test':
      return `byte_test:1,${one.operator},${one.value},${one.at}${one.isRelative ? ', relative' : ''};`;
    case 'dsize':
      return `dsize:${one.operator}${one.bytes};`;
    default:
      return one satisfies never;
  }
}

/** Is there a place for each content so that all conditions hold? By trying all of them. */
function holds(list: readonly Condition[], text: string, cursor = 0): boolean {
  const [one, ...rest] = list;
  if (one === undefined) return true;
  if (one.type !== 'content') return isTrue(one, text, cursor) && holds(rest, text, cursor);
  const ends = endsOf(one, text, cursor);
  if (one.isNegated) return ends.length === 0 && holds(rest, text, cursor);
  return ends.some((end) => holds(rest, text, end));
}

function endsOf(one: Extract<Condition, { type: 'content' }>, text: string, cursor: number): number[] {
  const from = one.place === 'anywhere' ? 0 : one.place === 'fixed' ? one.skip : cursor + one.skip;
  const until =
    one.place === 'anywhere' || one.spare === null
      ? text.length
      : Math.min(text.length, from + one.text.length + one.spare);
  const fold = (part: string): string => (one.isCaseless ? part.toLowerCase() : part);
  const ends: number[] = [];
  for (let at = from; at + one.text.length <= until; at++) {
    const end = at + one.text.length;
    if (fold(text.slice(at, end)) === fold(one.text) && (!one.isAtEnd || end === text.length)) ends.push(end);
  }
  return ends;
}

function isTrue(one: Exclude<Condition, { type: 'content' }>, text: string, cursor: number): boolean {
  if (one.type === 'isdataat') {
    return (one.isRelative ? cursor + one.at <= text.length : one.at < text.length) !== one.isNegated;
  }
  const [left, right] =
    one.type === 'dsize'
      ? [text.length, one.bytes]
      : [text.charCodeAt((one.isRelative ? cursor : 0) + one.at), one.value];
  // NaN, where there is no such byte, fits nothing.
  return one.operator === '<' ? left < right : one.operator === '>' ? left > right : left === right;
}

test(
  'a rule means what its conditions say: on datagrams it alerts where they all hold, and nowhere else',
  () => {
    let hits = 0;
    fc.assert(
      fc.property(conditions, fc.nat(1000), fc.array(payload, { minLength: 8, maxLength: 8 }), (list, style, texts) => {
        const options = list.map((one, i) => written(one, style + i)).join(' ');
        const rules = `alert udp any any -> any any (${options} sid:1;)`;
        const player = new Player({ rules });
        for (const [i, text] of texts.map((chars) => chars.join('')).entries()) {
          player.played.alerts = [];
          const [packet] = datagrams([up(text)], { clientPort: 1000 + i });
          player.send(packet!);
          const expected = holds(list, text);
          expect({ options, text, alerts: player.played.alerts }).toEqual({
            options,
            text,
            alerts: expected ? [1] : [],
          });
          if (expected) hits++;
        }
      }),
      { numRuns: fuzzRuns(120), ...SEED },
    );
    expect(hits).toBeGreaterThan(10);
  },
  fuzzTimeMs(60_000),
);
