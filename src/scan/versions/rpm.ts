import { compareDigits, compareText } from './text.ts';

/** Versions of rpm packages: `[epoch:]version[-release]`, rpm-version(7). Any text has a place. */
export function compareRpm(a: string, b: string): number {
  const left = parse(a);
  const right = parse(b);
  return (
    left.epoch - right.epoch ||
    compareSegments(left.version, right.version) ||
    compareSegments(left.release, right.release)
  );
}

function parse(text: string): { epoch: number; version: string; release: string } {
  const [, epoch, version = '', release = ''] = /^(?:(\d*):)?(.*?)(?:-([^-]*))?$/s.exec(text.trim())!;
  return { epoch: Number(epoch ?? 0), version, release };
}

/**
 * Segments of digits and of letters; what is between them only separates. `~` is before the end of the text, `^` is
 * behind it and before anything else.
 */
function compareSegments(a: string, b: string): number {
  if (a === b) return 0;
  let i = 0;
  let j = 0;
  for (;;) {
    i = skipSeparators(a, i);
    j = skipSeparators(b, j);
    if (a[i] === '~' || b[j] === '~') {
      if (a[i] !== b[j]) return a[i] === '~' ? -1 : 1;
      i++;
      j++;
      continue;
    }
    if (a[i] === '^' || b[j] === '^') {
      if (a[i] === b[j]) {
        i++;
        j++;
        continue;
      }
      if (i >= a.length) return -1;
      if (j >= b.length) return 1;
      return a[i] === '^' ? -1 : 1;
    }
    if (i >= a.length || j >= b.length) break;

    const isNumber = /\d/.test(a[i]!);
    const left = segmentAt(a, i, isNumber);
    const right = segmentAt(b, j, isNumber);
    // A number is newer than letters.
    if (right === '') return isNumber ? 1 : -1;
    const difference = isNumber ? compareDigits(left, right) : compareText(left, right);
    if (difference !== 0) return difference;
    i += left.length;
    j += right.length;
  }
  return (i < a.length ? 1 : 0) - (j < b.length ? 1 : 0);
}

function skipSeparators(text: string, from: number): number {
  let at = from;
  while (at < text.length && !/[A-Za-z0-9~^]/.test(text[at]!)) at++;
  return at;
}

function segmentAt(text: string, from: number, isNumber: boolean): string {
  const pattern = isNumber ? /\d/ : /[A-Za-z]/;
  let at = from;
  while (at < text.length && pattern.test(text[at]!)) at++;
  return text.slice(from, at);
}
