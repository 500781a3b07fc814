import type { Command } from 'commander';
import { addControlOption, askService, type ControlOptions } from './control.ts';

export function registerStop(program: Command): void {
  const command = program
    .command('stop')
    .summary('end the running service')
    .description(
      'Has the running service take its firewall rules away, answer what waits, and end; connections go on uninspected. ' +
        'Returns when it is gone.',
    );
  addControlOption(command).action(stop);
}

/** What waits in the queues is answered within seconds. */
const LIMIT_MS = 20_000;

async function stop(options: ControlOptions): Promise<void> {
  const result = await askService(options, { command: 'stop' }, { limitMs: LIMIT_MS, untilClosed: true });
  process.stdout.write(`stopped (process ${(result as { readonly pid: number }).pid})\n`);
}
