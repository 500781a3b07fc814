import { compareDigits, compareLists, compareText } from './text.ts';

/**
 * Versions of Alpine packages: `1.2.3b_rc1_p2-r4`, in the order of `apk version`. Null where one is none, as apk
 * refuses it.
 */
export function compareApk(a: string, b: string): number | null {
  const left = parse(a);
  const right = parse(b);
  if (left === null || right === null) return null;
  return (
    compareNumbers(left.numbers, right.numbers) ||
    compareText(left.letter, right.letter) ||
    compareLists(left.suffixes, right.suffixes, NO_SUFFIX, compareSuffixes) ||
    (left.revision === '' ? 0 : 1) - (right.revision === '' ? 0 : 1) ||
    compareDigits(left.revision, right.revision)
  );
}

interface ApkVersion {
  readonly numbers: readonly string[];
  /** One letter behind the numbers, or none. */
  readonly letter: string;
  readonly suffixes: readonly Suffix[];
  /** Empty: none, which is before the first. */
  readonly revision: string;
}

interface Suffix {
  readonly rank: number;
  readonly number: string;
}

/** Before the release itself, then behind it. */
const SUFFIXES = ['alpha', 'beta', 'pre', 'rc', '', 'cvs', 'svn', 'git', 'hg', 'p'];
const NO_SUFFIX: Suffix = { rank: SUFFIXES.indexOf(''), number: '' };

function parse(text: string): ApkVersion | null {
  const match = FORM.exec(text.trim());
  if (match === null) return null;
  const [, numbers = '', letter = '', suffixes = '', revision = ''] = match;
  return {
    numbers: numbers.split('.'),
    letter,
    suffixes: Array.from(suffixes.matchAll(/_([a-z]+)(\d*)/g), ([, name = '', number = '']) => ({
      rank: SUFFIXES.indexOf(name),
      number,
    })),
    revision,
  };
}

/** `~` and hexadecimal digits name a commit, and have no order. */
const FORM = /^(\d+(?:\.\d+)*)([a-z]?)((?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)\d*)*)(?:~[0-9a-f]+)?(?:-r(\d+))?$/;

/** The first is a number. In those behind it, a leading zero makes it a fraction: 1.02 is before 1.1. */
function compareNumbers(a: readonly string[], b: readonly string[]): number {
  const first = compareDigits(a[0]!, b[0]!);
  if (first !== 0) return first;
  for (let at = 1; at < Math.min(a.length, b.length); at++) {
    const left = a[at]!;
    const right = b[at]!;
    const isFraction = left.startsWith('0') || right.startsWith('0');
    const difference = isFraction ? compareText(left, right) : compareDigits(left, right);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

const compareSuffixes = (a: Suffix, b: Suffix): number => a.rank - b.rank || compareDigits(a.number, b.number);
