import { vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';

export interface CommandLineResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs vpatch in this process, as if it had been called with these arguments. */
export async function vpatch(...args: readonly string[]): Promise<CommandLineResult> {
  let stdout = '';
  let stderr = '';
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      stdout += String(text);
      return true;
    }),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      stderr += String(text);
      return true;
    }),
  ];
  try {
    const exitCode = await runProgram(['node', 'vpatch', ...args]);
    return { exitCode, stdout, stderr };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
