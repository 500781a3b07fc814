import { compareDigits } from './text.ts';

/** Versions of PHP packages: as Composer writes them out in full, in the order of PHP's version_compare. */
export function compareComposer(a: string, b: string): number {
  const left = partsOf(a);
  const right = partsOf(b);
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = compareParts(left[at] ?? RELEASE, right[at] ?? RELEASE);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Stands for any number, and for the end, among words. */
const RELEASE = '#';
/** Any other word comes before these. A branch (`dev-main`) is behind every release, as Composer has it. */
const WORDS = ['dev', 'alpha', 'beta', 'rc', RELEASE, 'p'];
const SAME_WORD: Readonly<Record<string, string>> = {
  a: 'alpha',
  b: 'beta',
  c: 'rc',
  pl: 'p',
  patch: 'p',
  stable: RELEASE,
};
const SHORTEST_NUMBERS = 4;
const BRANCH_NUMBER = '9'.repeat(20);

function partsOf(version: string): string[] {
  const text = version.trim().toLowerCase().replace(/\+.*$/, '');
  if (/^dev-/.test(text)) return [BRANCH_NUMBER];
  const parts = text.replace(/^v(?=\d)/, '').match(/\d+|[a-z]+/g) ?? [];
  const firstWord = parts.findIndex((part) => !/^\d/.test(part));
  const numbers = firstWord < 0 ? parts : parts.slice(0, firstWord);
  const words = firstWord < 0 ? [] : parts.slice(firstWord);
  while (numbers.length < SHORTEST_NUMBERS) numbers.push('0');
  return [...numbers, ...words.map((word) => SAME_WORD[word] ?? word)];
}

function compareParts(a: string, b: string): number {
  if (/^\d/.test(a) && /^\d/.test(b)) return compareDigits(a, b);
  // A number behind the end, as in beta2 and beta, is more than nothing.
  if (/^\d/.test(a) && b === RELEASE) return 1;
  if (/^\d/.test(b) && a === RELEASE) return -1;
  return rankOf(a) - rankOf(b);
}

const rankOf = (part: string): number => WORDS.indexOf(/^\d/.test(part) ? RELEASE : part);
