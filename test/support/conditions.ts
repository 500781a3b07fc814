import fc from 'fast-check';

/** A condition of a rule, as its documentation has it, and nothing of how vpatch goes about it. */
export type Condition =
  | {
      readonly type: 'content';
      readonly text: string;
      readonly isNegated: boolean;
      readonly isCaseless: boolean;
      /** From the buffer's beginning, or behind the last match. */
      readonly place: 'anywhere' | 'fixed' | 'relative';
      /** Below zero only for what is relative. */
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
  | {
      readonly type: 'byte_jump';
      readonly at: number;
      readonly isRelative: boolean;
      readonly multiplier: number;
      readonly isAligned: boolean;
      readonly from: '' | 'from_beginning' | 'from_end';
      readonly postOffset: number;
    }
  | {
      readonly type: 'pcre';
      readonly pattern: string;
      readonly isCaseless: boolean;
      readonly isRelative: boolean;
      readonly isNegated: boolean;
    }
  | { readonly type: 'size'; readonly operator: '<' | '>' | ''; readonly bytes: number };

/** Means the same to PCRE2 and to JavaScript, in a text of one line. */
const PATTERNS = [
  'a',
  '[ab]c',
  '^a',
  '^[^b]{2}',
  'b?c',
  'a.*c',
  '[0-9]',
  '(ab|ba)+',
  'c$',
  'B|$',
  'a(?=b)',
  '[a-c]{4}',
];

/** `text`: what contents look for. */
export function conditionWith(text: fc.Arbitrary<string>): fc.Arbitrary<Condition> {
  const content = fc.record({
    type: fc.constant('content' as const),
    text,
    isNegated: fc.nat(5).map((n) => n === 0),
    isCaseless: fc.boolean(),
    place: fc.constantFrom('anywhere', 'fixed', 'relative'),
    skip: fc.integer({ min: -3, max: 3 }),
    spare: fc.option(fc.nat(4)),
    isAtEnd: fc.nat(7).map((n) => n === 0),
  });
  return fc.oneof(
    {
      weight: 12,
      arbitrary: content.map((one) => (one.place === 'relative' ? one : { ...one, skip: Math.abs(one.skip) })),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('isdataat' as const),
        at: fc.nat(12),
        isRelative: fc.boolean(),
        isNegated: fc.boolean(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('byte_test' as const),
        operator: fc.constantFrom('<', '>', '='),
        value: fc.constantFrom(0x32, 0x41, 0x61, 0x62),
        at: fc.nat(4),
        isRelative: fc.boolean(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('byte_jump' as const),
        at: fc.nat(4),
        isRelative: fc.boolean(),
        multiplier: fc.constantFrom(1, 1, 3),
        isAligned: fc.nat(3).map((n) => n === 0),
        from: fc.constantFrom('', '', '', 'from_beginning', 'from_end'),
        postOffset: fc.constantFrom(0, 0, -2, 1),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('pcre' as const),
        pattern: fc.constantFrom(...PATTERNS),
        isCaseless: fc.boolean(),
        isRelative: fc.boolean(),
        isNegated: fc.nat(5).map((n) => n === 0),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        type: fc.constant('size' as const),
        operator: fc.constantFrom('<', '>', ''),
        bytes: fc.integer({ min: 1, max: 12 }),
      }),
    },
  );
}

/** One condition looks at the size at most: a rule says it once. */
export const conditionsWith = (text: fc.Arbitrary<string>, maxLength = 5): fc.Arbitrary<Condition[]> =>
  fc
    .array(conditionWith(text), { minLength: 1, maxLength })
    .map((list) => list.filter((one, i) => one.type !== 'size' || list.findIndex(({ type }) => type === 'size') === i));

/** `style` chooses among the ways to write the same. `sizeKeyword`: dsize, or bsize for a buffer. */
export function written(one: Condition, style: number, sizeKeyword = 'dsize'): string {
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
    case 'byte_jump': {
      const { at, isRelative, multiplier, isAligned, from, postOffset } = one;
      const extras = [
        isRelative ? 'relative' : '',
        multiplier > 1 ? `multiplier ${multiplier}` : '',
        isAligned ? 'align' : '',
        from,
        postOffset === 0 ? '' : `post_offset ${postOffset}`,
      ];
      return `byte_jump:${['1', `${at}`, 'string', 'dec', ...extras.filter((extra) => extra !== '')].join(',')};`;
    }
    case 'pcre': {
      const flags = `${one.isCaseless ? 'i' : ''}${one.isRelative ? 'R' : ''}`;
      return `pcre:${one.isNegated ? '!' : ''}"/${one.pattern}/${flags}";`;
    }
    case 'size':
      return `${sizeKeyword}:${one.operator}${one.bytes};`;
    default:
      return one satisfies never;
  }
}

/** Is there a place for each content so that all conditions hold? By trying all of them. */
export function holds(list: readonly Condition[], text: string, cursor = 0): boolean {
  const [one, ...rest] = list;
  if (one === undefined) return true;
  // As in Suricata, "no byte behind this content" is endswith, also of one that must not be there.
  if (one.type === 'content' && isNothingBehind(rest[0])) {
    return holds([{ ...one, isAtEnd: true }, ...rest.slice(1)], text, cursor);
  }
  if (one.type === 'byte_jump') {
    const to = landing(one, text, cursor);
    return to !== null && holds(rest, text, to);
  }
  if (one.type !== 'content' && one.type !== 'pcre') return isTrue(one, text, cursor) && holds(rest, text, cursor);
  const ends = one.type === 'content' ? endsOf(one, text, cursor) : matchEndsOf(one, text, cursor);
  if (one.isNegated) return ends.length === 0 && holds(rest, text, cursor);
  return ends.some((end) => holds(rest, text, end));
}

const isNothingBehind = (one: Condition | undefined): boolean =>
  one?.type === 'isdataat' && one.isRelative && one.isNegated && one.at === 1;

type ConditionOf<Type> = Extract<Condition, { type: Type }>;

function endsOf(one: ConditionOf<'content'>, text: string, cursor: number): number[] {
  const from = one.place === 'anywhere' ? 0 : one.place === 'fixed' ? one.skip : cursor + one.skip;
  const until =
    one.place === 'anywhere' || one.spare === null
      ? text.length
      : Math.min(text.length, from + one.text.length + one.spare);
  const fold = (part: string): string => (one.isCaseless ? part.toLowerCase() : part);
  const ends: number[] = [];
  for (let at = Math.max(0, from); at + one.text.length <= until; at++) {
    const end = at + one.text.length;
    if (fold(text.slice(at, end)) === fold(one.text) && (!one.isAtEnd || end === text.length)) ends.push(end);
  }
  return ends;
}

/** At each place the match that a regular expression prefers there. A relative one sees nothing before the cursor. */
function matchEndsOf({ pattern, isCaseless, isRelative }: ConditionOf<'pcre'>, text: string, cursor: number): number[] {
  const start = isRelative ? cursor : 0;
  const seen = text.slice(start);
  const regex = new RegExp(pattern, isCaseless ? 'iy' : 'y');
  const ends: number[] = [];
  for (let at = 0; at <= seen.length; at++) {
    regex.lastIndex = at;
    const match = regex.exec(seen);
    if (match !== null) ends.push(start + at + match[0].length);
  }
  return ends;
}

/** Null: there is no digit, or it leads beyond the end. */
function landing(one: ConditionOf<'byte_jump'>, text: string, cursor: number): number | null {
  const at = (one.isRelative ? cursor : 0) + one.at;
  const digit = text[at] ?? '';
  if (!/^[0-9]$/.test(digit)) return null;
  const distance = Number(digit) * one.multiplier;
  const aligned = one.isAligned ? Math.ceil(distance / 4) * 4 : distance;
  const base = one.from === 'from_beginning' ? 0 : one.from === 'from_end' ? text.length : at + 1;
  const to = base + aligned + one.postOffset;
  return to > text.length ? null : Math.max(0, to);
}

function isTrue(one: ConditionOf<'isdataat' | 'byte_test' | 'size'>, text: string, cursor: number): boolean {
  if (one.type === 'isdataat') {
    return (one.isRelative ? cursor + one.at <= text.length : one.at < text.length) !== one.isNegated;
  }
  const [left, right] =
    one.type === 'size'
      ? [text.length, one.bytes]
      : [text.charCodeAt((one.isRelative ? cursor : 0) + one.at), one.value];
  // NaN, where there is no such byte, fits nothing.
  return one.operator === '<' ? left < right : one.operator === '>' ? left > right : left === right;
}
