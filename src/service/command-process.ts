import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

/** How a command ended, and what it said at its end. */
export interface CommandOutcome {
  /** `stopped`: it was not to go on. */
  readonly result: 'ok' | 'failed' | 'out of time' | 'stopped';
  readonly text: string;
}

export interface OwnCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly timeLimitMs: number;
  /** Ends the command. */
  readonly signal: AbortSignal;
}

/** More than a summary has; of more, the end is kept. */
const MAX_OUTPUT_CHARACTERS = 4096;
/** When memory ends, the kernel ends the command and not the service that inspects (proc(5): from -1000 to 1000). */
const OOM_SCORE = '1000';

/** Runs a command of ours in a process of its own, which gets what others leave of the processor. Never rejects. */
export function runCommandProcess({ program, args, timeLimitMs, signal }: OwnCommand): Promise<CommandOutcome> {
  const outcome = new Promise<CommandOutcome>((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' });
    yieldTo(child.pid);
    let isLate = false;
    const limit = setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
    }, timeLimitMs);
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-MAX_OUTPUT_CHARACTERS);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-MAX_OUTPUT_CHARACTERS);
    });
    const end = ({ result, text }: CommandOutcome): void => {
      clearTimeout(limit);
      resolve({ result, text: text.trim() });
    };
    child.once('error', (error) => {
      end(signal.aborted ? { result: 'stopped', text: '' } : { result: 'failed', text: error.message });
    });
    child.once('close', (code, ended) => {
      if (isLate) end({ result: 'out of time', text: errors });
      else if (code === 0) end({ result: 'ok', text: output });
      else end({ result: 'failed', text: errors || `it ended with ${ended ?? `exit code ${code}`}` });
    });
  });
  // The system may not be able to start a process at all.
  return outcome.catch((error: Error) => ({ result: 'failed', text: error.message }));
}

/** Threads that it starts from now on inherit it. Without the privilege, it is one process among others. */
function yieldTo(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
    writeFileSync(`/proc/${pid}/oom_score_adj`, OOM_SCORE);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}
