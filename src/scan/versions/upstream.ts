import { compareDigits, compareLists, compareText } from './text.ts';

/**
 * Version numbers as the makers of servers choose them, without a common scheme: `2.4.49`, `1.0.1f`, `7.2p2`,
 * `8.0.0RC1`, `13.8.8-ee`. Numbers by value; words that announce a release come before it, other letters behind it.
 */
export const compareUpstream = (a: string, b: string): number => compareLists(partsOf(a), partsOf(b), '', compareParts);

const partsOf = (version: string): string[] =>
  version
    .toLowerCase()
    .replace(/^v(?=\d)/, '')
    .match(/\d+|[a-z]+/g) ?? [];

const ANNOUNCING = ['dev', 'snapshot', 'nightly', 'alpha', 'beta', 'milestone', 'preview', 'pre', 'rc'];

function compareParts(a: string, b: string): number {
  const difference = kindOf(a) - kindOf(b);
  if (difference !== 0) return difference;
  if (/^\d*$/.test(a)) return compareDigits(a, b);
  return ANNOUNCING.indexOf(a) - ANNOUNCING.indexOf(b) || compareText(a, b);
}

/** An announcement, the end or a zero, other letters, a number. */
function kindOf(part: string): number {
  if (/^0*$/.test(part)) return 1;
  if (/^\d/.test(part)) return 3;
  return ANNOUNCING.includes(part) ? 0 : 2;
}
