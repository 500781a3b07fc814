import type { Patch } from '../patches/catalogue.ts';
import type { Preset } from '../patches/description.ts';
import type { Finding } from './findings.ts';

/** A patch that this host should have, and why. */
export interface Recommendation {
  readonly patch: string;
  readonly title: string;
  readonly findings: readonly Finding[];
  /** Why a person has to decide; null: it can be applied as it is. */
  readonly decision: string | null;
}

/** The patches for what was found, in the order of the findings. */
export function recommend(findings: readonly Finding[], patches: readonly Patch[], preset: Preset): Recommendation[] {
  const byPatch = new Map<string, Finding[]>();
  for (const finding of findings) {
    for (const id of finding.patches) byPatch.set(id, [...(byPatch.get(id) ?? []), finding]);
  }
  const byId = new Map(patches.map((patch) => [patch.id, patch]));
  return [...byPatch].map(([id, reasons]) => {
    const { description } = byId.get(id)!;
    return {
      patch: id,
      title: description.title,
      findings: reasons,
      decision: description.decision ?? reasonAgainst(reasons, description.presets, preset),
    };
  });
}

function reasonAgainst(findings: readonly Finding[], presets: readonly Preset[], preset: Preset): string | null {
  if (!presets.includes(preset)) return `the preset ${preset} does not have it`;
  if (preset === 'performance' && !findings.some(({ exposure }) => ['network', 'unknown'].includes(exposure.state))) {
    return 'nothing that uses the software listens to the network';
  }
  if (preset !== 'security' && !findings.some(({ isConfirmed }) => isConfirmed)) {
    return 'only the upstream version number speaks for it: the distribution may have mended it';
  }
  return null;
}
