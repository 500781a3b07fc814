import { existsSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CHECK_POLICIES, type Config, LOG_LEVELS, type LogLevel, MODES, type Mode } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { mergeOverrides, type Overrides } from '../config/overrides.ts';
import { formatProblem } from '../config/problem.ts';
import { createLog, type Logger } from '../output/log.ts';
import { RECORD_TYPES } from '../output/record-types.ts';
import { EXIT, Failure } from './failure.ts';
import { collect } from './repeatable.ts';

export const DEFAULT_CONFIG_FILE = '/etc/vpatch/vpatch.yaml';

/** What every command that loads rules understands. */
export interface RuleOptions {
  readonly config?: string;
  readonly rules?: readonly string[];
  readonly onlyRules?: readonly string[];
  readonly set?: readonly string[];
  readonly suricataYaml?: string;
  readonly logLevel?: LogLevel;
}

/** What every command that inspects traffic understands. */
export interface CommonOptions extends RuleOptions {
  readonly mode?: Mode;
  readonly eve?: string;
  readonly records?: Config['outputs']['eve']['records'];
  readonly checks?: Config['checks']['policy'];
}

/** What a command understands that takes the rules of the configuration and no others. */
export const addConfigOptions = (command: Command): Command => addEnvironmentOptions(addConfigOption(command));

export function addRuleOptions(command: Command): Command {
  const withRules = addConfigOption(command)
    .option('-s, --rules <file>', 'load these rules too; repeatable, "*" stands for several files', collect)
    .option('-S, --only-rules <file>', 'load these rules and none of the configuration; repeatable', collect);
  return addEnvironmentOptions(withRules);
}

const addConfigOption = (command: Command): Command =>
  command.option('-c, --config <file>', `configuration (default: ${DEFAULT_CONFIG_FILE} if it is there)`);

const addEnvironmentOptions = (command: Command): Command =>
  command
    .option('--set <name=value>', "rule variable, such as 'HOME_NET=[10.0.0.0/8,fd00::/8]'; repeatable", collect)
    .option('--suricata-yaml <file>', 'take over what applies from an existing suricata.yaml')
    .addOption(new Option('--log-level <level>', 'how much to say on standard error').choices(LOG_LEVELS));

export function addCommonOptions(command: Command): Command {
  const mode = new Option('-m, --mode <mode>', 'report matches, or also block them (default: detect)').choices(MODES);
  const checks = new Option('--checks <policy>', 'always-on checks: drop, only report, or off (default: drop)');
  return addEventOptions(addRuleOptions(command.addOption(mode))).addOption(checks.choices(CHECK_POLICIES));
}

/** The same for a command that cannot block. */
export function addListeningOptions(command: Command): Command {
  const checks = new Option('--checks <policy>', 'always-on checks: report, or off (default: report)');
  return addEventOptions(addRuleOptions(command)).addOption(
    checks.choices(CHECK_POLICIES.filter((policy) => policy !== 'drop')),
  );
}

const addEventOptions = (command: Command): Command =>
  command
    .option('--eve <file>', 'write events as EVE JSON lines; - is standard output')
    .addOption(
      new Option('--records <types>', 'events of ordinary traffic too: all, or some such as http,dns,flow').argParser(
        recordTypes,
      ),
    );

/**
 * The configuration that the options describe, and a log that follows it. `extra` are the command's own options,
 * `defaults` its own defaults.
 */
export function settingsFrom(
  options: CommonOptions,
  extra: Overrides = {},
  defaults: Overrides = {},
): { config: Config; log: Logger } {
  const file = options.config ?? (existsSync(DEFAULT_CONFIG_FILE) ? DEFAULT_CONFIG_FILE : undefined);
  const loaded = loadConfig({
    defaults,
    ...(file !== undefined && { file }),
    ...(options.suricataYaml !== undefined && { suricataYaml: options.suricataYaml }),
    ...(options.rules !== undefined && { addedRules: options.rules }),
    ...(options.onlyRules !== undefined && { onlyRules: options.onlyRules }),
    ...(options.set !== undefined && { assignments: options.set }),
    overrides: mergeOverrides(overridesOf(options), extra),
  });
  if (loaded.status === 'invalid') throw new Failure(EXIT.usage, ...loaded.problems.map(formatProblem));

  const log = createLog(loaded.config.log.level);
  for (const note of loaded.notes) log.info(note);
  return { config: loaded.config, log };
}

function overridesOf({ mode, eve, records, checks, logLevel }: CommonOptions): Overrides {
  return {
    ...(mode !== undefined && { mode }),
    outputs: { eve: { ...(eve !== undefined && { file: eve }), ...(records !== undefined && { records }) } },
    ...(checks !== undefined && { checks: { policy: checks } }),
    ...(logLevel !== undefined && { log: { level: logLevel } }),
  };
}

function recordTypes(value: string): Config['outputs']['eve']['records'] {
  if (value === 'all') return value;
  const types = value.split(',');
  const unknown = types.find((type) => !RECORD_TYPES.includes(type));
  if (unknown === undefined) return types;
  throw new InvalidArgumentError(`there is no "${unknown}"; there are all, ${RECORD_TYPES.join(', ')}`);
}
