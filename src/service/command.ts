import { spawnSync } from 'node:child_process';

/** How a program ended. */
export interface CommandResult {
  /** Null: the program could not be started, or was ended by a signal. */
  readonly status: number | null;
  readonly output: string;
  /** What it said on standard error, or why it could not be started. */
  readonly error: string;
}

/** Starts a program and waits for it. Never a shell: arguments are passed as they are. */
export type RunCommand = (program: string, args: readonly string[], input?: string) => CommandResult;

/** A firewall tool that waits longer than this for a lock is stuck. */
const COMMAND_TIMEOUT_MS = 20_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

export const runCommand: RunCommand = (program, args, input = '') => {
  const result = spawnSync(program, args, {
    input,
    encoding: 'utf8',
    timeout: COMMAND_TIMEOUT_MS,
    maxBuffer: MAX_OUTPUT_BYTES,
    // A service or a user's shell may lack the folders of the firewall tools; messages are parsed, so no locale.
    env: { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`, LC_ALL: 'C' },
  });
  return { status: result.status, output: result.stdout ?? '', error: result.error?.message ?? result.stderr ?? '' };
};

/** Whether the program exists and can be started. */
export const isMissing = (result: CommandResult): boolean => result.status === null && result.error.includes('ENOENT');

/** The first line that says something, without the noise of iptables-nft's warnings. */
export const firstLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '' && !line.startsWith('#')) ?? '';
