import type { Command } from 'commander';
import { APP_BUFFERS } from '../../app/index.ts';
import { placementOf } from '../../detect/placement.ts';
import { withoutControls } from '../../output/log.ts';
import { compileRules } from '../../rules/compiler.ts';
import type { RuleEnvironment } from '../../rules/environment.ts';
import { type Explanation, explainRule } from '../../rules/explain/explain.ts';
import type { KnownRule } from '../../rules/inventory.ts';
import { keywordIndex } from '../../rules/keywords/index.ts';
import type { Rule } from '../../rules/rule.ts';
import { fitsFilter } from '../../rules/rule-filter.ts';
import { environmentOf } from '../../service/rule-set.ts';
import { addRuleOptions, type RuleOptions } from '../common-options.ts';
import { EXIT, Failure } from '../failure.ts';
import { shortPath } from '../read-texts.ts';
import { chosenConfig, knownRules } from './chosen-rules.ts';
import { ruleId } from './list.ts';

interface ShowOptions extends RuleOptions {
  readonly json?: boolean;
}

export function registerShow(rules: Command): void {
  addRuleOptions(rules.command('show'))
    .summary('explain a rule in words')
    .description(
      'Says what a rule looks at and for, by what it is found, where it stands and whether it is in force, and why not.',
    )
    .argument('<sid>', 'its sid, or gid:sid', ruleId)
    .argument('[file...]', 'rule files, instead of those of the configuration')
    .option('--json', 'print the explanation as JSON')
    .action(show);
}

function show(sid: string, files: readonly string[], options: ShowOptions): void {
  const config = chosenConfig(files, options);
  const { loaded, rules } = knownRules(config);
  const found = rules.filter((known) => fitsFilter(known, { sid }));
  if (found.length === 0) throw new Failure(EXIT.problem, `no rule has the sid ${sid}`);
  const environment = environmentOf(loaded.texts, config);
  const shown = found.map((known) => ({ known, explained: explain(known, environment), environment }));
  process.stdout.write(
    options.json === true
      ? shown.map((entry) => `${JSON.stringify(asObject(entry))}\n`).join('')
      : shown.map(asText).join('\n'),
  );
}

interface Shown {
  readonly known: KnownRule;
  /** Null: it cannot be loaded. */
  readonly explained: Explained | null;
  readonly environment: RuleEnvironment;
}

interface Explained extends Explanation {
  readonly rule: Rule;
  readonly placement: readonly string[];
}

/** Also of a rule that is out of force. */
function explain({ source }: KnownRule, environment: RuleEnvironment): Explained | null {
  const keywords = keywordIndex(APP_BUFFERS);
  let explained: Explained | null = null;
  compileRules([{ file: source.file, text: source.text }], environment, (rule, draft) => {
    explained = { ...explainRule(draft, rule, keywords), rule, placement: placementOf(rule) };
  });
  return explained;
}

function asText({ known, explained, environment }: Shown): string {
  const { source, state, reason, changes } = known;
  const { gid, sid, rev, message, file, line, text } = source;
  const lines = [
    `${gid}:${sid}, revision ${rev}: ${message}`,
    `  ${shortPath(file)}:${line.line}, ${state}${reason === null ? '' : `: ${reason}`}`,
    ...changes
      .filter(({ reason: by }) => by !== reason)
      .map(
        ({ kind, reason: by }) => `  ${kind} by ${kind === 'needed' ? `a rule that asks for the flowbit ${by}` : by}`,
      ),
    ...(explained === null ? [] : explanationLines(explained, environment)),
    'As written',
    `  ${text}`,
  ];
  return `${lines.map(withoutControls).join('\n')}\n`;
}

function explanationLines(explained: Explained, { references, variables }: RuleEnvironment): string[] {
  const { rule, traffic, conditions, effects, fastPattern, placement } = explained;
  const used = [...new Set([...rule.text.split('(', 1)[0]!.matchAll(/\$(\w+)/g)].map(([, name]) => name!))];
  let where: string | null = null;
  const conditionLines = conditions.flatMap((condition) => {
    const heading = condition.where === where ? [] : [`  ${condition.where}`];
    where = condition.where;
    return [...heading, `    ${condition.what}`];
  });
  return [
    'Looks at',
    ...traffic.map((words) => `  ${words}`),
    ...used.map((name) => `  $${name} is ${variables.addresses[name] ?? variables.ports[name] ?? 'not defined'}`),
    'Looks for, in this order',
    ...(conditionLines.length > 0 ? conditionLines : ['  nothing more']),
    'Then',
    `  ${actionWords(rule)}`,
    ...effects.map((words) => `  ${words}`),
    'Found by',
    `  ${fastPattern}`,
    ...placement.map((words) => `  judged ${words}`),
    'About',
    `  ${rule.classtype ?? 'no classtype'}, priority ${rule.priority}${rule.category === '' ? '' : `: ${rule.category}`}`,
    ...rule.references.map(({ type, id }) => `  ${references.get(type) ?? `${type} `}${id}`),
    ...Object.entries(rule.metadata).map(([key, values]) => `  ${key}: ${values.join(', ')}`),
  ];
}

function actionWords({ action, isSilent, thresholds }: Rule): string {
  const told = isSilent ? 'no alert' : thresholds.length === 0 ? 'an alert' : 'an alert, as its thresholds have it';
  if (action === 'alert') return told;
  if (action === 'pass') return `no other rule is applied to what matches, ${told}`;
  return `blocked in prevent mode${action === 'drop' ? '' : `, and the connection reset (${action})`}, ${told}`;
}

function asObject({ known, explained }: Shown): Record<string, unknown> {
  const { source, state, reason, changes } = known;
  const { gid, sid, rev, message, file, line, text, parsed } = source;
  const shown = { gid, sid, rev, message, action: parsed.action, file, line: line.line, state, reason, changes, text };
  if (explained === null) return shown;
  const { rule, ...words } = explained;
  const { priority, classtype, category, references, metadata } = rule;
  return { ...shown, priority, classtype, category, references, metadata, ...words };
}
