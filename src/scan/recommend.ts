import type { Preset } from '../patches/description.ts';
import type { Offer } from '../patches/offer.ts';
import type { Choice } from '../patches/policy.ts';
import type { Finding } from './findings.ts';

/** A patch, or a rule, that this host should have, and why. */
export interface Recommendation {
  readonly offer: Offer;
  readonly findings: readonly Finding[];
  /** Why a person has to decide; null: it can be applied as it is. */
  readonly decision: string | null;
}

/** What stops the use of what was found, in the order of the findings. */
export function recommend(
  findings: readonly Finding[],
  offers: ReadonlyMap<string, Offer>,
  preset: Preset,
): Recommendation[] {
  const byOffer = new Map<string, Finding[]>();
  for (const finding of findings) {
    for (const id of finding.patches) byOffer.set(id, [...(byOffer.get(id) ?? []), finding]);
  }
  return [...byOffer].map(([id, reasons]) => {
    const offer = offers.get(id)!;
    return { offer, findings: reasons, decision: offer.decision ?? reasonAgainst(reasons, offer.presets, preset) };
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

/** What a policy gets: all that nobody has to decide on, with the reasons. */
export const choicesOf = (recommendations: readonly Recommendation[]): Choice[] =>
  recommendations
    .filter(({ decision }) => decision === null)
    .map(({ offer: { id }, findings }) => ({ id, because: [...new Set(findings.map(reasonText))] }));

const reasonText = ({ component: { name, version, path } }: Finding): string =>
  `${name} ${version}${path === null ? '' : ` in ${path}`}`;
