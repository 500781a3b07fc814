import type { Offer } from '../patches/offer.ts';
import type { Enrichment } from './advisories/store.ts';
import { type Exposure, exposureOf } from './exposure.ts';
import type { Component } from './inventory/component.ts';
import type { Inventory } from './inventory/inventory.ts';
import type { AffectedComponent } from './match.ts';

/** One weakness of this host, with what shows it. */
export interface Finding {
  readonly cves: readonly string[];
  readonly title: string;
  readonly component: Component;
  readonly advisory: { readonly id: string; readonly source: string };
  readonly fixed: string | null;
  readonly isConfirmed: boolean;
  readonly cvss: number | null;
  /** Attackers are known to use it: CISA says so, or a patch. */
  readonly isExploited: boolean;
  readonly enrichment: Enrichment | null;
  readonly exposure: Exposure;
  /** Ids of the patches and rules that stop it. None: nothing does that there is. */
  readonly patches: readonly string[];
}

/** The weaknesses, the most urgent first, each once for a place where it is. */
export function findingsOf(
  matches: readonly AffectedComponent[],
  inventory: Inventory,
  offers: Iterable<Offer>,
  enrichments: ReadonlyMap<string, Enrichment>,
): Finding[] {
  const byPlace = new Map<string, Finding>();
  const offersByCve = new Map<string, Offer[]>();
  for (const offer of offers) {
    for (const cve of offer.cves) offersByCve.set(cve, [...(offersByCve.get(cve) ?? []), offer]);
  }
  for (const { component, advisory, cves, fixed, isConfirmed } of matches) {
    const covering = [...new Set(cves.flatMap((cve) => offersByCve.get(cve) ?? []))];
    const enrichment = strongest(cves.flatMap((cve) => enrichments.get(cve) ?? []));
    const finding = {
      cves,
      title: advisory.title,
      component,
      advisory: { id: advisory.id, source: advisory.source },
      fixed,
      isConfirmed,
      cvss: advisory.cvss ?? covering[0]?.cvss ?? null,
      isExploited: (enrichment?.kevAdded ?? null) !== null || covering.some((offer) => offer.isExploited),
      enrichment,
      exposure: exposureOf(component, inventory),
      patches: covering.map(({ id }) => id).sort(),
    };
    // The same installation can have a name in several ecosystems.
    const place = `${component.path ?? component.name} ${finding.cves[0]}`;
    const known = byPlace.get(place);
    if (known === undefined || (!known.isConfirmed && isConfirmed)) byPlace.set(place, finding);
  }
  return [...byPlace.values()].sort(byUrgency);
}

/** Of several weaknesses in one advisory, what is worst. */
function strongest(enrichments: readonly Enrichment[]): Enrichment | null {
  if (enrichments.length === 0) return null;
  const scores = enrichments.flatMap(({ epss }) => epss ?? []);
  return {
    kevAdded: enrichments.find(({ kevAdded }) => kevAdded !== null)?.kevAdded ?? null,
    isRansomware: enrichments.some(({ isRansomware }) => isRansomware),
    epss: scores.length === 0 ? null : Math.max(...scores),
  };
}

const EXPOSURES: readonly Exposure['state'][] = ['network', 'unknown', 'local', 'idle'];

function byUrgency(a: Finding, b: Finding): number {
  return (
    Number(b.isConfirmed) - Number(a.isConfirmed) ||
    Number(b.isExploited) - Number(a.isExploited) ||
    EXPOSURES.indexOf(a.exposure.state) - EXPOSURES.indexOf(b.exposure.state) ||
    (b.enrichment?.epss ?? 0) - (a.enrichment?.epss ?? 0) ||
    (b.cvss ?? 0) - (a.cvss ?? 0) ||
    (a.cves[0]! < b.cves[0]! ? -1 : a.cves[0]! > b.cves[0]! ? 1 : 0) ||
    ((a.component.path ?? '') < (b.component.path ?? '') ? -1 : 1)
  );
}
