import type { Command } from 'commander';
import { counted } from '../base/counted.ts';
import { withoutControls } from '../output/log.ts';
import type { Reloaded } from '../service/policy-keeper.ts';
import { addControlOption, askService, type ControlOptions } from './control.ts';

interface ReloadOptions extends ControlOptions {
  readonly force?: boolean;
}

export function registerReload(program: Command): void {
  const command = program
    .command('reload')
    .summary('have the running service read its configuration and rules again')
    .description(
      'Has the running service read its configuration and rules again. They are compiled and tried out beside those in ' +
        'use, and taken over between two packets; connections and what is known of them go on. When something is ' +
        'wrong, nothing changes.',
    )
    .option('--force', 'also when no rule is left, or rules are refused that are not refused now: without them');
  addControlOption(command)
    .addHelpText('after', '\nExit code 1 when the reload was refused. SIGHUP does the same.')
    .action(reload);
}

/** Ten thousands of rules on a busy machine. */
export const RELOAD_LIMIT_MS = 300_000;

async function reload({ force = false, ...options }: ReloadOptions): Promise<void> {
  const result = await askService(options, { command: 'reload', force }, { limitMs: RELOAD_LIMIT_MS });
  const { version, rules, newlyRefused, waiting, isChanged } = result as Extract<Reloaded, { status: 'ok' }>;
  const counts = `${counted(rules.loaded, 'rule')}, ${rules.refused.length} refused`;
  const lines = [
    isChanged ? `ruleset ${version} in use: ${counts}` : `ruleset ${version} as before: ${counts}`,
    ...newlyRefused,
    ...(waiting.length === 0 ? [] : [`changed too, from the next start on: ${waiting.join(', ')}`]),
  ];
  process.stdout.write(lines.map((line) => `${withoutControls(line)}\n`).join(''));
}
