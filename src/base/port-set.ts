/** A set of ports. Nobody changes it. */
export interface PortSet {
  readonly isAny: boolean;
  contains(port: number): boolean;
  /** Every port in it, ascending ranges [first, last]. */
  readonly ranges: readonly PortRange[];
}

/** [first, last], both included. */
export type PortRange = readonly [number, number];

export const PortSet = {
  get any(): PortSet {
    return ANY;
  },

  /** What is in `includes` (every port, where that is empty) and not in `excludes`. */
  of(includes: readonly PortRange[], excludes: readonly PortRange[] = []): PortSet {
    const ranges = without(united(includes.length === 0 ? ANY.ranges : includes), united(excludes));
    const isAny = ranges.length === 1 && ranges[0]![0] === 0 && ranges[0]![1] === PORTS - 1;
    return isAny ? ANY : new SomePorts(ranges);
  },
} as const;

/** `80`, `1024:`, `:1023`, `8000:8100`; null for anything else. */
export function parsePortRange(text: string): PortRange | null {
  const match = /^(\d{1,5})?(:)?(\d{1,5})?$/.exec(text.trim());
  if (match === null || (match[1] === undefined && match[3] === undefined)) return null;
  const first = match[1] === undefined ? 0 : Number(match[1]);
  const last = match[3] !== undefined ? Number(match[3]) : match[2] === undefined ? first : PORTS - 1;
  return first <= last && last < PORTS ? [first, last] : null;
}

const PORTS = 0x1_0000;

class SomePorts implements PortSet {
  readonly isAny = false;
  readonly ranges: readonly PortRange[];

  constructor(ranges: readonly PortRange[]) {
    this.ranges = ranges;
  }

  contains(port: number): boolean {
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.ranges[middle]![1] < port) low = middle + 1;
      else high = middle;
    }
    return low < this.ranges.length && this.ranges[low]![0] <= port;
  }
}

const ANY: PortSet = { isAny: true, contains: () => true, ranges: [[0, PORTS - 1]] };

/** Ascending, and those that overlap or touch are one. */
function united(ranges: readonly PortRange[]): PortRange[] {
  const result: PortRange[] = [];
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const before = result.at(-1);
    if (before === undefined || before[1] + 1 < first) result.push([first, last]);
    else if (before[1] < last) result[result.length - 1] = [before[0], last];
  }
  return result;
}

/** Both as `united` makes them. */
function without(ranges: readonly PortRange[], excluded: readonly PortRange[]): PortRange[] {
  const result: PortRange[] = [];
  let at = 0;
  for (const [first, last] of ranges) {
    let next = first;
    while (at < excluded.length && excluded[at]![1] < first) at++;
    for (let i = at; i < excluded.length && excluded[i]![0] <= last; i++) {
      if (excluded[i]![0] > next) result.push([next, excluded[i]![0] - 1]);
      next = excluded[i]![1] + 1;
    }
    if (next <= last) result.push([next, last]);
  }
  return result;
}
