import { relative } from 'node:path';
import type { Config } from '../config/config.ts';
import { reasonOf } from '../config/problem.ts';
import { StateError } from '../patches/policy-store.ts';
import { parseClassifications } from '../rules/classification.ts';
import type { RuleObserver } from '../rules/compiler.ts';
import { diagnosticText } from '../rules/diagnostic-text.ts';
import type { ListProblem } from '../rules/list-file.ts';
import { parseReferences } from '../rules/reference-config.ts';
import { readReputation } from '../rules/reputation.ts';
import type { RuleDiagnostic } from '../rules/rule.ts';
import { parseThresholdConfig } from '../rules/threshold-config.ts';
import {
  type CompiledRuleset,
  compileRuleset,
  NoFetchedRulesError,
  type RuleTexts,
  readRuleTexts,
} from '../service/rule-set.ts';
import { EXIT, Failure } from './failure.ts';

export interface LoadedRules extends CompiledRuleset {
  readonly texts: RuleTexts;
  /** Rules that were refused. */
  readonly errors: number;
  readonly warnings: number;
}

/** Reads and compiles all rules of a configuration. A file that cannot be read ends the command, a wrong rule does not. */
export function loadRules(config: Config, observe: RuleObserver | null = null): LoadedRules {
  const texts = readTexts(config);
  const compiled = compileRuleset(texts, config, observe);
  const diagnostics = [...listProblems(config, texts), ...compiled.diagnostics];
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  return { ...compiled, texts, diagnostics, errors, warnings: diagnostics.length - errors };
}

/** The path as short as it can be said here. */
export const formatDiagnostic = (diagnostic: RuleDiagnostic): string =>
  diagnosticText(diagnostic, shortPath(diagnostic.file));

export function shortPath(file: string): string {
  const path = relative(process.cwd(), file);
  return path.startsWith('..') ? file : path;
}

/** A file that cannot be read ends the command. */
export function readTexts(config: Config): RuleTexts {
  try {
    return readRuleTexts(config);
  } catch (error) {
    if (error instanceof NoFetchedRulesError || error instanceof StateError)
      throw new Failure(EXIT.usage, error.message);
    const file = error instanceof Error && 'path' in error ? `${error.path} ` : '';
    throw new Failure(EXIT.usage, `${file}cannot be read: ${reasonOf(error)}`);
  }
}

/** Lines that choose among rules and cannot be read: rules are in force, or not, that the user meant otherwise. */
export const selectionErrors = (selection: RuleTexts['selection']): string[] =>
  (selection?.problems ?? []).filter(({ severity }) => severity === 'error').map(formatDiagnostic);

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
