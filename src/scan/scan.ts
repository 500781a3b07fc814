import type { Patch } from '../patches/catalogue.ts';
import type { Preset } from '../patches/description.ts';
import type { Offer } from '../patches/offer.ts';
import { type AdvisorySource, patchAdvisories } from './advisory.ts';
import { type Finding, findingsOf } from './findings.ts';
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
  /** Beside what the patches themselves say, and believed before it; the strongest first. */
  readonly advisories: readonly AdvisorySource[];
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
  const { patches, offers, preset, advisories, nowMs } = options;
  const startedMs = nowMs();
  const inventory = await takeInventory(fs, options);
  const matches = match(inventory.components, [...advisories, patchAdvisories(patches)]);
  const findings = findingsOf(matches, inventory, offers.values());
  return {
    startedMs,
    durationMs: nowMs() - startedMs,
    preset,
    inventory,
    findings,
    recommendations: recommend(findings, offers, preset),
  };
}
