import type { Command } from 'commander';
import { withoutControls } from '../../output/log.ts';
import { addRuleOptions, type RuleOptions } from '../common-options.ts';
import { EXIT, Failure } from '../failure.ts';
import { formatDiagnostic, loadRules } from '../loaded-rules.ts';
import { chosenConfig } from './chosen-rules.ts';

interface CheckOptions extends RuleOptions {
  readonly json?: boolean;
}

export function registerCheck(rules: Command): void {
  addRuleOptions(rules.command('check'))
    .summary('report every rule that cannot be loaded')
    .description('Loads the rules and reports every one that is refused, with its place and the reason.')
    .argument('[file...]', 'rule files, instead of those of the configuration')
    .option('--json', 'print one JSON object for each finding')
    .addHelpText('after', '\nExit code 1 when a rule was refused.\n\nExample:\n  vpatch rules check local.rules')
    .action(check);
}

function check(files: readonly string[], options: CheckOptions): void {
  const { ruleset, diagnostics, errors, warnings } = loadRules(chosenConfig(files, options));
  const lines = diagnostics.map((found) =>
    options.json === true ? JSON.stringify(found) : withoutControls(formatDiagnostic(found)),
  );
  const count = `${ruleset.loaded.length} loaded, ${errors} refused, ${warnings} warnings`;
  process.stdout.write([...lines, ...(options.json === true ? [] : [count]), ''].join('\n'));
  if (errors > 0) throw new Failure(EXIT.problem);
}
