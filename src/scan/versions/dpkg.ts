import { DIGIT_0, DIGIT_9 } from '../../base/ascii.ts';
import { compareDigits } from './text.ts';

/** Versions of Debian and Ubuntu packages: `[epoch:]upstream[-revision]`, deb-version(7). Any text has a place. */
export function compareDpkg(a: string, b: string): number {
  const left = parse(a);
  const right = parse(b);
  return (
    left.epoch - right.epoch ||
    compareParts(left.upstream, right.upstream) ||
    compareParts(left.revision, right.revision)
  );
}

function parse(version: string): { epoch: number; upstream: string; revision: string } {
  const text = version.trim();
  const colon = text.indexOf(':');
  const rest = text.slice(colon + 1);
  const hyphen = rest.lastIndexOf('-');
  return {
    epoch: colon < 0 ? 0 : Number.parseInt(text, 10) || 0,
    upstream: hyphen < 0 ? rest : rest.slice(0, hyphen),
    // No revision is the revision 0.
    revision: hyphen < 0 ? '' : rest.slice(hyphen + 1),
  };
}

/** Runs of other characters and of digits in turn; digits compare as numbers, `~` is before the end of the text. */
function compareParts(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a, i)) || (j < b.length && !isDigit(b, j))) {
      const difference = weight(a, i) - weight(b, j);
      if (difference !== 0) return difference;
      i++;
      j++;
    }
    const iStart = i;
    const jStart = j;
    while (isDigit(a, i)) i++;
    while (isDigit(b, j)) j++;
    const difference = compareDigits(a.slice(iStart, i), b.slice(jStart, j));
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Letters come before everything else that is no digit. */
const NON_LETTER_WEIGHT = 256;

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= DIGIT_0 && code <= DIGIT_9;
}

function weight(text: string, at: number): number {
  const char = text[at];
  if (char === undefined || isDigit(text, at)) return 0;
  if (char === '~') return -1;
  return /[A-Za-z]/.test(char) ? char.charCodeAt(0) : char.charCodeAt(0) + NON_LETTER_WEIGHT;
}
