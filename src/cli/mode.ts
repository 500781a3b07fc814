import { Argument, type Command } from 'commander';
import { MODES, type Mode } from '../config/config.ts';
import { addControlOption, askService, type ControlOptions } from './control.ts';

export function registerMode(program: Command): void {
  const command = program
    .command('mode')
    .summary('have the running service report, or also block')
    .description(
      'Switches the running service to detect (rules report) or prevent (they also block), without losing a packet. ' +
        'Holds until the next start: the configuration says what that begins with.',
    )
    .addArgument(new Argument('<mode>').choices(MODES));
  addControlOption(command).action(mode);
}

async function mode(wanted: Mode, options: ControlOptions): Promise<void> {
  const result = await askService(options, { command: 'mode', mode: wanted });
  const { before } = result as { readonly before: Mode };
  process.stdout.write(before === wanted ? `${wanted} mode, as before\n` : `${wanted} mode, was ${before}\n`);
}
