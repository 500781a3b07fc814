/** Monday is 0, as weeks begin (ISO 8601). */
export const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;

/** Which weekday of a month; the last one may be the fourth or the fifth. */
export const ORDINALS = ['first', 'second', 'third', 'fourth', 'last'] as const;
export type Ordinal = (typeof ORDINALS)[number];

/** When something is due, by the clock of a time zone that is not part of it. */
export type Recurrence =
  | { readonly unit: 'hour'; readonly minute: number }
  | { readonly unit: 'day'; readonly every: number; readonly minuteOfDay: number }
  | { readonly unit: 'working-day'; readonly minuteOfDay: number }
  | { readonly unit: 'week'; readonly every: number; readonly weekday: number; readonly minuteOfDay: number }
  /** In a month that is shorter: its last day. */
  | { readonly unit: 'month'; readonly day: number; readonly minuteOfDay: number }
  | { readonly unit: 'month-week'; readonly nth: Ordinal; readonly weekday: number; readonly minuteOfDay: number };

export type ParsedRecurrence =
  | { readonly status: 'ok'; readonly recurrence: Recurrence }
  /** What was expected. */
  | { readonly status: 'invalid'; readonly expected: string };

/** Ours: a year. Longer is never. */
const MAX_DAYS = 365;
const MAX_WEEKS = 52;
const MAX_MINUTE = 59;
const MAX_HOUR = 23;
const MAX_MONTH_DAYS = 31;

const FORMS =
  '"hourly at minute 15", "daily at 03:30", "weekdays at 03:30", "every 3 days at 03:30", "weekly on sunday at 03:30", ' +
  '"every 2 weeks on sunday at 03:30", "monthly on day 1 at 03:30" or "monthly on first sunday at 03:30"';

/** Reads one of FORMS, in any case. */
export function parseRecurrence(text: string): ParsedRecurrence {
  const words = text.trim().toLowerCase().replace(/\s+/g, ' ');
  const hourly = /^hourly at minute (\d{1,4})$/.exec(words);
  if (hourly !== null) {
    const minute = Number(hourly[1]);
    return minute <= MAX_MINUTE ? ok({ unit: 'hour', minute }) : invalid(`a minute from 0 to ${MAX_MINUTE}`);
  }
  const timed = /^(.+) at (\d{1,2}):(\d{2})$/.exec(words);
  if (timed === null) return invalid(`something like ${FORMS}`);
  const hour = Number(timed[2]);
  const minute = Number(timed[3]);
  if (hour > MAX_HOUR || minute > MAX_MINUTE) return invalid('a time from 00:00 to 23:59');
  return parseDays(timed[1]!, hour * 60 + minute);
}

function parseDays(words: string, minuteOfDay: number): ParsedRecurrence {
  if (words === 'daily') return ok({ unit: 'day', every: 1, minuteOfDay });
  if (words === 'weekdays') return ok({ unit: 'working-day', minuteOfDay });

  const days = /^every (\d{1,4}) days$/.exec(words);
  if (days !== null) {
    const every = Number(days[1]);
    return isFrom1(every, MAX_DAYS) ? ok({ unit: 'day', every, minuteOfDay }) : invalid(`1 to ${MAX_DAYS} days`);
  }

  const weeks = /^(?:weekly|every (\d{1,4}) weeks) on (\w+)$/.exec(words);
  if (weeks !== null) {
    const every = Number(weeks[1] ?? 1);
    if (!isFrom1(every, MAX_WEEKS)) return invalid(`1 to ${MAX_WEEKS} weeks`);
    const weekday = weekdayNamed(weeks[2]!);
    return weekday < 0 ? noSuchWeekday() : ok({ unit: 'week', every, weekday, minuteOfDay });
  }

  const monthDay = /^monthly on day (\d{1,4})$/.exec(words);
  if (monthDay !== null) {
    const day = Number(monthDay[1]);
    return isFrom1(day, MAX_MONTH_DAYS)
      ? ok({ unit: 'month', day, minuteOfDay })
      : invalid(`a day from 1 to ${MAX_MONTH_DAYS}`);
  }

  const monthWeek = /^monthly on (?:the )?(\w+) (\w+)$/.exec(words);
  if (monthWeek !== null) {
    const nth = ORDINALS.find((name) => name === monthWeek[1]);
    if (nth === undefined) return invalid(`one of ${ORDINALS.join(', ')} before the weekday`);
    const weekday = weekdayNamed(monthWeek[2]!);
    return weekday < 0 ? noSuchWeekday() : ok({ unit: 'month-week', nth, weekday, minuteOfDay });
  }
  return invalid(`something like ${FORMS}`);
}

const isFrom1 = (value: number, max: number): boolean => value >= 1 && value <= max;

/** -1: there is none of this name. */
const weekdayNamed = (name: string): number => (WEEKDAYS as readonly string[]).indexOf(name);

const noSuchWeekday = (): ParsedRecurrence => invalid(`a weekday of ${WEEKDAYS.join(', ')}`);

const ok = (recurrence: Recurrence): ParsedRecurrence => ({ status: 'ok', recurrence });

const invalid = (expected: string): ParsedRecurrence => ({ status: 'invalid', expected });
