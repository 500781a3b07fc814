import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { scansFolder } from '../../config/state-paths.ts';
import { readState } from '../../patches/policy-store.ts';
import { replaceFile } from '../../patches/state-file.ts';

const runSchema = z.object({
  dueMs: z.number(),
  startedMs: z.number(),
  durationMs: z.number(),
  /** `missed`: later than it was due, because nobody was there to start it. */
  why: z.enum(['due', 'missed']),
  result: z.enum(['ok', 'failed', 'out of time']),
  /** What the scan said at its end, for people. */
  text: z.string(),
});
export type ScheduledRun = z.output<typeof runSchema>;

const journalSchema = z.object({
  /** The schedule that it is about. After a change nothing of the time before counts as missed. */
  schedule: z.string(),
  /** Runs that start up to here were made, or were given up. */
  doneUntilMs: z.number(),
  runs: z.array(runSchema),
});
/** What the service remembers of scheduled scans; the latest run last. */
export type ScanJournal = z.output<typeof journalSchema>;

/** That are kept: two years of weekly scans, four days of hourly ones. */
export const MAX_RUNS = 100;

/** Null: there is none yet. Throws StateError where it is damaged. */
export function readJournal(stateFolder: string): ScanJournal | null {
  const path = journalFile(stateFolder);
  return existsSync(path) ? readState(path, journalSchema) : null;
}

export const writeJournal = (stateFolder: string, journal: ScanJournal): void =>
  replaceFile(journalFile(stateFolder), `${JSON.stringify(journal)}\n`);

const journalFile = (stateFolder: string): string => join(scansFolder(stateFolder), 'schedule.json');
