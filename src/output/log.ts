import { writeSync } from 'node:fs';
import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger };

export type LogFormat = 'json' | 'text';

const STDERR_FD = 2;

/**
 * The log of the program itself, on standard error: what it does and what it lacks. What it sees in traffic goes to
 * the event outputs instead. `json` is for journals and collectors; `text` is one line for a person at a terminal.
 */
export function createLog(level: string, format: LogFormat = process.stderr.isTTY ? 'text' : 'json'): Logger {
  const destination = format === 'json' ? { write: writeToStderr } : textDestination(writeToStderr);
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: levelName } },
    destination,
  );
}

/** Turns pino's lines into `warn: message (key=value)`. */
export function textDestination(write: (line: string) => void): DestinationStream {
  return {
    write(json: string): void {
      const { level, time: _, msg = '', err, ...fields } = JSON.parse(json) as Record<string, unknown>;
      const prefix = level === 'info' ? '' : `${level}: `;
      const reason = isError(err) && err.message !== msg ? `: ${err.message}` : '';
      const details = Object.entries(fields).map(
        ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
      );
      const suffix = details.length > 0 ? ` (${details.join(' ')})` : '';
      write(`${withoutControls(`${prefix}${msg}${reason}${suffix}`)}\n`);
    },
  };
}

/** Rule texts and file names come from elsewhere, and a terminal obeys control characters. */
export const withoutControls = (text: string): string =>
  text.replace(
    /[\x00-\x08\x0a-\x1f\x7f-\x9f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );

const isError = (value: unknown): value is { message: string } =>
  typeof value === 'object' && value !== null && 'message' in value;

const levelName = (label: string): { level: string } => ({ level: label });

/** A log that cannot be written is no reason to stop inspecting. */
function writeToStderr(line: string): void {
  try {
    writeSync(STDERR_FD, line);
  } catch {}
}
