import type { ListText } from './selection/lists.ts';
import { type SourceRule, sourceRules } from './selection/source-rule.ts';

/** What is another in a new rule set, rule by rule; `changed` are those with another text. */
export interface RuleDifferences {
  readonly added: readonly SourceRule[];
  readonly changed: readonly SourceRule[];
  readonly removed: readonly SourceRule[];
  readonly enabled: readonly SourceRule[];
  readonly disabled: readonly SourceRule[];
}

/** Compares what is in the files, the lists applied. A rule that is there twice counts as its higher revision. */
export function compareRules(before: readonly ListText[], after: readonly ListText[]): RuleDifferences {
  const old = rulesById(before);
  const now = rulesById(after);
  const both = [...now].flatMap(([id, rule]) => (old.has(id) ? [{ rule, was: old.get(id)! }] : []));
  return {
    added: [...now].flatMap(([id, rule]) => (old.has(id) ? [] : [rule])),
    changed: both.filter(({ rule, was }) => rule.text !== was.text).map(({ rule }) => rule),
    removed: [...old].flatMap(([id, rule]) => (now.has(id) ? [] : [rule])),
    enabled: both.filter(({ rule, was }) => rule.isEnabled && !was.isEnabled).map(({ rule }) => rule),
    disabled: both.filter(({ rule, was }) => !rule.isEnabled && was.isEnabled).map(({ rule }) => rule),
  };
}

function rulesById(files: readonly ListText[]): ReadonlyMap<string, SourceRule> {
  const rules = new Map<string, SourceRule>();
  for (const { file, text } of files) {
    for (const rule of sourceRules(file, text)) {
      const id = `${rule.gid}:${rule.sid}`;
      const known = rules.get(id);
      if (known === undefined || rule.rev > known.rev || (rule.isEnabled && !known.isEnabled)) rules.set(id, rule);
    }
  }
  return rules;
}
