/** In the order of code units, which for ASCII is that of the ecosystems' own tools. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Whole numbers of any length, leading zeros or not. */
export function compareDigits(a: string, b: string): number {
  const left = a.replace(/^0+/, '');
  const right = b.replace(/^0+/, '');
  return left.length - right.length || compareText(left, right);
}

/** The first difference of two lists, the shorter one filled up with `filler`. */
export function compareLists<T>(
  a: readonly T[],
  b: readonly T[],
  filler: T,
  compare: (left: T, right: T) => number,
): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const difference = compare(a[at] ?? filler, b[at] ?? filler);
    if (difference !== 0) return difference;
  }
  return 0;
}
