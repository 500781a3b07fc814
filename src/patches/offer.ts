import type { Patch } from './catalogue.ts';
import { PRESETS, type Preset } from './description.ts';
import type { RuleEntry } from './rule-entry.ts';

/** What a policy can assign: a patch of the catalogue, or a single rule of another rule set. */
export interface Offer {
  /** `cve-2021-44228`, or `gid:sid`. */
  readonly id: string;
  readonly title: string;
  readonly cves: readonly string[];
  readonly presets: readonly Preset[];
  /** Why a person has to decide; null: it can be applied as it is. */
  readonly decision: string | null;
  /** Null: a rule does not say. */
  readonly cvss: number | null;
  readonly isExploited: boolean;
  /** With the rules that set what these ask for. */
  readonly rules: readonly RuleEntry[];
}

/** Nothing is known of what a rule of others costs, so it is in no preset that promises to be cheap. */
const PRESETS_OF_RULES = PRESETS.filter((preset) => preset !== 'performance');

/** Patches, and rules of other sets that name a CVE. By id; the first of an id is kept. */
export function offersOf(patches: readonly Patch[], ruleSets: readonly RuleEntry[][]): ReadonlyMap<string, Offer> {
  const offers = new Map<string, Offer>();
  for (const { id, description, rules } of patches) {
    const { title, cves, presets, decision = null, cvss, exploited } = description;
    offers.set(id, { id, title, cves, presets, decision, cvss, isExploited: exploited, rules });
  }
  for (const entries of ruleSets) {
    const setters = settersIn(entries);
    for (const entry of entries) {
      const id = `${entry.gid}:${entry.sid}`;
      if (entry.cves.length === 0 || entry.action === 'pass' || offers.has(id)) continue;
      const rules = withSetters(entry, setters);
      const { message: title, cves } = entry;
      offers.set(id, {
        id,
        title,
        cves,
        presets: PRESETS_OF_RULES,
        decision: null,
        cvss: null,
        isExploited: false,
        rules,
      });
    }
  }
  return offers;
}

function settersIn(entries: readonly RuleEntry[]): ReadonlyMap<string, readonly RuleEntry[]> {
  const setters = new Map<string, RuleEntry[]>();
  for (const entry of entries) {
    for (const name of entry.sets) setters.set(name, [...(setters.get(name) ?? []), entry]);
  }
  return setters;
}

/** The rules that set what a rule asks for, and what those ask for. */
function withSetters(entry: RuleEntry, setters: ReadonlyMap<string, readonly RuleEntry[]>): RuleEntry[] {
  const rules = new Set([entry]);
  for (const rule of rules)
    for (const name of rule.needs) for (const setter of setters.get(name) ?? []) rules.add(setter);
  return [...rules];
}
