import type { Affected, AffectedRange } from '../../patches/affected.ts';

/** A statement on one package, as it is kept: much of it is repeated thousands of times, so keys are short. */
export interface AdvisoryRecord {
  readonly id: string;
  readonly cves: readonly string[];
  readonly ecosystem: string;
  readonly name: string;
  readonly ranges: readonly AffectedRange[];
  readonly versions: readonly string[];
  readonly cvss: number | null;
  readonly title: string;
}

export const affectedOf = ({ ecosystem, name, ranges, versions }: AdvisoryRecord): Affected => ({
  package: { ecosystem, name },
  ranges,
  versions,
});

/** A value of somebody else's JSON: nothing is known of it. */
export type Json = unknown;

export const asObject = (value: Json): Readonly<Record<string, Json>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, Json>) : {};

export const asList = (value: Json): readonly Json[] => (Array.isArray(value) ? (value as Json[]) : []);

export const asText = (value: Json): string => (typeof value === 'string' ? value : '');

export const isCve = (text: string): boolean => /^CVE-\d{4}-\d{4,}$/.test(text);

/** Before every version, and mended in `fixed`; without it, in none. */
export const untilFixed = (fixed: string | null): AffectedRange => ({
  type: 'ECOSYSTEM',
  events: fixed === null ? [{ introduced: '0' }] : [{ introduced: '0' }, { fixed }],
});

const MAX_TITLE_CHARACTERS = 120;
export const shortTitle = (text: string): string => {
  const line = text.trim().split('\n', 1)[0]!;
  return line.length <= MAX_TITLE_CHARACTERS ? line : `${line.slice(0, MAX_TITLE_CHARACTERS)}...`;
};
