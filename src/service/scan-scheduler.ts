import { readlinkSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import { reasonOf } from '../config/problem.ts';
import { policyRulesFile } from '../config/state-paths.ts';
import type { Logger } from '../output/log.ts';
import { MAX_RUNS, readJournal, type ScanJournal, type ScheduledRun, writeJournal } from '../scan/schedule/journal.ts';
import { type PlannedRun, Schedule } from '../scan/schedule/schedule.ts';
import type { CommandOutcome } from './command-process.ts';
import type { Notice } from './notify/notice.ts';
import { failureNotice, scanNotice } from './notify/open.ts';
import type { Reloaded } from './policy-keeper.ts';

export interface ScanSchedulerParts {
  /** As they are now: a reload may change them. */
  readonly settings: () => Config['scan'];
  readonly stateFolder: string;
  readonly scan: (settings: Config['scan']['schedule'], signal: AbortSignal) => Promise<CommandOutcome>;
  readonly reload: () => Promise<Reloaded>;
  /** Of new results and of failures. */
  readonly notify: (notice: Notice) => void;
  readonly log: Logger;
  readonly now: () => number;
}

/** After the start of the host: until then not everything runs that a scan should see. */
export const START_PAUSE_MS = 120_000;
/** Timers stand still while a machine sleeps, and its clock may be set: the time is looked at again so often. */
const LOOK_INTERVAL_MS = 60_000;
/** A run that starts later was missed. More than the pause after the start. */
const LATE_MS = 300_000;
/** Clocks are set back by less for good reasons, and then what was done is not done again. */
export const CLOCK_STEP_MS = 3_600_000;

/** Runs scans when they are due, one at a time, and has the service take over what they assign. */
export class ScanScheduler {
  readonly #parts: ScanSchedulerParts;
  readonly #ended = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #planned: { readonly settings: Config['scan']['schedule']; readonly schedule: Schedule | null } | null = null;
  #journal: ScanJournal;
  /** Which policy the service has loaded, or tried to last. */
  #policy: string | null;

  constructor(parts: ScanSchedulerParts) {
    this.#parts = parts;
    this.#journal = this.#readJournal();
    this.#policy = this.#currentPolicy();
  }

  /** When the next scan is due, which may have been missed. Null: none is planned. */
  get nextMs(): number | null {
    const schedule = this.#scheduleNow();
    return schedule === null ? null : schedule.next(this.#journalOf(this.#parts.now()).doneUntilMs).startMs;
  }

  start(): void {
    this.#wakeIn(START_PAUSE_MS);
  }

  /** Ends a scan that is running; it is made again after the next start. */
  async stop(): Promise<void> {
    this.#ended.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
  }

  #wakeIn(delayMs: number): void {
    if (!this.#ended.signal.aborted) this.#timer = setTimeout(() => this.#wake(), delayMs);
  }

  #wake(): void {
    const schedule = this.#scheduleNow();
    const run = schedule === null ? null : this.#look(schedule);
    if (run === null) {
      this.#wakeIn(LOOK_INTERVAL_MS);
    } else if (run.startMs > this.#parts.now()) {
      this.#wakeIn(Math.min(run.startMs - this.#parts.now(), LOOK_INTERVAL_MS));
    } else {
      this.#running = this.#run(run);
      void this.#running.then(() => this.#takeOver()).finally(() => this.#wakeIn(LOOK_INTERVAL_MS));
    }
  }

  /** Made anew where the settings are: what it knows of a time zone is much, and outside of the heap. */
  #scheduleNow(): Schedule | null {
    const settings = this.#parts.settings().schedule;
    if (this.#planned?.settings !== settings) this.#planned = { settings, schedule: Schedule.of(settings) };
    return this.#planned.schedule;
  }

  /** The run that is next, or due. Null: one was missed, and is not to be made. */
  #look(schedule: Schedule): PlannedRun | null {
    const { now, log, settings } = this.#parts;
    const nowMs = now();
    const journal = this.#journalOf(nowMs);
    if (journal.doneUntilMs > nowMs + CLOCK_STEP_MS) {
      log.warn('the clock was set back: scans go on from now');
      this.#keep({ ...journal, doneUntilMs: nowMs });
    }
    const run = schedule.next(this.#journalOf(nowMs).doneUntilMs);
    if (nowMs - run.startMs <= LATE_MS || settings().schedule.isCaughtUp) return run;
    log.warn(`the scan of ${isoTime(run.dueMs)} was missed, and is left out`);
    this.#keep({ ...journal, doneUntilMs: nowMs });
    return null;
  }

  async #run({ dueMs, startMs }: PlannedRun): Promise<void> {
    const { settings, scan, notify, log, now } = this.#parts;
    const startedMs = now();
    const why = startedMs - startMs > LATE_MS ? 'missed' : 'due';
    const before = this.#journalOf(startedMs);
    // Done before it begins: a scan that brings the service down is not tried again at once.
    const journal = { ...before, doneUntilMs: startedMs };
    this.#keep(journal);
    log.info(`scan begins: ${why} ${isoTime(dueMs)}`);
    const { result, text } = await scan(settings().schedule, this.#ended.signal);
    if (result === 'stopped') {
      this.#keep(before);
      return;
    }
    const run: ScheduledRun = { dueMs, startedMs, durationMs: Math.max(0, now() - startedMs), why, result, text };
    this.#keep({ ...journal, runs: [...journal.runs, run].slice(-MAX_RUNS) });
    const fields = { durationMs: run.durationMs, said: text };
    if (result === 'ok') {
      log.info(fields, 'scan ended');
      const last = before.runs.findLast((earlier) => earlier.result === 'ok')?.text ?? null;
      if (text !== last) notify(scanNotice(text, last, now()));
    } else {
      const what = `scan ended: ${result}; the policy stays as it is`;
      log.error(fields, what);
      notify(failureNotice(`${what}: ${text}`, now()));
    }
  }

  /** Also what others have assigned since, so that a reload that was refused is tried again. */
  async #takeOver(): Promise<void> {
    const { reload, log } = this.#parts;
    const policy = this.#currentPolicy();
    if (policy === this.#policy || this.#ended.signal.aborted) return;
    const reloaded = await reload();
    if (reloaded.status === 'ok') this.#policy = policy;
    else log.error('what the scan has assigned is not in force: the reload was refused');
  }

  /** Where the link of the current policy leads to. Null: there is none. */
  #currentPolicy(): string | null {
    try {
      return readlinkSync(policyRulesFile(this.#parts.stateFolder));
    } catch {
      return null;
    }
  }

  #journalOf(nowMs: number): ScanJournal {
    const { when, timeZone, countedFrom } = this.#parts.settings().schedule;
    const identity = JSON.stringify([when, timeZone, countedFrom]);
    if (this.#journal.schedule !== identity) {
      this.#keep({ ...this.#journal, schedule: identity, doneUntilMs: nowMs });
    }
    return this.#journal;
  }

  #readJournal(): ScanJournal {
    try {
      return readJournal(this.#parts.stateFolder) ?? NO_JOURNAL;
    } catch (error) {
      this.#parts.log.error(`what is known of earlier scans is lost: ${reasonOf(error)}`);
      return NO_JOURNAL;
    }
  }

  /** In memory in any case: a full disk is no reason to scan every minute. */
  #keep(journal: ScanJournal): void {
    const { stateFolder, log } = this.#parts;
    this.#journal = journal;
    try {
      writeJournal(stateFolder, journal);
    } catch (error) {
      log.error(`the history of scans cannot be kept: ${stateFolder}: ${reasonOf(error)}`);
    }
  }
}

const NO_JOURNAL: ScanJournal = { schedule: '', doneUntilMs: 0, runs: [] };

const isoTime = (timeMs: number): string => new Date(timeMs).toISOString();
