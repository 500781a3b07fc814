#!/usr/bin/env node

/** As shells count a program that SIGPIPE ended. */
const BROKEN_PIPE = 141;
const FAILED = 1;
const MACHINE_LACKS_SOMETHING = 3;

// Whoever reads our output may stop early (`| head`): that is no failure, and nothing to talk about.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(BROKEN_PIPE);
  process.stderr.write(`vpatch: standard output cannot be written: ${error.message}\n`);
  process.exit(FAILED);
});

try {
  // Loads the native addon, which may be missing or not fit for this machine.
  const { runProgram } = await import('./cli/program.ts');
  process.exitCode = await runProgram(process.argv);
} catch (error) {
  if (!(error instanceof Error) || error.name !== 'NativeError') throw error;
  process.stderr.write(`vpatch: ${error.message}\n`);
  process.exitCode = MACHINE_LACKS_SOMETHING;
}
