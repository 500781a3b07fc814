import { resolve } from 'node:path';
import { APP_BUFFERS, APP_PROTOCOLS } from '../app/index.ts';
import { Matcher } from '../base/native/matcher.ts';
import { runAll, type Steps } from '../base/steps.ts';
import type { Config } from '../config/config.ts';
import type { MakeMatcher } from '../detect/pattern-databases.ts';
import { Ruleset } from '../detect/ruleset.ts';
import { parseClassifications } from '../rules/classification.ts';
import { compileRulesInSteps, type RuleObserver } from '../rules/compiler.ts';
import { Countries } from '../rules/countries.ts';
import type { Dataset } from '../rules/dataset.ts';
import { type RuleEnvironment, ruleEnvironment } from '../rules/environment.ts';
import { parseReferences } from '../rules/reference-config.ts';
import { readReputation } from '../rules/reputation.ts';
import type { RuleAction, RuleDiagnostic } from '../rules/rule.ts';
import { parseThresholdConfig } from '../rules/threshold-config.ts';
import { blocks } from '../verdict/judge.ts';
import { PatternCache } from './pattern-cache.ts';
import { keptPathOf, pathOf, type RuleTexts } from './rule-texts.ts';

export interface CompiledRuleset {
  readonly ruleset: Ruleset;
  readonly datasets: ReadonlyMap<string, Dataset>;
  readonly diagnostics: readonly RuleDiagnostic[];
}

/** What became of the rules of a policy, in a form that crosses threads. */
export interface RuleReport {
  readonly loaded: number;
  /** Of those that were loaded; `reject` is every kind of it. */
  readonly byAction: Readonly<Record<'alert' | 'drop' | 'pass' | 'reject', number>>;
  /** Of those that would block, the ones that are held. */
  readonly held: number;
  readonly refused: readonly RuleDiagnostic[];
  readonly warnings: number;
}

export function reportOf({ ruleset, diagnostics }: CompiledRuleset): RuleReport {
  const byAction = { alert: 0, drop: 0, pass: 0, reject: 0 };
  for (const { action } of ruleset.loaded) byAction[isReject(action) ? 'reject' : action]++;
  const refused = diagnostics.filter(({ severity }) => severity === 'error');
  const held = ruleset.loaded.filter(({ action, hold }) => hold !== null && blocks(action)).length;
  return { loaded: ruleset.loaded.length, byAction, held, refused, warnings: diagnostics.length - refused.length };
}

const isReject = (action: RuleAction): action is Extract<RuleAction, `reject${string}`> => action.startsWith('reject');

/** Each thread compiles for itself: a ruleset holds functions, which do not cross threads. */
export function compileRuleset(texts: RuleTexts, config: Config, observe: RuleObserver | null = null): CompiledRuleset {
  const cache = new PatternCache(config.rules.cacheFolder);
  const compiled = runAll(compileRulesetInSteps(texts, config, cache.make, observe));
  cache.save();
  return compiled;
}

/** The same in pieces of some milliseconds, for a thread that has packets to answer meanwhile. */
export function* compileRulesetInSteps(
  texts: RuleTexts,
  config: Config,
  makeMatcher: MakeMatcher = Matcher.compile,
  observe: RuleObserver | null = null,
): Steps<CompiledRuleset> {
  const environment = environmentOf(texts, config);
  yield;
  const { rules, datasets, diagnostics } = yield* compileRulesInSteps(texts.files, environment, observe);
  const ruleset = yield* Ruleset.inSteps(rules, APP_PROTOCOLS, config.rules.actionOrder, makeMatcher);
  return { ruleset, datasets, diagnostics };
}

/** What the rules may refer to. */
export function environmentOf(texts: RuleTexts, { rules, variables, state }: Config): RuleEnvironment {
  const { classification, countries, reference, reputation, threshold } = texts;
  const fileText = (ruleFile: string, name: string): string | null => {
    const beside = texts.named?.[pathOf(ruleFile, name)];
    const inData = rules.dataFolder === null ? undefined : texts.named?.[resolve(rules.dataFolder, name)];
    return beside ?? inData ?? null;
  };
  return ruleEnvironment({
    variables,
    ...(classification !== null && { classifications: parseClassifications(classification).classifications }),
    ...(reference !== null && { references: parseReferences(reference).references }),
    ...(reputation !== null && { reputation: readReputation(reputation.categories, reputation.lists).reputation }),
    ...(countries !== undefined && { countries: new Countries(countries.bytes) }),
    ...(threshold !== null && { thresholds: parseThresholdConfig(threshold, variables).config }),
    fileText,
    keptText: (ruleFile, name) => texts.named?.[keptPathOf(state.folder, name)] ?? fileText(ruleFile, name),
    datasets: rules.datasets,
    buffers: APP_BUFFERS,
  });
}
