import { type Command, InvalidArgumentError } from 'commander';
import { withoutControls } from '../../output/log.ts';
import type { KnownRule } from '../../rules/inventory.ts';
import { fitsFilter, type RuleFilter } from '../../rules/rule-filter.ts';
import { addRuleOptions, type RuleOptions } from '../common-options.ts';
import { shortPath } from '../read-texts.ts';
import { chosenConfig, knownRules } from './chosen-rules.ts';

interface ListOptions extends RuleOptions, Omit<RuleFilter, 'states'> {
  readonly disabled?: boolean;
  readonly refused?: boolean;
  readonly all?: boolean;
  readonly json?: boolean;
}

export function registerList(rules: Command): void {
  addRuleOptions(rules.command('list'))
    .summary('list rules')
    .description(
      'Lists the rules that are loaded: gid:sid:rev, action, message, file and line. Filters can be combined.',
    )
    .argument('[file...]', 'rule files, instead of those of the configuration')
    .option('--sid <sid>', 'the rule of this sid, or gid:sid', ruleId)
    .option('--cve <cve>', 'rules that name this CVE, such as CVE-2021-44228', cveId)
    .option('--text <text>', 'rules in whose text this is')
    .option('--classtype <name>', 'rules of this classtype')
    .option('--keyword <name>', 'rules that use this keyword')
    .option('--protocol <name>', 'rules for this protocol, such as tcp or http')
    .option('--action <action>', 'rules with this action')
    .option('--file <name>', 'rules of the files whose name has this in it')
    .option('--disabled', 'rules that are out of force, and why')
    .option('--refused', 'rules that cannot be loaded, and why')
    .option('--all', 'rules that are loaded and all others')
    .option('--json', 'print one JSON object for each rule')
    .addHelpText('after', EXAMPLES)
    .action(list);
}

const EXAMPLES = `
Examples:
  vpatch rules list --cve CVE-2021-44228
  vpatch rules list --disabled --keyword http.uri --json`;

function list(files: readonly string[], options: ListOptions): void {
  const { rules } = knownRules(chosenConfig(files, options));
  const lines = rules
    .filter((known) => fitsFilter(known, { ...options, ...statesOf(options) }))
    .map(options.json === true ? asJson : asText);
  process.stdout.write(lines.map((text) => `${text}\n`).join(''));
}

function statesOf({ disabled, refused, all }: ListOptions): Pick<RuleFilter, 'states'> {
  if (all === true) return {};
  if (disabled !== true && refused !== true) return { states: ['loaded'] };
  return {
    states: [
      ...(disabled === true ? (['disabled'] as const) : []),
      ...(refused === true ? (['refused', 'left out'] as const) : []),
    ],
  };
}

function asText({ source, state, reason }: KnownRule): string {
  const { gid, sid, rev, parsed, message, file, line } = source;
  const why = state === 'loaded' ? '' : `\t${state}: ${withoutControls(reason ?? '')}`;
  return `${gid}:${sid}:${rev}\t${parsed.action}\t${withoutControls(message)}\t${shortPath(file)}:${line.line}${why}`;
}

function asJson({ source, rule, state, reason }: KnownRule): string {
  const { gid, sid, rev, parsed, message, file, line } = source;
  const { action, protocol } = parsed;
  const known = { action, gid, sid, rev, message, protocol: protocol.text, file, line: line.line, state, reason };
  return JSON.stringify(
    rule === null
      ? known
      : {
          ...known,
          message: rule.message,
          priority: rule.priority,
          classtype: rule.classtype,
          references: rule.references,
        },
  );
}

/** For an option: a sid, or gid:sid. Throws what commander tells the user. */
export function ruleId(text: string): string {
  if (/^(?:\d{1,10}:)?\d{1,10}$/.test(text)) return text;
  throw new InvalidArgumentError('expected a sid such as 2019401, or gid:sid.');
}

function cveId(text: string): string {
  if (/^(?:cve[-_])?\d{4}[-_]\d{4,}$/i.test(text)) return text;
  throw new InvalidArgumentError('expected a CVE such as CVE-2021-44228.');
}
