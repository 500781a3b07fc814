import { z } from 'zod';
import { parseRecurrence } from './recurrence.ts';
import { expecting, flag, key, section } from './schema-parts.ts';
import { parseDurationMs } from './units.ts';

/** A word that switches it off, or when; the message says which part of it is wrong. */
const recurrence = z.unknown().transform((value, context): string | null => {
  if (value === 'none') return null;
  const parsed = parseRecurrence(typeof value === 'string' ? value : '');
  if (parsed.status === 'ok') return value as string;
  context.addIssue({ code: 'custom', message: `expected ${parsed.expected}`, input: value });
  return z.NEVER;
});

const timeZone = expecting<string | null>('a time zone such as Europe/Berlin, or system', (value) => {
  if (value === 'system') return null;
  return typeof value === 'string' && isTimeZone(value) ? value : undefined;
});

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const date = expecting('a date such as 2024-01-01', (value) =>
  typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) && isCalendarDate(value) ? value : undefined,
);

/** Date takes the 30th of February for the 1st of March. */
function isCalendarDate(text: string): boolean {
  const timeMs = Date.parse(text);
  return !Number.isNaN(timeMs) && new Date(timeMs).toISOString().startsWith(text);
}

const durationFrom = (from: string, to: string): z.ZodType<number> =>
  expecting(`a duration from ${from} to ${to}`, (value) => {
    const durationMs = parseDurationMs(value);
    const isWithin =
      durationMs !== undefined && durationMs >= parseDurationMs(from)! && durationMs <= parseDurationMs(to)!;
    return isWithin ? durationMs : undefined;
  });

/** `scan.schedule`: when the running service scans. */
export const scheduleSchema = section({
  when: key('when', recurrence),
  'time-zone': key('timeZone', timeZone),
  'counted-from': key('countedFrom', date),
  jitter: key('jitterMs', durationFrom('0s', '12h')),
  'catch-up': key('isCaughtUp', flag()),
  'time-limit': key('timeLimitMs', durationFrom('1m', '1d')),
  apply: key('isApplied', flag()),
});
