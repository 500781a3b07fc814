import type { Command } from 'commander';
import { counted } from '../../base/counted.ts';
import type { Config } from '../../config/config.ts';
import { reasonOf } from '../../config/problem.ts';
import { withoutControls } from '../../output/log.ts';
import type { RuleDifferences } from '../../rules/rule-differences.ts';
import type { SourceRule } from '../../rules/selection/source-rule.ts';
import { SourceError } from '../../service/rule-update/source-error.ts';
import { type UpdateReport, updateRules } from '../../service/rule-update/update.ts';
import { addConfigOptions, type RuleOptions, settingsFrom } from '../common-options.ts';
import { EXIT, Failure } from '../failure.ts';
import { takeOver } from '../take-over.ts';

interface UpdateOptions extends RuleOptions {
  readonly offline?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function registerUpdate(rules: Command): void {
  addConfigOptions(rules.command('update'))
    .summary('fetch the rules of all sources, and make them live if they are sound')
    .description(
      'Fetches the sources of the configuration (rules.sources), compiles them with all other rules, and makes them live.\n' +
        'A running service takes them over. Whatever fails, the rules that were live stay so. Says what is new, changed, removed, enabled and disabled.',
    )
    .option('--offline', 'fetch nothing: take what was fetched before')
    .option('--dry-run', 'say what would change, and change nothing')
    .option('--json', 'print the report as JSON')
    .action(update);
}

async function update(options: UpdateOptions): Promise<void> {
  const { config } = settingsFrom(options);
  if (config.rules.sources.length === 0) {
    throw new Failure(EXIT.usage, 'there are no sources: name some in the configuration, under rules.sources');
  }
  const report = await updated(config, options);
  process.stdout.write(options.json === true ? `${JSON.stringify(asObject(report))}\n` : asText(report));
  if (report.isLive) (options.json === true ? process.stderr : process.stdout).write(await takeOver(config));
}

async function updated(config: Config, { offline, dryRun }: UpdateOptions): Promise<UpdateReport> {
  try {
    return await updateRules(config, { isOffline: offline === true, isTrial: dryRun === true });
  } catch (error) {
    if (error instanceof SourceError) throw new Failure(EXIT.problem, error.message, 'nothing was changed');
    if (!(error instanceof Error && 'code' in error)) throw error;
    const path = 'path' in error ? `${error.path}: ` : '';
    throw new Failure(EXIT.problem, `${path}${reasonOf(error)}`, 'nothing was changed');
  }
}

/** Of long lists, the first. */
const SHOWN = 20;

const KINDS: readonly (readonly [keyof RuleDifferences, string])[] = [
  ['added', 'new'],
  ['changed', 'changed'],
  ['removed', 'removed'],
  ['enabled', 'enabled'],
  ['disabled', 'disabled'],
];

function asText({ sources, differences, loaded, refused, isLive }: UpdateReport): string {
  const lines = [
    ...sources.map(
      ({ name, how, files, rules }) => `${name}: ${how}, ${counted(files, 'file')}, ${counted(rules, 'rule')}`,
    ),
    ...KINDS.flatMap(([kind, word]) => {
      const rules = differences[kind];
      if (rules.length === 0) return [];
      const more = rules.length > SHOWN ? [`  and ${rules.length - SHOWN} more (--json has all)`] : [];
      return [`${rules.length} ${word}`, ...rules.slice(0, SHOWN).map((rule) => `  ${nameOf(rule)}`), ...more];
    }),
    ...(KINDS.every(([kind]) => differences[kind].length === 0) ? ['no rule has changed'] : []),
    `${counted(loaded, 'rule')} loaded, ${refused} refused`,
    isLive ? 'live' : 'a trial: nothing was changed',
  ];
  return `${lines.map(withoutControls).join('\n')}\n`;
}

const nameOf = ({ gid, sid, rev, message, isEnabled }: SourceRule): string =>
  `${gid}:${sid}:${rev} ${message}${isEnabled ? '' : ' (disabled)'}`;

const asObject = ({ differences, ...report }: UpdateReport): Record<string, unknown> => ({
  ...report,
  ...Object.fromEntries(
    KINDS.map(([kind]) => [
      kind,
      differences[kind].map(({ gid, sid, rev, message, isEnabled }) => ({ gid, sid, rev, message, isEnabled })),
    ]),
  ),
});
