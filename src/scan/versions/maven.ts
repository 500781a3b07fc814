import { compareDigits, compareLists, compareText } from './text.ts';

/**
 * Versions of Java artefacts, after the "Version Order Specification" of Maven's POM reference. Any text has a place.
 */
export function compareMaven(a: string, b: string): number {
  const left = tokensOf(a);
  const right = tokensOf(b);
  return compareLists(left, right, null, (x, y) => compareTokens(x ?? emptyLike(y!), y ?? emptyLike(x!)));
}

interface Token {
  readonly separator: '.' | '-';
  /** Lower case; digits, or a qualifier. */
  readonly text: string;
}

/** Pre-releases, the release itself, and what follows it; other qualifiers are behind these, by the alphabet. */
const QUALIFIERS = ['alpha', 'beta', 'milestone', 'rc', 'snapshot', '', 'sp'];
const SAME_QUALIFIER: Readonly<Record<string, string>> = { cr: 'rc', ga: '', final: '', release: '' };
const SHORT_QUALIFIERS: Readonly<Record<string, string>> = { a: 'alpha', b: 'beta', m: 'milestone' };

function tokensOf(version: string): Token[] {
  const tokens: Token[] = [];
  let separator: Token['separator'] = '.';
  let last: 'digits' | 'word' | 'separator' = 'separator';
  for (const [text] of version
    .trim()
    .toLowerCase()
    .matchAll(/\d+|[._-]|[^\d._-]+/g)) {
    if (/^[._-]$/.test(text)) {
      // Nothing between two separators is a zero.
      if (last === 'separator') tokens.push({ separator, text: '0' });
      separator = text === '.' ? '.' : '-';
      last = 'separator';
      continue;
    }
    const isDigits = /^\d/.test(text);
    // From digits to letters and back counts as a hyphen.
    if (last !== 'separator') separator = '-';
    const previous = tokens.at(-1);
    if (isDigits && last === 'word' && previous !== undefined) {
      const long = SHORT_QUALIFIERS[previous.text];
      if (long !== undefined) tokens[tokens.length - 1] = { ...previous, text: long };
    }
    // 1.foo is 1-foo.
    tokens.push(isDigits ? { separator, text } : { separator: '-', text: SAME_QUALIFIER[text] ?? text });
    last = isDigits ? 'digits' : 'word';
  }
  return withoutTrailingNulls(tokens);
}

/** 1.0.0-foo.0 is 1-foo: zeros and empty qualifiers at the end, and before each hyphen, say nothing. */
function withoutTrailingNulls(tokens: readonly Token[]): Token[] {
  const kept: Token[] = [];
  for (let at = tokens.length - 1; at >= 0; at--) {
    const token = tokens[at]!;
    const follower = kept[0];
    const isAtEnd = follower === undefined || follower.separator === '-';
    if (!(isAtEnd && isNull(token.text) && at > 0)) kept.unshift(token);
  }
  return kept;
}

const isNull = (text: string): boolean => text === '' || /^0+$/.test(text);

/** What a shorter version has where the longer one has `token`. */
const emptyLike = ({ separator, text }: Token): Token => ({ separator, text: /^\d/.test(text) ? '0' : '' });

function compareTokens(a: Token, b: Token): number {
  const isNumberA = /^\d/.test(a.text);
  const isNumberB = /^\d/.test(b.text);
  if (isNumberA && isNumberB) {
    // .1 is behind -1, unless both are nothing.
    if (a.separator !== b.separator) return a.separator === '-' ? -1 : 1;
    return compareDigits(a.text, b.text);
  }
  if (isNumberA !== isNumberB) return isNumberA ? 1 : -1;
  return rankOf(a.text) - rankOf(b.text) || compareText(a.text, b.text);
}

function rankOf(qualifier: string): number {
  const rank = QUALIFIERS.indexOf(qualifier);
  return rank < 0 ? QUALIFIERS.length : rank;
}
