import type { Command } from 'commander';
import { counted } from '../../base/counted.ts';
import { withoutControls } from '../../output/log.ts';
import { Linter } from '../../rules/lints/linter.ts';
import type { RuleDiagnostic } from '../../rules/rule.ts';
import { addRuleOptions, type RuleOptions } from '../common-options.ts';
import { EXIT, Failure } from '../failure.ts';
import { loadRules } from '../loaded-rules.ts';
import { formatDiagnostic } from '../read-texts.ts';
import { collect } from '../repeatable.ts';
import { chosenConfig } from './chosen-rules.ts';

interface CheckOptions extends RuleOptions {
  readonly strict?: boolean;
  readonly only?: readonly string[];
  readonly ignore?: readonly string[];
  readonly json?: boolean;
}

export function registerCheck(rules: Command): void {
  addRuleOptions(rules.command('check'))
    .summary('report every rule that cannot be loaded, and what is odd about others')
    .description(
      'Loads the rules and reports every one that is refused, and what their author may not have meant, with its place.\n' +
        'Each kind of warning has a name, in brackets at the end of the line (docs/rules.md lists them).',
    )
    .argument('[file...]', 'rule files, instead of those of the configuration')
    .option('--strict', 'take warnings for errors')
    .option('--only <name>', 'of the warnings, only those of this name; repeatable', collect)
    .option('--ignore <name>', 'no warnings of this name; repeatable', collect)
    .option('--json', 'print one JSON object for each finding')
    .addHelpText('after', '\nExit code 1 when a rule was refused.\n\nExample:\n  vpatch rules check local.rules')
    .action(check);
}

function check(files: readonly string[], options: CheckOptions): void {
  const linter = new Linter();
  const { rules, diagnostics } = loadRules(chosenConfig(files, options), (...rule) => linter.observe(...rule));
  const found = [...diagnostics, ...linter.finish()]
    .filter(({ name }) => name === null || isWanted(name, options))
    .map((diagnostic): RuleDiagnostic => (options.strict === true ? { ...diagnostic, severity: 'error' } : diagnostic));
  const lines = byPlace(found).map((diagnostic) =>
    options.json === true ? JSON.stringify(diagnostic) : withoutControls(formatDiagnostic(diagnostic)),
  );
  const refused = diagnostics.filter(({ severity }) => severity === 'error').length;
  const warnings = found.filter(({ name }) => name !== null).length;
  const count = `${rules.length} loaded, ${refused} refused, ${counted(warnings, 'warning')}`;
  process.stdout.write([...lines, ...(options.json === true ? [] : [count]), ''].join('\n'));
  if (found.some(({ severity }) => severity === 'error')) throw new Failure(EXIT.problem);
}

const isWanted = (name: string, { only, ignore }: CheckOptions): boolean =>
  (only === undefined || only.includes(name)) && ignore?.includes(name) !== true;

/** File by file, as they first appear. */
function byPlace(diagnostics: readonly RuleDiagnostic[]): RuleDiagnostic[] {
  const files = [...new Set(diagnostics.map(({ file }) => file))];
  const rankOf = new Map(files.map((file, rank) => [file, rank]));
  return [...diagnostics].sort(
    (a, b) => rankOf.get(a.file)! - rankOf.get(b.file)! || a.line - b.line || a.column - b.column,
  );
}
