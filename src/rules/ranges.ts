/** Numbers from `first` to `last`, both included. */
export interface Range<N extends number | bigint> {
  readonly first: N;
  readonly last: N;
}

/** Ascending, disjoint ranges with the same members; neighbours are joined. */
export function normalised<N extends number | bigint>(ranges: readonly Range<N>[], next: (value: N) => N): Range<N>[] {
  const sorted = [...ranges].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const result: Range<N>[] = [];
  for (const range of sorted) {
    const before = result.at(-1);
    if (before === undefined || range.first > next(before.last)) result.push(range);
    else if (range.last > before.last) result[result.length - 1] = { first: before.first, last: range.last };
  }
  return result;
}

/** What is in `from` and not in `removed`. Both are normalised, and so is the result. */
export function difference<N extends number | bigint>(
  from: readonly Range<N>[],
  removed: readonly Range<N>[],
  next: (value: N) => N,
  previous: (value: N) => N,
): Range<N>[] {
  const result: Range<N>[] = [];
  for (const range of from) {
    let first = range.first;
    let isConsumed = false;
    for (const gap of removed) {
      if (gap.last < first) continue;
      if (gap.first > range.last) break;
      if (gap.first > first) result.push({ first, last: previous(gap.first) });
      if (gap.last >= range.last) {
        isConsumed = true;
        break;
      }
      first = next(gap.last);
    }
    if (!isConsumed) result.push({ first, last: range.last });
  }
  return result;
}
