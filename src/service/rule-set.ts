import { resolve } from 'node:path';
import { APP_BUFFERS, APP_PROTOCOLS } from '../app/index.ts';
import { Matcher } from '../base/native/matcher.ts';
import { runAll, type Steps } from '../base/steps.ts';
import type { Config } from '../config/config.ts';
import { type Arrangement, arrange } from '../detect/arrangement.ts';
import { type MatcherOf, PatternDatabases, type SerializedDatabases } from '../detect/pattern-databases.ts';
import { Ruleset } from '../detect/ruleset.ts';
import { parseClassifications } from '../rules/classification.ts';
import { compileRules, type RuleObserver } from '../rules/compiler.ts';
import { Countries } from '../rules/countries.ts';
import type { Dataset } from '../rules/dataset.ts';
import { DeferredRules } from '../rules/deferred-rules.ts';
import { type RuleEnvironment, ruleEnvironment } from '../rules/environment.ts';
import { parseReferences } from '../rules/reference-config.ts';
import { readReputation } from '../rules/reputation.ts';
import type { CompiledRules, Rule, RuleAction, RuleDiagnostic } from '../rules/rule.ts';
import { parseThresholdConfig } from '../rules/threshold-config.ts';
import { blocks } from '../verdict/judge.ts';
import { RuleImage } from './rule-image.ts';
import { keptPathOf, pathOf, type RuleTexts } from './rule-texts.ts';

/** Rules that packets can be held against. */
export interface LoadedRuleset {
  readonly ruleset: Ruleset;
  readonly datasets: ReadonlyMap<string, Dataset>;
}

/** Rules that are made as they are needed. */
export interface ImageRuleset extends LoadedRuleset {
  /** The pattern searches of its rules by their keys, for the rules that follow them. */
  readonly matchers: ReadonlyMap<string, Matcher>;
}

/** Rules that were compiled here, all of them. */
export interface CompiledRuleset extends LoadedRuleset, CompiledRules {
  readonly arrangement: Arrangement;
  readonly databases: PatternDatabases;
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

/** What became of the rules, for people. */
export function reportOf({ rules, diagnostics }: CompiledRules): RuleReport {
  const byAction = { alert: 0, drop: 0, pass: 0, reject: 0 };
  for (const { action } of rules) byAction[isReject(action) ? 'reject' : action]++;
  const refused = diagnostics.filter(({ severity }) => severity === 'error');
  const held = rules.filter(({ action, hold }) => hold !== null && blocks(action)).length;
  return { loaded: rules.length, byAction, held, refused, warnings: diagnostics.length - refused.length };
}

const isReject = (action: RuleAction): action is Extract<RuleAction, `reject${string}`> => action.startsWith('reject');

/** `known`: databases of patterns that need not be compiled again. */
export function compileRuleset(
  texts: RuleTexts,
  config: Config,
  observe: RuleObserver | null = null,
  known?: SerializedDatabases,
): CompiledRuleset {
  const compiled = compileRules(texts.files, environmentOf(texts, config), observe);
  const databases = new PatternDatabases(known);
  const arrangement = runAll(arrange(compiled.rules, APP_PROTOCOLS, config.rules.actionOrder, databases));
  const loaded = { at: (index: number): Rule => compiled.rules[index]! };
  const ruleset = runAll(Ruleset.arranged(arrangement, loaded, databases.matcher));
  return { ...compiled, ruleset, arrangement, databases };
}

export const imageOf = (compiled: CompiledRuleset): RuleImage =>
  RuleImage.of({
    report: reportOf(compiled),
    places: compiled.rules,
    dataUsers: compiled.dataUsers,
    datasets: [...compiled.datasets.keys()],
    arrangement: compiled.arrangement,
    databases: compiled.databases.serialize(),
  });

/**
 * What the image is of, in pieces of some milliseconds, for a thread that has packets to answer meanwhile. Of `texts`,
 * what rules refer to must be that of the image; the rules themselves are not read. Throws MatcherError for an image of
 * another processor. `known` are searches of this thread, which are taken from there: of two sets of rules, one after
 * the other, most are the same.
 */
export function* loadImageInSteps(
  image: RuleImage,
  texts: RuleTexts,
  config: Config,
  known: ReadonlyMap<string, Matcher> = new Map(),
): Steps<ImageRuleset> {
  const environment = environmentOf(texts, config);
  yield;
  const { arrangement, dataUsers, placeOf } = image.open();
  yield;
  const rules = new DeferredRules(environment, placeOf, dataUsers);
  yield;
  const matchers = new Map<string, Matcher>();
  const matcherOf: MatcherOf = (key) => {
    const matcher = matchers.get(key) ?? known.get(key) ?? Matcher.load(image.database(key));
    matchers.set(key, matcher);
    return matcher;
  };
  const ruleset = yield* Ruleset.arranged(arrangement, rules, matcherOf);
  return { ruleset, datasets: rules.datasets, matchers };
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
