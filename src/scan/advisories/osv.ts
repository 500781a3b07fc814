import type { AffectedRange, RangeEvent } from '../../patches/affected.ts';
import { cvssScore } from './cvss.ts';
import { type AdvisoryRecord, asList, asObject, asText, isCve, type Json, shortTitle } from './record.ts';

/** One OSV document (https://ossf.github.io/osv-schema/). Withdrawn ones say nothing. */
export function recordsOfOsv(json: Json): AdvisoryRecord[] {
  const document = asObject(json);
  const id = asText(document.id);
  if (id === '' || asText(document.withdrawn) !== '') return [];
  const named = [id, ...asList(document.aliases), ...asList(document.upstream)].flatMap((name) => cveIn(asText(name)));
  const cves = named.length > 0 ? [...new Set(named)] : [id];
  const title = shortTitle(asText(document.summary) || asText(document.details));
  const scores = asList(document.severity).flatMap((entry) => cvssScore(asText(asObject(entry).score)) ?? []);
  const cvss = scores.length === 0 ? null : Math.max(...scores);

  return asList(document.affected).flatMap((entry) => {
    const affected = asObject(entry);
    const { ecosystem, name } = asObject(affected.package);
    if (asText(ecosystem) === '' || asText(name) === '') return [];
    const ranges = asList(affected.ranges).flatMap(rangeOf);
    // Where there are ranges, the list repeats them.
    const versions =
      ranges.length > 0
        ? []
        : asList(affected.versions)
            .map(asText)
            .filter((text) => text !== '');
    if (ranges.length + versions.length === 0) return [];
    return [{ id, cves, ecosystem: asText(ecosystem), name: asText(name), ranges, versions, cvss, title }];
  });
}

/** `DEBIAN-CVE-2021-44228` and `UBUNTU-CVE-...` are about that CVE. */
const cveIn = (name: string): string[] => [/CVE-\d{4}-\d{4,}$/.exec(name)?.[0] ?? ''].filter(isCve);

function rangeOf(json: Json): AffectedRange[] {
  const { type, events } = asObject(json);
  if (type !== 'ECOSYSTEM' && type !== 'SEMVER') return [];
  const known = asList(events).flatMap((entry): RangeEvent[] => {
    const { introduced, fixed, last_affected } = asObject(entry);
    if (typeof introduced === 'string') return [{ introduced }];
    if (typeof fixed === 'string') return [{ fixed }];
    return typeof last_affected === 'string' ? [{ last_affected }] : [];
  });
  return known.length === 0 ? [] : [{ type, events: known }];
}
