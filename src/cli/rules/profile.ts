import { type Command, InvalidArgumentError } from 'commander';
import { counted } from '../../base/counted.ts';
import { captureConfig } from '../../config/capture-config.ts';
import type { Config } from '../../config/config.ts';
import { mergeConfig } from '../../config/overrides.ts';
import { type RuleCost, RuleProfile } from '../../detect/rule-profile.ts';
import { withoutControls } from '../../output/log.ts';
import { CHECKSUM } from '../../wire/packet.ts';
import { inspectCaptures } from '../capture-files.ts';
import { addRuleOptions, type RuleOptions } from '../common-options.ts';
import { Inspection } from '../inspection.ts';
import { type LoadedRules, loadRules } from '../loaded-rules.ts';
import { chosenConfig } from './chosen-rules.ts';

interface ProfileOptions extends RuleOptions {
  readonly top: number;
  readonly rounds: number;
  readonly json?: boolean;
}

export function registerProfile(rules: Command): void {
  addRuleOptions(rules.command('profile'))
    .summary('what each rule costs on captured traffic')
    .description(
      'Replays captures and measures each rule: how often it was held against the traffic, how long that took, how often\n' +
        'it matched. The dearest come first. Measuring slows the replay; compare rules with each other.',
    )
    .argument('<capture...>', 'capture files, as for replay')
    .option('--top <number>', 'so many rules; 0 is all', count, 20)
    .option('--rounds <number>', 'replay so often; of each rule the shortest time counts', count, 3)
    .option('--json', 'print one JSON object for each rule')
    .addHelpText('after', '\nExample:\n  vpatch rules profile -S local.rules traffic.pcap')
    .action(profile);
}

async function profile(captures: readonly string[], options: ProfileOptions): Promise<void> {
  const chosen = captureConfig(chosenConfig([], options));
  const config = mergeConfig(chosen, { mode: 'detect', checks: { policy: 'report' } });
  const rules = loadRules(config);
  let best = new Map<string, RuleCost>();
  for (let round = 0; round < options.rounds; round++) {
    const costs = await costsOf(captures, config, rules);
    best = new Map(costs.map((cost) => [`${cost.gid}:${cost.sid}`, lowest(cost, best.get(`${cost.gid}:${cost.sid}`))]));
  }
  const all = [...best.values()].sort((a, b) => b.totalMs - a.totalMs || b.checks - a.checks);
  const shown = options.top === 0 ? all : all.slice(0, options.top);
  process.stdout.write(
    options.json === true ? shown.map((cost) => `${JSON.stringify(cost)}\n`).join('') : asTable(shown, all),
  );
}

/** What else the machine does only ever adds to a time. */
const lowest = (cost: RuleCost, before: RuleCost | undefined): RuleCost =>
  before === undefined
    ? cost
    : {
        ...cost,
        totalMs: Math.min(cost.totalMs, before.totalMs),
        longestMs: Math.min(cost.longestMs, before.longestMs),
      };

async function costsOf(captures: readonly string[], config: Config, rules: LoadedRules): Promise<readonly RuleCost[]> {
  const evaluator = new RuleProfile(() => performance.now());
  const inspection = new Inspection({
    config,
    rules,
    output: null,
    hasPacketNumbers: true,
    mayFold: false,
    checksum: CHECKSUM.trusted,
    midstreamUntilMs: config.stream.midstream ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY,
    evaluator,
  });
  await inspectCaptures(captures, inspection);
  return evaluator.costs;
}

function asTable(shown: readonly RuleCost[], all: readonly RuleCost[]): string {
  const totalMs = all.reduce((sum, cost) => sum + cost.totalMs, 0);
  const row = (...cells: readonly string[]): string => cells.map((cell) => cell.padStart(COLUMN)).join('');
  const lines = [
    `${row('ms', 'share', 'checks', 'matches', 'us/check', 'us most')}  rule`,
    ...shown.map(({ gid, sid, message, checks, matches, totalMs: ms, longestMs }) => {
      const share = totalMs > 0 ? (ms / totalMs) * 100 : 0;
      const each = (ms / checks) * 1000;
      const cells = [ms.toFixed(2), `${share.toFixed(1)}%`, String(checks), String(matches), each.toFixed(1)];
      return `${row(...cells, (longestMs * 1000).toFixed(0))}  ${gid}:${sid} ${withoutControls(message)}`;
    }),
    `${counted(all.length, 'rule')} checked, ${totalMs.toFixed(2)} ms in all`,
  ];
  return `${lines.join('\n')}\n`;
}

const COLUMN = 10;

function count(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a whole number.');
}
