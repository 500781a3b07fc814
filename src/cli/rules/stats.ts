import type { Command } from 'commander';
import { withoutControls } from '../../output/log.ts';
import { type RuleStatistics, ruleStatistics, type Tallies } from '../../rules/rule-statistics.ts';
import { addRuleOptions, type RuleOptions } from '../common-options.ts';
import { shortPath } from '../read-texts.ts';
import { chosenConfig, knownRules } from './chosen-rules.ts';

interface StatsOptions extends RuleOptions {
  readonly json?: boolean;
}

export function registerStats(rules: Command): void {
  addRuleOptions(rules.command('stats'))
    .summary('what the rules are made of')
    .description(
      'Counts rules by state, file, action, protocol, classtype, buffer, keyword and length of fast pattern.',
    )
    .argument('[file...]', 'rule files, instead of those of the configuration')
    .option('--json', 'print the figures as JSON, all of them')
    .action(stats);
}

function stats(files: readonly string[], options: StatsOptions): void {
  const statistics = ruleStatistics(knownRules(chosenConfig(files, options)).rules);
  process.stdout.write(
    options.json === true ? `${JSON.stringify(asObjects(statistics), null, 2)}\n` : asText(statistics),
  );
}

/** Of long lists, the first. */
const SHOWN = 20;

function asText({ withoutFastPattern, files, ...statistics }: RuleStatistics): string {
  const sections: readonly (readonly [string, Tallies])[] = [
    ['rules', statistics.states],
    ['files', files.map(([file, count]) => [shortPath(file), count])],
    ['action', statistics.actions],
    ['protocol', statistics.protocols],
    ['classtype', statistics.classtypes],
    ['buffer', statistics.buffers],
    ['keyword', statistics.keywords],
    ['bytes of the fast pattern', [...statistics.fastPatterns, ['none', withoutFastPattern]]],
  ];
  return sections
    .map(([title, tallies]) => {
      const rows = tallies
        .slice(0, SHOWN)
        .map(([name, count]) => `${String(count).padStart(9)}  ${withoutControls(name)}`);
      const more = tallies.length > SHOWN ? [`           and ${tallies.length - SHOWN} more (--json has all)`] : [];
      return [title, ...rows, ...more, ''].join('\n');
    })
    .join('');
}

const asObjects = ({ withoutFastPattern, ...statistics }: RuleStatistics): Record<string, unknown> => ({
  ...Object.fromEntries(Object.entries(statistics).map(([key, tallies]) => [key, Object.fromEntries(tallies)])),
  withoutFastPattern,
});
