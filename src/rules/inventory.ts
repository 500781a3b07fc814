import type { CompiledRules, Rule, RuleDiagnostic } from './rule.ts';
import type { ListText } from './selection/lists.ts';
import type { RuleChange } from './selection/selector.ts';
import { type SourceRule, sourceRules } from './selection/source-rule.ts';

const RULE_STATES = ['loaded', 'disabled', 'refused', 'left out'] as const;
/**
 * `disabled`: it stands behind a `#`, or a list put it out of force. `refused`: it cannot be loaded, or another rule
 * has its sid. `left out`: it says itself that it is for another version.
 */
export type RuleStatus = (typeof RULE_STATES)[number];

/** A rule of the rule files, whatever became of it. */
export interface KnownRule {
  readonly source: SourceRule;
  /** Null unless it is loaded. */
  readonly rule: Rule | null;
  readonly state: RuleStatus;
  /** Why it is not loaded; null where it is. */
  readonly reason: string | null;
  /** What lists did to it, in this order. */
  readonly changes: readonly RuleChange[];
}

/** Every rule of the files, in their order. Those that are in force and have no readable sid are only diagnostics. */
export function ruleInventory(
  files: readonly ListText[],
  { rules, diagnostics }: CompiledRules,
  changes: readonly RuleChange[],
): KnownRule[] {
  const loaded = new Map(rules.map((rule) => [`${rule.file}:${rule.line}`, rule]));
  const changesAt = grouped(changes, ({ file, line }) => `${file}:${line}`);
  const problemsOf = grouped(diagnostics, ({ file, sid }) => `${file}:${sid}`);
  return files.flatMap(({ file, text }) =>
    sourceRules(file, text).map((source): KnownRule => {
      const place = `${file}:${source.line.line}`;
      const known = { source, changes: changesAt.get(place) ?? [] };
      if (!source.isEnabled) return { ...known, rule: null, state: 'disabled', reason: whyDisabled(known.changes) };
      const rule = loaded.get(place);
      if (rule !== undefined) return { ...known, rule, state: 'loaded', reason: null };
      const problem = problemsOf.get(`${file}:${source.sid}`)?.find((found) => isAbout(found, source));
      if (problem !== undefined) return { ...known, rule: null, state: 'refused', reason: problem.message };
      return { ...known, rule: null, state: 'left out', reason: 'what its "requires" asks for is not there' };
    }),
  );
}

const whyDisabled = (changes: readonly RuleChange[]): string =>
  changes.findLast(({ kind }) => kind === 'disabled' || kind === 'modified')?.reason ?? 'a comment in its file';

/** An error, or that another rule is used instead. */
const isAbout = ({ severity, name, line }: RuleDiagnostic, source: SourceRule): boolean =>
  (severity === 'error' || name === 'duplicate-sid') &&
  line >= source.line.line &&
  line <= source.line.place(source.text.length).line;

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
