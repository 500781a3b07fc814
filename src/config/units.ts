const SIZE_UNITS_BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `64KiB`, `1.5MiB`, or a plain number of bytes; undefined for anything else. Always a whole number of bytes. */
export const parseSizeBytes = (value: unknown): number | undefined =>
  typeof value === 'number' ? wholeOrUndefined(value) : parseQuantity(value, SIZE_UNITS_BYTES);

/** `500ms`, `60s`, `5m`, `3h`, `1d`, or 0; undefined for anything else. A number without a unit could mean anything. */
export const parseDurationMs = (value: unknown): number | undefined =>
  value === 0 ? 0 : parseQuantity(value, DURATION_UNITS_MS);

/** In the largest unit that leaves no fraction. */
export function formatSize(bytes: number): string {
  const fitting = Object.entries(SIZE_UNITS_BYTES).findLast(([, factor]) => bytes % factor === 0 && bytes >= factor);
  return fitting === undefined ? String(bytes) : `${bytes / fitting[1]}${fitting[0]}`;
}

function parseQuantity(value: unknown, units: Readonly<Record<string, number>>): number | undefined {
  if (typeof value !== 'string') return undefined;
  const match = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(value);
  if (match === null || !Object.hasOwn(units, match[2]!)) return undefined;
  return wholeOrUndefined(Math.round(Number(match[1]) * units[match[2]!]!));
}

const wholeOrUndefined = (value: number): number | undefined =>
  Number.isSafeInteger(value) && value >= 0 ? value : undefined;
