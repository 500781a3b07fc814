import { Command, CommanderError } from 'commander';
import { withoutControls } from '../output/log.ts';
import { EXIT, Failure } from './failure.ts';
import { packageVersion } from './package-version.ts';
import { keepYoungGenerationSmall } from './small-heap.ts';

/**
 * All commands with their options and help, or only the one of this name. Commands answer by their side effects, or
 * throw Failure.
 */
export async function buildProgram(name?: string): Promise<Command> {
  const program = new Command('vpatch')
    .description('Virtual patches for Linux hosts: an inline intrusion prevention system on NFQUEUE.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    // What stands behind a subcommand is for it alone, and not for the command above it.
    .enablePositionalOptions()
    .addHelpText('after', EXIT_CODES);
  const isCommand = name !== undefined && Object.hasOwn(COMMANDS, name);
  for (const load of isCommand ? [COMMANDS[name]!] : Object.values(COMMANDS)) (await load())(program);
  return program;
}

/** Runs one command line to its end. Returns the exit code; everything for the user is printed. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const program = await buildProgram(argv[2]);
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

/** In the order of the help. Loaded by need: a service that runs for weeks holds no code of other commands. */
const COMMANDS: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  run: async () => {
    keepYoungGenerationSmall();
    return (await import('./run.ts')).registerRun;
  },
  status: async () => (await import('./status.ts')).registerStatus,
  top: async () => (await import('./top.ts')).registerTop,
  health: async () => (await import('./health.ts')).registerHealth,
  mode: async () => (await import('./mode.ts')).registerMode,
  reload: async () => (await import('./reload.ts')).registerReload,
  except: async () => (await import('./except.ts')).registerExcept,
  events: async () => (await import('./events.ts')).registerEvents,
  explain: async () => (await import('./explain.ts')).registerExplain,
  stop: async () => (await import('./stop.ts')).registerStop,
  cleanup: async () => (await import('./cleanup.ts')).registerCleanup,
  replay: async () => (await import('./replay.ts')).registerReplay,
  sniff: async () => (await import('./sniff.ts')).registerSniff,
  rules: async () => (await import('./rules/rules.ts')).registerRules,
  patches: async () => (await import('./patches/patches.ts')).registerPatches,
  scan: async () => (await import('./scan.ts')).registerScan,
  policy: async () => (await import('./policy.ts')).registerPolicy,
  advisories: async () => (await import('./advisories.ts')).registerAdvisories,
  notify: async () => (await import('./notify.ts')).registerNotify,
  doctor: async () => (await import('./doctor.ts')).registerDoctor,
};

/** The same for all commands, and printed with the help of the program. */
const EXIT_CODES = `
Exit codes: 0 good; 1 the work found a problem; 2 wrong use or configuration; 3 the machine lacks something.`;

/** With all that are below it. */
export function forEachCommand(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const child of command.commands) forEachCommand(child, visit);
}

/** `vpatch rules check`: a subcommand with all its parents. */
export const commandPath = (command: Command): string =>
  command.parent === null ? command.name() : `${commandPath(command.parent)} ${command.name()}`;

const helpHint = (command: Command): string => `Try: ${commandPath(command)} --help`;
