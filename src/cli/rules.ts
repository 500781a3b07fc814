import type { Command } from 'commander';
import { APP_BUFFERS } from '../app/index.ts';
import { withoutControls } from '../output/log.ts';
import { keywordIndex } from '../rules/keywords/index.ts';
import { SURICATA_KEYWORDS } from '../rules/known-names.ts';
import { nearestName } from '../rules/nearest-name.ts';
import { keywordReference } from '../rules/reference.ts';
import { addRuleOptions, type RuleOptions, settingsFrom } from './common-options.ts';
import { EXIT, Failure } from './failure.ts';
import { formatDiagnostic, loadRules, shortPath } from './loaded-rules.ts';

interface RulesOptions extends RuleOptions {
  readonly json?: boolean;
}

export function registerRules(program: Command): void {
  const rules = program.command('rules').summary('check and list rules').description('Loads rules without traffic.');

  addRuleOptions(rules.command('check'))
    .summary('report every rule that cannot be loaded')
    .description('Loads the rules and reports every one that is refused, with its place and the reason.')
    .argument('[file...]', 'rule files, instead of those of the configuration')
    .option('--json', 'print one JSON object for each finding')
    .addHelpText('after', '\nExit code 1 when a rule was refused.\n\nExample:\n  vpatch rules check local.rules')
    .action(check);

  addRuleOptions(rules.command('list'))
    .summary('list the rules that were loaded')
    .description('Lists the rules that were loaded: gid:sid:rev, action, message, file and line.')
    .argument('[file...]', 'rule files, instead of those of the configuration')
    .option('--json', 'print one JSON object for each rule')
    .action(list);

  rules
    .command('keywords')
    .summary('the keyword reference')
    .description('Prints what each keyword of the rule language does, or one of them.')
    .argument('[name]', 'a keyword, such as content')
    .action(keywords);
}

function check(files: readonly string[], options: RulesOptions): void {
  const { ruleset, diagnostics, errors, warnings } = loadChosen(files, options);
  const lines = diagnostics.map((found) =>
    options.json === true ? JSON.stringify(found) : withoutControls(formatDiagnostic(found)),
  );
  const count = `${ruleset.loaded.length} loaded, ${errors} refused, ${warnings} warnings`;
  process.stdout.write([...lines, ...(options.json === true ? [] : [count]), ''].join('\n'));
  if (errors > 0) throw new Failure(EXIT.problem);
}

function list(files: readonly string[], options: RulesOptions): void {
  const lines = loadChosen(files, options).ruleset.loaded.map((rule) => {
    const { action, gid, sid, rev, message, file, line } = rule;
    return options.json === true
      ? JSON.stringify({ action, gid, sid, rev, message, priority: rule.priority, file, line })
      : `${gid}:${sid}:${rev}\t${action}\t${withoutControls(message)}\t${shortPath(file)}:${line}`;
  });
  process.stdout.write(lines.map((text) => `${text}\n`).join(''));
}

function keywords(name: string | undefined): void {
  if (name === undefined) {
    process.stdout.write(keywordReference(APP_BUFFERS, 'text'));
    return;
  }
  const keyword = keywordIndex(APP_BUFFERS).get(name);
  if (keyword === undefined) throw new Failure(EXIT.problem, unknownKeyword(name, keywordIndex(APP_BUFFERS).keys()));
  const { aliases, summary, example } = keyword;
  const also = aliases.length > 0 ? [`also written ${aliases.join(', ')}`] : [];
  process.stdout.write([`${keyword.name}: ${summary}`, ...also, `example: ${example}`, ''].join('\n'));
}

function unknownKeyword(name: string, known: Iterable<string>): string {
  if (SURICATA_KEYWORDS.has(name)) return `Suricata knows the keyword ${name}, vpatch does not yet`;
  const near = nearestName(name, known);
  return `there is no keyword ${name}${near === null ? '' : `; did you mean ${near}?`}`;
}

function loadChosen(files: readonly string[], options: RulesOptions): ReturnType<typeof loadRules> {
  if (files.length > 0 && options.onlyRules !== undefined) {
    throw new Failure(EXIT.usage, 'give rule files as arguments or with -S, not both');
  }
  const { config } = settingsFrom(files.length > 0 ? { ...options, onlyRules: files } : options);
  if (config.rules.files.length === 0) {
    throw new Failure(EXIT.usage, 'there are no rules to load: name rule files, or a configuration with -c');
  }
  return loadRules(config);
}
