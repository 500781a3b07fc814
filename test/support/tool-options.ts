import { type ParseArgsConfig, parseArgs } from 'node:util';

/**
 * The options of a tool's command line. Ends the process where there is nothing to do by them: after the usage that
 * `--help` asks for, or with code 2 for a mistake.
 */
export function toolOptions<T extends ParseArgsConfig>(usage: string, config: T): ReturnType<typeof parseArgs<T>> {
  if (process.argv.slice(2).some((arg) => arg === '--help' || arg === '-h')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    return endMistaken((error as Error).message);
  }
}

/** The whole or broken number above 0 that an option has to be. */
export function positiveNumber(option: string, text: string): number {
  const value = Number(text);
  return value > 0 && Number.isFinite(value) ? value : endMistaken(`${option} ${text}: expected a number above 0`);
}

export function endMistaken(message: string): never {
  console.error(`${message}\nSee --help.`);
  process.exit(2);
}
