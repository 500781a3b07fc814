import { type Command, InvalidArgumentError } from 'commander';
import { readJournal, type ScheduledRun } from '../scan/schedule/journal.ts';
import { type PlannedRun, Schedule } from '../scan/schedule/schedule.ts';
import { TimeZone } from '../scan/schedule/time-zone.ts';
import { addStateOptions, type SetupOptions, stateSettings, withState } from './scan-setup.ts';
import { table } from './table.ts';

interface ScheduleOptions extends Pick<SetupOptions, 'config' | 'state'> {
  readonly count: number;
  readonly json?: boolean;
}

const DEFAULT_COUNT = 5;
const MAX_COUNT = 1000;

export function registerScanSchedule(scan: Command): void {
  addStateOptions(
    scan
      .command('schedule')
      .summary('show the next scheduled scans, and the last ones')
      .description(
        'Shows when "vpatch run" scans by itself, as scan.schedule of the configuration says, and what became of the ' +
          'last scans that it made.',
      ),
  )
    .option('-n, --count <number>', 'how many of each', count, DEFAULT_COUNT)
    .option('--json', 'print them as JSON')
    .action((options: ScheduleOptions) => withState(() => show(options)));
}

function show({ count: wanted, json = false, ...options }: ScheduleOptions): void {
  const { scan, state } = stateSettings(options);
  const settings = scan.schedule;
  const schedule = Schedule.of(settings);
  const zone = new TimeZone(settings.timeZone);
  const next = schedule === null ? [] : nextRuns(schedule, wanted);
  const last = (readJournal(state.folder)?.runs ?? []).slice(-wanted);
  process.stdout.write(
    json
      ? `${JSON.stringify({ schedule: settings.when, timeZone: zone.name, ...asJson(zone, next, last) }, null, 2)}\n`
      : page(settings.when, zone, next, last),
  );
}

function nextRuns(schedule: Schedule, wanted: number): PlannedRun[] {
  const runs: PlannedRun[] = [];
  for (let atMs = Date.now(); runs.length < wanted; atMs = runs.at(-1)!.startMs) runs.push(schedule.next(atMs));
  return runs;
}

const asJson = (zone: TimeZone, next: readonly PlannedRun[], last: readonly ScheduledRun[]): object => ({
  next: next.map(({ dueMs, startMs }) => ({ due: zone.format(dueMs), start: zone.format(startMs) })),
  last: last.map(({ dueMs, startedMs, ...run }) => ({
    due: zone.format(dueMs),
    started: zone.format(startedMs),
    ...run,
  })),
});

function page(when: string | null, zone: TimeZone, next: readonly PlannedRun[], last: readonly ScheduledRun[]): string {
  const nextRows = next.map(({ dueMs, startMs }) => [
    zone.format(dueMs),
    startMs === dueMs ? '' : `starts ${zone.format(startMs)}`,
  ]);
  const lastRows = last.map(({ startedMs, why, durationMs, result, text }) => [
    zone.format(startedMs),
    why,
    `${(durationMs / 1000).toFixed(1)} s`,
    result,
    text.split('\n').slice(-SHOWN_LINES).join('; '),
  ]);
  const title =
    when === null ? 'no schedule: scan.schedule.when of the configuration is none' : `${when}, ${zone.name}`;
  return (
    `${title}\n` +
    (next.length === 0 ? '' : `\nNext scans\n${indented(nextRows)}`) +
    (last.length === 0 ? '\nno scan was made by the schedule yet\n' : `\nLast scans\n${indented(lastRows)}`)
  );
}

/** What was found, and what became of the policy. */
const SHOWN_LINES = 2;

const indented = (rows: readonly (readonly string[])[]): string => table(rows).replace(/^(?=.)/gm, '  ');

function count(text: string): number {
  const value = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1 && value <= MAX_COUNT) return value;
  throw new InvalidArgumentError(`expected a whole number from 1 to ${MAX_COUNT}.`);
}
