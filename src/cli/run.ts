import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { refusePipes } from '../base/whole-file.ts';
import { type Config, FAILURE_MODES, type FailureMode, HOOKS, type Hook } from '../config/config.ts';
import type { Overrides } from '../config/overrides.ts';
import { HostAddresses } from '../service/host-variables.ts';
import { KeptPolicy } from '../service/kept-policy.ts';
import { MachineError } from '../service/machine-error.ts';
import type { ReadPolicy } from '../service/policy-keeper.ts';
import { runInline } from '../service/run.ts';
import { addCommonOptions, type CommonOptions, settingsFrom } from './common-options.ts';
import { EXIT, Failure, unwritable } from './failure.ts';
import { packageVersion } from './package-version.ts';
import { readTexts, selectionErrors } from './read-texts.ts';
import { collect, repeatable } from './repeatable.ts';

interface RunOptions extends CommonOptions {
  readonly queueStart?: number;
  readonly queues?: number;
  readonly hooks?: readonly Hook[];
  readonly interface?: readonly string[];
  readonly fail?: FailureMode;
  readonly managementPort?: readonly number[];
  readonly control?: string;
}

export function registerRun(program: Command): void {
  addCommonOptions(
    program.command('run').description('inspect the traffic of this host as it passes, and block (needs root)'),
  )
    .option('--queue-start <number>', 'number of the first queue (default: 0)', integer(0, 0xffff))
    .option(
      '--queues <number>',
      'queues, each with a thread (default: one for each processor but one)',
      integer(1, 256),
    )
    .option('--hooks <list>', `what to inspect, of ${HOOKS.join(',')} (default: input,output)`, hooks)
    .option('--interface <name>', 'only this interface; repeatable. Loopback is left alone unless named', collect)
    .addOption(
      new Option(
        '--fail <way>',
        'while the engine cannot inspect, let traffic pass (open) or drop it (closed) (default: open)',
      ).choices(FAILURE_MODES),
    )
    .option(
      '--management-port <port>',
      'TCP port of this host that is never inspected; repeatable',
      repeatable(integer(1, 0xffff)),
    )
    .option('--control <socket>', 'where the other commands find this one, or none (default: /run/vpatch/control.sock)')
    .action(run);
}

async function run(options: RunOptions): Promise<void> {
  refusePipes();
  const addresses = new HostAddresses();
  const read = (): ReturnType<typeof settingsFrom> => settingsFrom(options, overridesOf(options), addresses.variables);
  const { config, log } = read();
  const isHostAlone = config.variables.addresses.HOME_NET === addresses.homeNet;
  if (config.queue.hooks.includes('forward') && isHostAlone) {
    log.warn('HOME_NET is this host alone: rules do not protect what is behind it, unless --set HOME_NET=... names it');
  }
  const policy = policyOf(config, (what) => log.warn(what));
  try {
    await runInline({
      policy,
      read: () => readAgain(read),
      log,
      addresses: isHostAlone ? addresses : null,
      version: packageVersion(),
      commandArgs: (...command) => [
        process.argv[1]!,
        ...command,
        ...(options.config === undefined ? [] : ['--config', options.config]),
      ],
    });
  } catch (error) {
    if (error instanceof MachineError) throw new Failure(EXIT.machine, error.message);
    if (error instanceof RangeError) throw new Failure(EXIT.usage, error.message);
    if (isFileError(error)) throw unwritable(error.path, error);
    throw error;
  }
}

/** Here, since what a function that waits has in hand stays in memory: the texts. */
function policyOf(config: Config, warn: (what: string) => void): KeptPolicy {
  // Workers compile the texts, and need not keep what the lists have done to them.
  const { selection, ...rules } = readTexts(config);
  for (const line of selectionErrors(selection)) warn(line);
  return KeptPolicy.of({ config, rules });
}

/** For a reload, where what is wrong is told and changes nothing. */
function readAgain(read: () => { readonly config: Config }): ReturnType<ReadPolicy> {
  try {
    const { config } = read();
    const { selection, ...rules } = readTexts(config);
    const problems = selectionErrors(selection);
    return problems.length > 0 ? { status: 'invalid', problems } : { status: 'ok', policy: { config, rules } };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { status: 'invalid', problems: error.lines };
  }
}

function overridesOf({
  queueStart,
  queues,
  hooks: wanted,
  fail,
  managementPort,
  control,
  ...options
}: RunOptions): Overrides {
  return {
    queue: {
      ...(queueStart !== undefined && { start: queueStart }),
      ...(queues !== undefined && { count: queues }),
      ...(wanted !== undefined && { hooks: wanted }),
      ...(options.interface !== undefined && { interfaces: options.interface }),
      ...(managementPort !== undefined && { managementPorts: managementPort }),
    },
    ...(fail !== undefined && { failure: { engine: fail } }),
    ...(control !== undefined && { control: { socket: control === 'none' ? null : resolve(control) } }),
  };
}

/** Of the event file. */
const isFileError = (error: unknown): error is Error & { readonly path: string } =>
  error instanceof Error && 'code' in error && 'path' in error && typeof error.path === 'string';

function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}.`);
  };
}

function hooks(text: string): readonly Hook[] {
  const names = text.split(',').map((name) => name.trim());
  const wanted = HOOKS.filter((hook) => names.includes(hook));
  if (wanted.length === names.length) return wanted;
  throw new InvalidArgumentError(`expected some of ${HOOKS.join(', ')}, each once, with commas between them.`);
}
