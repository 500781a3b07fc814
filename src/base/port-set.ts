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
    const bits = new Uint8Array(PORTS);
    if (includes.length === 0) bits.fill(1);
    for (const [first, last] of includes) bits.fill(1, first, last + 1);
    for (const [first, last] of excludes) bits.fill(0, first, last + 1);
    const ranges = rangesOf(bits);
    const isAny = ranges.length === 1 && ranges[0]![0] === 0 && ranges[0]![1] === PORTS - 1;
    return isAny ? ANY : new PortBits(ranges);
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

/** One bit a port: 8 KiB, and no search. */
class PortBits implements PortSet {
  readonly isAny = false;
  readonly ranges: readonly PortRange[];
  readonly #bits = new Uint32Array(PORTS / 32);

  constructor(ranges: readonly PortRange[]) {
    this.ranges = ranges;
    for (const [first, last] of ranges) {
      for (let port = first; port <= last; port++) this.#bits[port >>> 5]! |= 1 << (port & 31);
    }
  }

  contains(port: number): boolean {
    return (this.#bits[port >>> 5]! & (1 << (port & 31))) !== 0;
  }
}

const ANY: PortSet = { isAny: true, contains: () => true, ranges: [[0, PORTS - 1]] };

function rangesOf(members: Uint8Array): PortRange[] {
  const ranges: PortRange[] = [];
  let at = members.indexOf(1);
  while (at >= 0) {
    const end = members.indexOf(0, at);
    ranges.push([at, (end < 0 ? PORTS : end) - 1]);
    at = end < 0 ? -1 : members.indexOf(1, end);
  }
  return ranges;
}
