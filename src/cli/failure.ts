import { reasonOf } from '../config/problem.ts';

/** What the process answers to its caller. Documented in docs/commands.md; scripts rely on it. */
export const EXIT = {
  good: 0,
  /** The work was done, and found a problem: bad rules, alerts where none were wanted. */
  problem: 1,
  /** Wrong use or configuration. */
  usage: 2,
  /** The machine lacks something: privileges, a kernel feature, a tool. */
  machine: 3,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command. `lines` are for the user, each says what is wrong and what to do; there is never a stack trace. */
export class Failure extends Error {
  readonly exitCode: ExitCode;
  readonly lines: readonly string[];

  constructor(exitCode: ExitCode, ...lines: readonly string[]) {
    super(lines.join('\n'));
    this.name = 'Failure';
    this.exitCode = exitCode;
    this.lines = lines;
  }
}

/** The event file cannot be opened. */
export function unwritable(file: string, error: unknown): Failure {
  const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  const reason = isMissing ? 'there is no such folder: make it first, or name another file' : reasonOf(error);
  return new Failure(EXIT.usage, `--eve ${file}: cannot be written: ${reason}`);
}
