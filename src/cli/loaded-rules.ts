import type { Config } from '../config/config.ts';
import { parseClassifications } from '../rules/classification.ts';
import type { RuleObserver } from '../rules/compiler.ts';
import type { ListProblem } from '../rules/list-file.ts';
import { parseReferences } from '../rules/reference-config.ts';
import { readReputation } from '../rules/reputation.ts';
import type { RuleDiagnostic } from '../rules/rule.ts';
import { parseThresholdConfig } from '../rules/threshold-config.ts';
import { type CompiledRuleset, compileRuleset } from '../service/rule-set.ts';
import type { RuleTexts } from '../service/rule-texts.ts';
import { readTexts } from './read-texts.ts';

export interface LoadedRules extends CompiledRuleset {
  readonly texts: RuleTexts;
  /** Rules that were refused. */
  readonly errors: number;
  readonly warnings: number;
}

/**
 * Reads and compiles all rules of a configuration. A file that cannot be read ends the command, a wrong rule does not.
 */
export function loadRules(config: Config, observe: RuleObserver | null = null): LoadedRules {
  const texts = readTexts(config);
  const compiled = compileRuleset(texts, config, observe);
  const diagnostics = [...listProblems(config, texts), ...compiled.diagnostics];
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  return { ...compiled, texts, diagnostics, errors, warnings: diagnostics.length - errors };
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
