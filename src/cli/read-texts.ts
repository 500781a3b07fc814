import { relative } from 'node:path';
import type { Config } from '../config/config.ts';
import { reasonOf } from '../config/problem.ts';
import { StateError } from '../patches/policy-store.ts';
import { diagnosticText } from '../rules/diagnostic-text.ts';
import type { RuleDiagnostic } from '../rules/rule.ts';
import { NoFetchedRulesError, type RuleTexts, readRuleTexts } from '../service/rule-texts.ts';
import { EXIT, Failure } from './failure.ts';

/** The path as short as it can be said here. */
export const formatDiagnostic = (diagnostic: RuleDiagnostic): string =>
  diagnosticText(diagnostic, shortPath(diagnostic.file));

/** For people: relative where it lies below the working folder. */
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
