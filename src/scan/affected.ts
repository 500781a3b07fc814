import type { Affected, AffectedRange } from '../patches/affected.ts';
import type { CompareVersions } from './versions/index.ts';

export interface VersionState {
  readonly isAffected: boolean;
  /** The version that mends it, the nearest one; null where none does. */
  readonly fixed: string | null;
}

/**
 * Whether a version is affected: OSV's evaluation (https://ossf.github.io/osv-schema/#evaluation). Null where the
 * version cannot be compared, so that nothing is known.
 */
export function stateOf(
  version: string,
  { ranges, versions }: Affected,
  compare: CompareVersions,
): VersionState | null {
  if (versions.some((affected) => affected === version || compare(version, affected) === 0)) {
    return { isAffected: true, fixed: nearestFix(version, ranges, compare) };
  }
  let isKnown = ranges.length === 0;
  for (const range of ranges) {
    const isInside = isInRange(version, range, compare);
    if (isInside === true) return { isAffected: true, fixed: nearestFix(version, [range], compare) };
    isKnown ||= isInside === false;
  }
  return isKnown ? { isAffected: false, fixed: null } : null;
}

/** The last event that is not beyond the version decides. Null: its events cannot be compared with it. */
function isInRange(version: string, { events }: AffectedRange, compare: CompareVersions): boolean | null {
  const FROM_START = '0';
  const sorted = events
    .map((event) => ({
      event,
      at: 'introduced' in event ? event.introduced : 'fixed' in event ? event.fixed : event.last_affected,
    }))
    .sort((a, b) => (a.at === FROM_START ? -1 : b.at === FROM_START ? 1 : (compare(a.at, b.at) ?? 0)));
  let isInside = false;
  for (const { event, at } of sorted) {
    if (at === FROM_START && 'introduced' in event) {
      isInside = true;
      continue;
    }
    const order = compare(version, at);
    if (order === null) return null;
    if ('introduced' in event) isInside = order >= 0 ? true : isInside;
    else if ('fixed' in event) isInside = order >= 0 ? false : isInside;
    else isInside = order > 0 ? false : isInside;
  }
  return isInside;
}

function nearestFix(version: string, ranges: readonly AffectedRange[], compare: CompareVersions): string | null {
  const later = ranges
    .flatMap(({ events }) => events.flatMap((event) => ('fixed' in event ? [event.fixed] : [])))
    .filter((fixed) => (compare(fixed, version) ?? 0) > 0)
    .sort((a, b) => compare(a, b) ?? 0);
  return later[0] ?? null;
}
