import { compareDigits, compareLists, compareText } from './text.ts';

/** Versions of Python packages, PEP 440. Null where one is none. */
export function comparePep440(a: string, b: string): number | null {
  const left = parse(a);
  const right = parse(b);
  if (left === null || right === null) return null;
  return (
    compareDigits(left.epoch, right.epoch) ||
    compareLists(left.release, right.release, '0', compareDigits) ||
    left.stage - right.stage ||
    compareDigits(left.preNumber, right.preNumber) ||
    compareOptional(left.post, right.post, -1) ||
    compareOptional(left.dev, right.dev, 1) ||
    compareLocal(left.local, right.local)
  );
}

interface PythonVersion {
  readonly epoch: string;
  readonly release: readonly string[];
  readonly stage: number;
  readonly preNumber: string;
  /** Null: none. */
  readonly post: string | null;
  readonly dev: string | null;
  readonly local: readonly string[];
}

const STAGES: Readonly<Record<string, number>> = { a: 1, alpha: 1, b: 2, beta: 2, c: 3, rc: 3, pre: 3, preview: 3 };
/** A development version of the release itself is before its alpha. */
const BEFORE_PRE_RELEASES = 0;
const RELEASE = 4;

function parse(text: string): PythonVersion | null {
  const groups = FORM.exec(text.trim().toLowerCase())?.groups;
  if (groups === undefined) return null;
  const { epoch = '0', release = '', pre, preNumber = '', postMark, postNumber, post, dev, local } = groups;
  const hasPost = post !== undefined || postMark !== undefined;
  const hasDev = dev !== undefined;
  return {
    epoch,
    release: release.split('.'),
    stage: pre !== undefined ? STAGES[pre]! : !hasPost && hasDev ? BEFORE_PRE_RELEASES : RELEASE,
    preNumber,
    post: hasPost ? (post ?? postNumber ?? '') : null,
    dev: dev ?? null,
    local: local === undefined ? [] : local.split(/[._-]/),
  };
}

const FORM = new RegExp(
  [
    '^v?(?:(?<epoch>\\d+)!)?(?<release>\\d+(?:\\.\\d+)*)',
    '(?:[._-]?(?<pre>alpha|a|beta|b|preview|pre|c|rc)[._-]?(?<preNumber>\\d*))?',
    '(?:-(?<post>\\d+)|[._-]?(?<postMark>post|rev|r)[._-]?(?<postNumber>\\d*))?',
    '(?:[._-]?dev[._-]?(?<dev>\\d*))?',
    '(?:\\+(?<local>[a-z0-9]+(?:[._-][a-z0-9]+)*))?$',
  ].join(''),
);

/** `withoutIs`: where none stands to some, -1 before and 1 behind. */
function compareOptional(a: string | null, b: string | null, withoutIs: number): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? withoutIs : -withoutIs;
  return compareDigits(a, b);
}

/** Numbers are newer than words, and more is newer than less. */
function compareLocal(a: readonly string[], b: readonly string[]): number {
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const isNumberA = /^\d+$/.test(a[at]!);
    const isNumberB = /^\d+$/.test(b[at]!);
    if (isNumberA !== isNumberB) return isNumberA ? 1 : -1;
    const difference = isNumberA ? compareDigits(a[at]!, b[at]!) : compareText(a[at]!, b[at]!);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
