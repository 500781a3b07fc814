import type { Patch } from '../patches/catalogue.ts';
import type { Preset } from '../patches/description.ts';
import type { Offer } from '../patches/offer.ts';
import type { Enrichment } from './advisories/store.ts';
import { type AdvisorySource, packageKey, patchAdvisories } from './advisory.ts';
import { upstreamName } from './ecosystem.ts';
import { type Finding, findingsOf } from './findings.ts';
import type { Component } from './inventory/component.ts';
import { type Inventory, takeInventory } from './inventory/inventory.ts';
import type { WalkOptions } from './inventory/walk.ts';
import { match } from './match.ts';
import { type Recommendation, recommend } from './recommend.ts';
import type { RootFs } from './root-fs.ts';

export interface ScanOptions extends WalkOptions {
  readonly patches: readonly Patch[];
  /** What can be recommended: the patches, and rules of other sets. By id. */
  readonly offers: ReadonlyMap<string, Offer>;
  readonly preset: Preset;
  /** Beside what the patches themselves say, and believed before it. */
  readonly knowledge: Knowledge;
}

export interface Knowledge {
  /** What is known of packages, by `packageKey`. */
  advisories(wanted: ReadonlySet<string>): Promise<AdvisorySource>;
  enrichments(cves: ReadonlySet<string>): Promise<ReadonlyMap<string, Enrichment>>;
}

export interface ScanResult {
  readonly startedMs: number;
  readonly durationMs: number;
  readonly preset: Preset;
  readonly inventory: Inventory;
  readonly findings: readonly Finding[];
  readonly recommendations: readonly Recommendation[];
}

/** What is installed under `fs`, which of it is vulnerable, and which patches it should have. */
export async function scan(fs: RootFs, options: ScanOptions): Promise<ScanResult> {
  const { patches, offers, preset, knowledge, nowMs } = options;
  const startedMs = nowMs();
  const inventory = await takeInventory(fs, options);
  const imported = await knowledge.advisories(keysOf(inventory.components));
  const matches = match(inventory.components, [imported, patchAdvisories(patches)]);
  const enrichments = await knowledge.enrichments(new Set(matches.flatMap(({ cves }) => cves)));
  const findings = findingsOf(matches, inventory, offers.values(), enrichments);
  return {
    startedMs,
    durationMs: nowMs() - startedMs,
    preset,
    inventory,
    findings,
    recommendations: recommend(findings, offers, preset),
  };
}

/** A distribution's package is looked up under upstream's name too. */
const keysOf = (components: readonly Component[]): Set<string> =>
  new Set(
    components.flatMap(({ ecosystem, name }) => [
      packageKey(ecosystem, name),
      packageKey('Bitnami', upstreamName(name)),
    ]),
  );
