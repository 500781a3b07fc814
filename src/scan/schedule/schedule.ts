import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { Config } from '../../config/config.ts';
import { parseRecurrence, type Recurrence } from '../../config/recurrence.ts';
import { dayNumber, nextOccurrence } from './occurrence.ts';
import { TimeZone } from './time-zone.ts';

export interface PlannedRun {
  /** What the schedule says. */
  readonly dueMs: number;
  /** With the delay that jitter gives it. */
  readonly startMs: number;
}

/** When scans run. The same settings on the same host give the same times, also after a restart. */
export class Schedule {
  readonly #recurrence: Recurrence;
  readonly #zone: TimeZone;
  readonly #countedFrom: number;
  readonly #jitterMs: number;
  readonly #host: string;

  /** Null: there is no schedule. Throws RangeError for settings that the configuration does not let through. */
  static of(settings: Config['scan']['schedule'], host: string = hostname()): Schedule | null {
    if (settings.when === null) return null;
    const parsed = parseRecurrence(settings.when);
    if (parsed.status === 'invalid') throw new RangeError(`scan.schedule.when: expected ${parsed.expected}`);
    return new Schedule(parsed.recurrence, settings, host);
  }

  private constructor(recurrence: Recurrence, settings: Config['scan']['schedule'], host: string) {
    this.#recurrence = recurrence;
    this.#zone = new TimeZone(settings.timeZone);
    this.#countedFrom = dayNumber(Date.parse(settings.countedFrom));
    this.#jitterMs = settings.jitterMs;
    this.#host = host;
  }

  get zone(): TimeZone {
    return this.#zone;
  }

  /** The first run that starts after an instant. */
  next(afterMs: number): PlannedRun {
    // What is due earlier has started by then. Of two that are due, the later one may start first.
    let due = this.#occurrenceAfter(afterMs - this.#jitterMs - 1);
    let first: PlannedRun | null = null;
    while (first === null || due < first.startMs) {
      const startMs = due + this.#delayMs(due);
      if (startMs > afterMs && (first === null || startMs < first.startMs)) first = { dueMs: due, startMs };
      due = this.#occurrenceAfter(due);
    }
    return first;
  }

  #occurrenceAfter(afterMs: number): number {
    return nextOccurrence(this.#recurrence, this.#zone, this.#countedFrom, afterMs);
  }

  /** Another one on each host and for each run, in whole seconds. */
  #delayMs(dueMs: number): number {
    const seconds = Math.floor(this.#jitterMs / 1000);
    if (seconds === 0) return 0;
    const digest = createHash('sha256').update(`${this.#host}\n${dueMs}`).digest();
    return (digest.readUInt32BE(0) % (seconds + 1)) * 1000;
  }
}
