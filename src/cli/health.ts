import { type Command, InvalidArgumentError } from 'commander';
import { withoutControls } from '../output/log.ts';
import { ask } from '../service/control-client.ts';
import { HEALTH_CODES, type Health, healthLine, healthOf } from '../service/health.ts';
import type { ServiceStatus } from '../service/status.ts';
import { addControlOption, type ControlOptions, controlSocket } from './control.ts';

interface HealthOptions extends ControlOptions {
  readonly json?: boolean;
  readonly maxRefused: number;
}

export function registerHealth(program: Command): void {
  const command = program
    .command('health')
    .summary('whether the running service is well, for monitoring')
    .description(
      'Answers as plug-ins of Nagios, Icinga and the like do: one line with a state, its reasons and figures for graphs.',
    )
    .option('--max-refused <number>', 'so many refused rules are no reason for a warning', count, 0)
    .option('--json', 'print it as JSON');
  addControlOption(command).addHelpText('after', EXIT_CODES).action(health);
}

const EXIT_CODES = `
Exit codes of this command: 0 OK; 1 WARNING; 2 CRITICAL: not running, or traffic is not inspected; 3 UNKNOWN.`;

/** Nagios ends a plug-in after 10 s by default, without a word on why. */
const LIMIT_MS = 8_000;

async function health({ json = false, maxRefused, ...options }: HealthOptions): Promise<void> {
  const answer = await healthNow(options, maxRefused);
  const { state, reasons, figures } = answer;
  const values = Object.fromEntries(figures.map(({ label, value }) => [label, value]));
  const text = json
    ? JSON.stringify({ state, reasons, figures: values }, null, 2)
    : withoutControls(healthLine(answer));
  process.stdout.write(`${text}\n`);
  process.exitCode = HEALTH_CODES[state];
}

async function healthNow(options: ControlOptions, maxRefused: number): Promise<Health> {
  const answer = await ask(controlSocket(options), { command: 'status' }, { limitMs: LIMIT_MS });
  if (answer.status === 'ok') return healthOf(answer.result as ServiceStatus, { maxRefused });
  return { state: answer.kind === 'absent' ? 'CRITICAL' : 'UNKNOWN', reasons: answer.lines, figures: [] };
}

function count(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a whole number.');
}
