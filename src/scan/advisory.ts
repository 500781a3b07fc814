import type { Affected } from '../patches/affected.ts';
import type { Patch } from '../patches/catalogue.ts';

/** One statement of which versions of a package have a weakness. */
export interface Advisory {
  /** As its maker calls it: `CVE-2021-44228`, `GHSA-...`, `DSA-...`. */
  readonly id: string;
  /** The weaknesses; where it has no CVE, its own id. */
  readonly cves: readonly string[];
  readonly affected: Affected;
  /** Who says so, for people: `patch cve-2021-44228`, `OSV`, `Debian`. */
  readonly source: string;
  readonly cvss: number | null;
  readonly title: string;
}

/** What is known of weaknesses, by package. */
export interface AdvisorySource {
  /** Names are compared without regard to case. */
  about(family: string, name: string): readonly Advisory[];
  /** It has all that a distribution says of a release, so that silence means "not affected". */
  isComplete(ecosystem: string): boolean;
}

/** What the patches themselves say of whom they concern. */
export function patchAdvisories(patches: readonly Patch[]): AdvisorySource {
  const byPackage = new Map<string, Advisory[]>();
  for (const { id, description } of patches) {
    for (const affected of description.affected) {
      const key = packageKey(affected.package.ecosystem, affected.package.name);
      const advisory = {
        id: description.cves[0]!,
        cves: description.cves,
        affected,
        source: `patch ${id}`,
        cvss: description.cvss,
        title: description.title,
      };
      byPackage.set(key, [...(byPackage.get(key) ?? []), advisory]);
    }
  }
  return {
    about: (family, name) => byPackage.get(packageKey(family, name)) ?? [],
    isComplete: () => false,
  };
}

/** Advisories of all releases of a distribution are together. */
export const packageKey = (ecosystem: string, name: string): string =>
  `${ecosystem.split(':', 1)[0]!} ${name.toLowerCase()}`;
