import { compareDigits, compareLists, compareText } from './text.ts';

/** Versions of Ruby gems, as Gem::Version has them. Null where one is none. */
export function compareRubygems(a: string, b: string): number | null {
  if (!FORM.test(a) || !FORM.test(b)) return null;
  return compareLists(segmentsOf(a), segmentsOf(b), '0', compareSegments);
}

const FORM = /^\s*(?:\d+(?:\.[0-9a-zA-Z]+)*(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?)?\s*$/;

/** A hyphen begins a pre-release. Zeros at the end, and before the first letters, say nothing. */
function segmentsOf(version: string): string[] {
  const segments = version.replaceAll('-', '.pre.').match(/\d+|[a-zA-Z]+/g) ?? [];
  const firstWord = segments.findIndex((segment) => !/^\d/.test(segment));
  const split = firstWord < 0 ? segments.length : firstWord;
  return [...withoutZerosAtEnd(segments.slice(0, split)), ...withoutZerosAtEnd(segments.slice(split))];
}

function withoutZerosAtEnd(segments: readonly string[]): string[] {
  let end = segments.length;
  while (end > 0 && /^0+$/.test(segments[end - 1]!)) end--;
  return segments.slice(0, end);
}

/** Letters are a pre-release: before any number, and so before the end. */
function compareSegments(a: string, b: string): number {
  const isNumberA = /^\d/.test(a);
  const isNumberB = /^\d/.test(b);
  if (isNumberA !== isNumberB) return isNumberA ? 1 : -1;
  return isNumberA ? compareDigits(a, b) : compareText(a, b);
}
