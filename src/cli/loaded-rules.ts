import { runAll } from '../base/steps.ts';
import type { Config } from '../config/config.ts';
import type { Ruleset } from '../detect/ruleset.ts';
import { parseClassifications } from '../rules/classification.ts';
import type { RuleObserver } from '../rules/compiler.ts';
import type { ListProblem } from '../rules/list-file.ts';
import { parseReferences } from '../rules/reference-config.ts';
import { readReputation } from '../rules/reputation.ts';
import type { RuleDiagnostic } from '../rules/rule.ts';
import { parseThresholdConfig } from '../rules/threshold-config.ts';
import { RuleCache, ruleKey } from '../service/rule-cache.ts';
import { type CompiledRuleset, compileRuleset, imageOf, loadImageInSteps, reportOf } from '../service/rule-set.ts';
import type { RuleTexts } from '../service/rule-texts.ts';
import { readTexts } from './read-texts.ts';

/** Rules to inspect traffic by. */
export interface InspectedRules {
  readonly ruleset: Ruleset;
  readonly loaded: number;
  /** Rules that were refused. */
  readonly errors: number;
  readonly warnings: number;
}

export interface LoadedRules extends CompiledRuleset, InspectedRules {
  readonly texts: RuleTexts;
}

/**
 * Reads and compiles all rules of a configuration. A file that cannot be read ends the command, a wrong rule does not.
 */
export function loadRules(config: Config, observe: RuleObserver | null = null): LoadedRules {
  const texts = readTexts(config);
  const compiled = compileRuleset(texts, config, observe, new RuleCache(config.rules.cacheFolder).newest()?.databases);
  const diagnostics = [...listProblems(config, texts), ...compiled.diagnostics];
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  const warnings = diagnostics.length - errors;
  return { ...compiled, texts, diagnostics, loaded: compiled.rules.length, errors, warnings };
}

/**
 * The same for whoever asks for single rules only: where they are in the cache, none is compiled before it is needed.
 */
export function loadInspectedRules(config: Config): InspectedRules {
  const texts = readTexts(config);
  const cache = new RuleCache(config.rules.cacheFolder);
  const key = ruleKey(texts, config);
  const cached = cache.read(key);
  const image = cached.status === 'there' ? cached.image : null;
  const compiled = image === null ? compileRuleset(texts, config, null, cache.newest()?.databases) : null;
  if (compiled !== null) cache.write(key, imageOf(compiled));
  const { ruleset } = compiled ?? runAll(loadImageInSteps(image!, texts, config));
  const { loaded, refused, warnings } = image?.report ?? reportOf(compiled!);
  const problems = listProblems(config, texts);
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  return { ruleset, loaded, errors: refused.length + errors, warnings: warnings + problems.length - errors };
}

/** Lines of the lists beside the rules that were skipped. */
function listProblems(
  { rules, variables }: Config,
  { selection, classification, reference, reputation, threshold }: RuleTexts,
): RuleDiagnostic[] {
  const inFile = (file: string | null, problems: readonly ListProblem[]): RuleDiagnostic[] =>
    problems.map((problem) => warning(file ?? '', problem));
  const { problems } = reputation === null ? { problems: [] } : readReputation(reputation.categories, reputation.lists);
  return [
    ...(selection?.problems ?? []),
    ...(classification === null ? [] : inFile(rules.classificationFile, parseClassifications(classification).problems)),
    ...(reference === null ? [] : inFile(rules.referenceFile, parseReferences(reference).problems)),
    ...(threshold === null ? [] : inFile(rules.thresholdFile, parseThresholdConfig(threshold, variables).problems)),
    ...problems.map((problem) => warning(problem.file, problem)),
  ];
}

const warning = (file: string, { line, message }: ListProblem): RuleDiagnostic => ({
  file,
  line,
  column: 1,
  severity: 'warning',
  name: 'skipped-line',
  keyword: null,
  sid: null,
  message,
});
