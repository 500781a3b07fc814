import { Command, CommanderError } from 'commander';
import { withoutControls } from '../output/log.ts';
import { registerAdvisories } from './advisories.ts';
import { registerCleanup } from './cleanup.ts';
import { registerDoctor } from './doctor.ts';
import { registerExcept } from './except.ts';
import { registerExplain } from './explain.ts';
import { EXIT, Failure } from './failure.ts';
import { registerMode } from './mode.ts';
import { packageVersion } from './package-version.ts';
import { registerPatches } from './patches.ts';
import { registerPolicy } from './policy.ts';
import { registerReload } from './reload.ts';
import { registerReplay } from './replay.ts';
import { registerRules } from './rules/rules.ts';
import { registerRun } from './run.ts';
import { registerScan } from './scan.ts';
import { registerSniff } from './sniff.ts';
import { registerStatus } from './status.ts';
import { registerStop } from './stop.ts';

/** All commands with their options and help. Commands answer by their side effects, or throw Failure. */
export function buildProgram(): Command {
  const program = new Command('vpatch')
    .description('Virtual patches for Linux hosts: an inline intrusion prevention system on NFQUEUE.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', EXIT_CODES);
  for (const register of COMMANDS) register(program);
  return program;
}

/** Runs one command line to its end. Returns the exit code; everything for the user is printed. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const program = buildProgram();
  forEachCommand(program, (command) => command.exitOverride().showHelpAfterError(helpHint(command)));
  try {
    await program.parseAsync(argv);
    return Number(process.exitCode ?? EXIT.good);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.good : EXIT.usage;
    if (!(error instanceof Failure)) throw error;
    for (const line of error.lines) process.stderr.write(`vpatch: ${withoutControls(line)}\n`);
    return error.exitCode;
  }
}

/** In the order of the help. */
const COMMANDS: readonly ((program: Command) => void)[] = [
  registerRun,
  registerStatus,
  registerMode,
  registerReload,
  registerExcept,
  registerExplain,
  registerStop,
  registerCleanup,
  registerReplay,
  registerSniff,
  registerRules,
  registerPatches,
  registerScan,
  registerPolicy,
  registerAdvisories,
  registerDoctor,
];

/** The same for all commands, and printed with the help of the program. */
const EXIT_CODES = `
Exit codes: 0 good; 1 the work found a problem; 2 wrong use or configuration; 3 the machine lacks something.`;

export function forEachCommand(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const child of command.commands) forEachCommand(child, visit);
}

/** `vpatch rules check`: a subcommand with all its parents. */
export const commandPath = (command: Command): string =>
  command.parent === null ? command.name() : `${commandPath(command.parent)} ${command.name()}`;

const helpHint = (command: Command): string => `Try: ${commandPath(command)} --help`;
