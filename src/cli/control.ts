import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { DEFAULTS } from '../config/config.ts';
import { YamlFile } from '../config/yaml-file.ts';
import { type AskOptions, ask } from '../service/control-client.ts';
import type { ControlRequest, FailureKind } from '../service/control-protocol.ts';
import { DEFAULT_CONFIG_FILE } from './common-options.ts';
import { EXIT, type ExitCode, Failure } from './failure.ts';

/** What is answered at once is waited for so long: a busy service may take its time. */
const ANSWER_LIMIT_MS = 10_000;

/** What every command understands that asks the running service. */
export interface ControlOptions {
  readonly control?: string;
}

export const addControlOption = (command: Command): Command =>
  command.option('--control <socket>', `where the service listens (default: control.socket of ${DEFAULT_CONFIG_FILE})`);

/** The result of a request. Throws Failure with what the service says, or with why it cannot be asked. */
export async function askService(
  control: ControlOptions,
  request: ControlRequest,
  options: AskOptions = { limitMs: ANSWER_LIMIT_MS },
): Promise<unknown> {
  const answer = await ask(controlSocket(control), request, options);
  if (answer.status === 'ok') return answer.result;
  throw new Failure(EXIT_OF[answer.kind], ...answer.lines);
}

/** Where the running service listens. */
export const controlSocket = ({ control }: ControlOptions): string =>
  control === undefined ? configuredSocket() : resolve(control);

const EXIT_OF: Readonly<Record<FailureKind, ExitCode>> = {
  problem: EXIT.problem,
  usage: EXIT.usage,
  machine: EXIT.machine,
  absent: EXIT.machine,
};

/** Of a configuration that may be wrong otherwise: the service runs by an earlier one, and has to be asked still. */
function configuredSocket(): string {
  const byDefault = DEFAULTS.control.socket!;
  if (!existsSync(DEFAULT_CONFIG_FILE)) return byDefault;
  const { value } = YamlFile.read(DEFAULT_CONFIG_FILE, DEFAULT_CONFIG_FILE);
  const { control } = (value ?? {}) as { readonly control?: { readonly socket?: unknown } };
  const socket = control?.socket;
  return typeof socket === 'string' && socket.startsWith('/') ? socket : byDefault;
}
