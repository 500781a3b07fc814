import { z } from 'zod';

/** What a weakness is in: one entry of the OSV schema's `affected` (https://ossf.github.io/osv-schema/). */
export interface Affected {
  readonly package: { readonly ecosystem: string; readonly name: string };
  readonly ranges: readonly AffectedRange[];
  /** Single versions that are affected beside those in `ranges`. */
  readonly versions: readonly string[];
}

export interface AffectedRange {
  readonly type: (typeof RANGE_TYPES)[number];
  readonly events: readonly RangeEvent[];
}

/** `introduced: "0"` is before every version. */
export type RangeEvent =
  | { readonly introduced: string }
  | { readonly fixed: string }
  | { readonly last_affected: string };

/** OSV also has GIT, whose commits no installed package tells. */
const RANGE_TYPES = ['ECOSYSTEM', 'SEMVER'] as const;

const version = z.string({ error: 'expected a version in quotes' }).min(1, 'expected a version');

const rangeEvent = z.union(
  [
    z.strictObject({ introduced: version }),
    z.strictObject({ fixed: version }),
    z.strictObject({ last_affected: version }),
  ],
  { error: 'expected one of introduced, fixed and last_affected, with a version in quotes' },
);

/** As the files of our patches have it. Advisories of others are read leniently (scan/advisories). */
export const affectedSchema = z
  .strictObject({
    package: z.strictObject({ ecosystem: z.string().min(1), name: z.string().min(1) }),
    ranges: z
      .array(
        z.strictObject({
          type: z.enum(RANGE_TYPES, { error: `expected ${RANGE_TYPES.join(' or ')}` }),
          events: z.tuple([z.strictObject({ introduced: version })]).rest(rangeEvent),
        }),
      )
      .default([]),
    versions: z.array(version).default([]),
  })
  .refine(({ ranges, versions }) => ranges.length + versions.length > 0, 'expected ranges, versions or both');
