import { ORDINALS, type Ordinal, type Recurrence } from '../../config/recurrence.ts';
import type { TimeZone } from './time-zone.ts';

const MINUTE_MS = 60_000;
const HOUR_MINUTES = 60;
const DAY_MS = 86_400_000;
const WEEK_DAYS = 7;
const WORKING_DAYS = 5;
/** Days are counted from 1970-01-01, a Thursday. */
const FIRST_WEEKDAY = 3;

/** A day of the calendar, of which there are no two and which no time zone shifts: days since 1970-01-01. */
export const dayNumber = (localMs: number): number => Math.floor(localMs / DAY_MS);

/**
 * When the recurrence is next due after an instant. `countedFrom` is the number of the day from which every X days and
 * every X weeks are counted, in both directions.
 */
export function nextOccurrence(recurrence: Recurrence, zone: TimeZone, countedFrom: number, afterMs: number): number {
  if (recurrence.unit === 'hour') return nextMinute(recurrence.minute, zone, afterMs);
  // What is due in a day that a zone leaves out is due at the beginning of the next one: one day back is not enough.
  for (let day = dayNumber(zone.localMs(afterMs)) - 2; ; day += 1) {
    if (!isDay(recurrence, countedFrom, day)) continue;
    const instant = zone.instantMs(day * DAY_MS + recurrence.minuteOfDay * MINUTE_MS);
    if (instant > afterMs) return instant;
  }
}

/** Each instant at which clocks show the minute, also in an hour that they show twice. */
function nextMinute(minute: number, zone: TimeZone, afterMs: number): number {
  let at = Math.floor(afterMs / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
  for (;;) {
    const shown = Math.floor(zone.localMs(at) / MINUTE_MS) % HOUR_MINUTES;
    const next = at + ((minute - shown + HOUR_MINUTES) % HOUR_MINUTES) * MINUTE_MS;
    if (zone.offsetMs(next) === zone.offsetMs(at)) return next;
    at = zone.changeMs(at, next);
  }
}

function isDay(recurrence: Exclude<Recurrence, { unit: 'hour' }>, countedFrom: number, day: number): boolean {
  switch (recurrence.unit) {
    case 'day':
      return (day - countedFrom) % recurrence.every === 0;
    case 'working-day':
      return weekdayOf(day) < WORKING_DAYS;
    case 'week':
      return weekdayOf(day) === recurrence.weekday && (weekOf(day) - weekOf(countedFrom)) % recurrence.every === 0;
    case 'month': {
      const { dayOfMonth, monthDays } = calendar(day);
      return dayOfMonth === Math.min(recurrence.day, monthDays);
    }
    case 'month-week':
      return weekdayOf(day) === recurrence.weekday && isNth(recurrence.nth, day);
    default:
      return recurrence satisfies never;
  }
}

/** Whether it is the nth of its weekday in its month. */
function isNth(nth: Ordinal, day: number): boolean {
  const { dayOfMonth, monthDays } = calendar(day);
  return nth === 'last'
    ? dayOfMonth + WEEK_DAYS > monthDays
    : Math.ceil(dayOfMonth / WEEK_DAYS) === ORDINALS.indexOf(nth) + 1;
}

const weekdayOf = (day: number): number => (((day + FIRST_WEEKDAY) % WEEK_DAYS) + WEEK_DAYS) % WEEK_DAYS;

const weekOf = (day: number): number => Math.floor((day + FIRST_WEEKDAY) / WEEK_DAYS);

function calendar(day: number): { readonly dayOfMonth: number; readonly monthDays: number } {
  const date = new Date(day * DAY_MS);
  // Day 0 of the next month.
  const monthDays = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  return { dayOfMonth: date.getUTCDate(), monthDays };
}
