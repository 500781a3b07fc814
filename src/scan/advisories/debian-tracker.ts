import { type AdvisoryRecord, asObject, asText, isCve, type Json, untilFixed } from './record.ts';

/** https://www.debian.org/releases/ */
const RELEASES: ReadonlyMap<string, string> = new Map([
  ['wheezy', '7'],
  ['jessie', '8'],
  ['stretch', '9'],
  ['buster', '10'],
  ['bullseye', '11'],
  ['bookworm', '12'],
  ['trixie', '13'],
  ['forky', '14'],
]);

/** What the Debian Security Tracker (`/tracker/data/json`) has on one source package. */
export function recordsOfDebian(source: string, json: Json): AdvisoryRecord[] {
  return Object.entries(asObject(json)).flatMap(([cve, entry]) => {
    const { releases, description } = asObject(entry);
    if (!isCve(cve)) return [];
    return Object.entries(asObject(releases)).flatMap(([codename, state]) => {
      const release = RELEASES.get(codename);
      const { status, fixed_version, urgency } = asObject(state);
      if (release === undefined || (status !== 'resolved' && status !== 'open')) return [];
      // A fix in version 0, or a weakness that is none in Debian's packages: never affected.
      const isNever = status === 'resolved' ? asText(fixed_version) === '0' : urgency === 'unimportant';
      const fixed = status === 'resolved' ? asText(fixed_version) : null;
      return [
        {
          id: cve,
          cves: [cve],
          ecosystem: `Debian:${release}`,
          name: source,
          ranges: isNever ? [] : [untilFixed(fixed)],
          versions: [],
          cvss: null,
          title: asText(description).slice(0, 120),
        },
      ];
    });
  });
}
