import { type Command, InvalidArgumentError } from 'commander';
import { parseAddressRange } from '../base/address-range.ts';
import { parseDurationMs } from '../config/units.ts';
import type { Exception } from '../detect/exceptions.ts';
import { withoutControls } from '../output/log.ts';
import { checkNamed } from '../verdict/checks.ts';
import { addControlOption, askService, type ControlOptions } from './control.ts';
import { EXIT, Failure } from './failure.ts';

interface AddOptions extends ControlOptions {
  readonly sid?: number;
  readonly check?: string;
  readonly source?: string;
  readonly destination?: string;
  readonly port?: number;
  readonly path?: string;
  readonly for?: number;
  readonly reason?: string;
}

interface ListOptions extends ControlOptions {
  readonly json?: boolean;
}

export function registerExcept(program: Command): void {
  const except = program
    .command('except')
    .summary('have rules leave some traffic alone')
    .description(
      'Exceptions from rules and always-on checks of the running service. They take effect at once, are kept apart from ' +
        'rule files, and survive reloads and restarts.',
    );

  const add = except
    .command('add')
    .summary('add an exception')
    .description(
      'Adds an exception: traffic for which all that is named holds does not meet the rule any more. Without --sid and ' +
        '--check, no rule meets it.',
    )
    .option('--sid <number>', 'only this rule', number(1, 0xffff_ffff))
    .option('--check <name>', 'not a rule, but this always-on check', check)
    .option('--source <network>', "only packets from there: an event's src_ip", network)
    .option('--destination <network>', "only packets to there: an event's dest_ip", network)
    .option('--port <number>', "only this port of the server's", number(1, 0xffff))
    .option('--path <path>', 'only HTTP requests for this path, without its query; a * at its end stands for anything')
    .option('--for <duration>', 'only for so long: 8h, 30d', duration)
    .option('--reason <text>', 'for whoever reads the list later');
  addControlOption(add)
    .addHelpText('after', '\nExample:\n  vpatch except add --sid 9000001 --source 192.0.2.7 --path "/wiki/*" --for 30d')
    .action(addException);

  const list = except
    .command('list')
    .summary('list the exceptions')
    .description('Lists the exceptions: number, what they are for, until when, why.')
    .option('--json', 'print them as JSON');
  addControlOption(list).action(listExceptions);

  const remove = except
    .command('remove')
    .summary('remove exceptions')
    .description('Removes exceptions: all that are named, or none when one is not there.')
    .argument('<id...>', 'numbers, as in the list');
  addControlOption(remove).action(removeExceptions);
}

async function addException({ for: forMs, reason, ...options }: AddOptions): Promise<void> {
  const { control, ...narrow } = options;
  const exception = {
    ...narrow,
    ...(forMs !== undefined && { untilMs: Date.now() + forMs }),
    ...(reason !== undefined && { reason }),
  };
  const added = await askService(options, { command: 'except-add', exception });
  process.stdout.write(`exception ${exceptionText(added as Exception)}\n`);
}

async function listExceptions({ json = false, ...options }: ListOptions): Promise<void> {
  const exceptions = (await askService(options, { command: 'except-list' })) as Exception[];
  if (json) process.stdout.write(`${JSON.stringify(exceptions, null, 2)}\n`);
  else process.stdout.write(exceptions.map((exception) => `${exceptionText(exception)}\n`).join(''));
}

async function removeExceptions(texts: readonly string[], options: ControlOptions): Promise<void> {
  const ids = texts.map(Number);
  if (!ids.every((id) => Number.isInteger(id) && id > 0))
    throw new Failure(EXIT.usage, 'exceptions have numbers: see the list');
  const removed = await askService(options, { command: 'except-remove', ids });
  process.stdout.write((removed as Exception[]).map((one) => `removed exception ${exceptionText(one)}\n`).join(''));
}

/** `3: sid 9000001, source 192.0.2.7, until 2026-12-01T00:00:00.000Z (a reason)` */
function exceptionText({ id, untilMs, reason, ...narrow }: Exception): string {
  const parts = Object.entries(narrow).filter(([, value]) => value !== null);
  const until = untilMs === null ? 'for good' : `until ${new Date(untilMs).toISOString()}`;
  const isOver = untilMs !== null && untilMs <= Date.now() ? ', over' : '';
  const why = reason === null ? '' : ` (${reason})`;
  return withoutControls(`${id}: ${[...parts.map((part) => part.join(' ')), until].join(', ')}${isOver}${why}`);
}

function number(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}.`);
  };
}

function network(text: string): string {
  if (parseAddressRange(text) !== null) return text;
  throw new InvalidArgumentError('expected an address or a network such as 192.0.2.0/24.');
}

function check(name: string): string {
  if (checkNamed(name) !== null) return name;
  throw new InvalidArgumentError('no always-on check has this name; docs/checks.md lists them.');
}

function duration(text: string): number {
  const forMs = parseDurationMs(text);
  if (forMs !== undefined && forMs > 0) return forMs;
  throw new InvalidArgumentError('expected a duration such as 8h or 30d.');
}
