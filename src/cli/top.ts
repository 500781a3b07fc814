import { setTimeout as pause } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { parseDurationMs } from '../config/units.ts';
import { ask } from '../service/control-client.ts';
import type { TopAnswer } from '../service/status.ts';
import { addControlOption, askService, type ControlOptions, controlSocket } from './control.ts';
import { withScreen } from './live-screen.ts';
import { ratesBetween, type TopSample, topLines } from './top-view.ts';

interface TopOptions extends ControlOptions {
  readonly interval?: number;
  readonly once?: boolean;
  readonly json?: boolean;
}

const DEFAULT_INTERVAL_MS = 2_000;
const LEAST_INTERVAL_MS = 250;
const MOST_INTERVAL_MS = 3_600_000;
/** A service that does not answer for so long is told to be away. */
const LIMIT_MS = 5_000;
/** Where the output is no terminal. */
const FILE_COLUMNS = 200;

export function registerTop(program: Command): void {
  const command = program
    .command('top')
    .summary('watch the running service')
    .description(
      'Shows traffic, verdicts, latency, and which rules and sources have most events, until q or Ctrl-C. Where the ' +
        'output is no terminal, it prints one view of the interval and ends.',
    )
    .option('--interval <duration>', `time between two views (default: ${DEFAULT_INTERVAL_MS / 1000}s)`, interval)
    .option('--once', 'print one view and end')
    .option('--json', 'print one view as JSON and end');
  addControlOption(command).addHelpText('after', '\nExit code 3 when no service runs.').action(top);
}

async function top({
  interval: intervalMs = DEFAULT_INTERVAL_MS,
  once = false,
  json = false,
  ...options
}: TopOptions): Promise<void> {
  const first = sampleOf((await askService(options, { command: 'top' }, { limitMs: LIMIT_MS })) as TopAnswer);
  const isLive = process.stdout.isTTY && process.env.TERM !== 'dumb' && !once && !json;
  if (isLive) {
    await watch(controlSocket(options), first, intervalMs);
    return;
  }
  await pause(intervalMs);
  const now = sampleOf((await askService(options, { command: 'top' }, { limitMs: LIMIT_MS })) as TopAnswer);
  const rates = ratesBetween(first, now);
  const text = json
    ? JSON.stringify({ rates, ...now }, null, 2)
    : topLines(now, rates, { columns: process.stdout.columns ?? FILE_COLUMNS, rows: null }).join('\n');
  process.stdout.write(`${text}\n`);
}

async function watch(socket: string, first: TopSample, intervalMs: number): Promise<void> {
  const { stdin: input, stdout: output } = process;
  await withScreen({ input, output }, async (draw, ended) => {
    let before = first;
    draw([`vpatch ${first.status.version}: measuring for ${intervalMs / 1000} s`]);
    while (await pausedFor(intervalMs, ended)) {
      const answer = await ask(socket, { command: 'top' }, { limitMs: LIMIT_MS });
      // One that is started again comes back.
      if (answer.status === 'failed') {
        draw([...answer.lines, '', 'q: quit']);
        continue;
      }
      const now = sampleOf(answer.result as TopAnswer);
      draw(topLines(now, ratesBetween(before, now), { columns: output.columns, rows: output.rows }));
      before = now;
    }
  });
}

/** False: it is over. */
const pausedFor = (durationMs: number, ended: AbortSignal): Promise<boolean> =>
  pause(durationMs, true, { signal: ended }).catch(() => false);

const sampleOf = (answer: TopAnswer): TopSample => ({ timeMs: Date.now(), ...answer });

function interval(text: string): number {
  const value = parseDurationMs(text);
  if (value !== undefined && value >= LEAST_INTERVAL_MS && value <= MOST_INTERVAL_MS) return value;
  throw new InvalidArgumentError(`expected a duration such as 2s, from ${LEAST_INTERVAL_MS}ms to 1h.`);
}
