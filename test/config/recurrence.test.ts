import { describe, expect, test } from 'vitest';
import { parseRecurrence, type Recurrence } from '../../src/config/recurrence.ts';

describe('parseRecurrence', () => {
  test.each<[string, Recurrence]>([
    ['hourly at minute 0', { unit: 'hour', minute: 0 }],
    ['Hourly  at minute 59', { unit: 'hour', minute: 59 }],
    ['daily at 3:30', { unit: 'day', every: 1, minuteOfDay: 210 }],
    ['weekdays at 23:59', { unit: 'working-day', minuteOfDay: 1439 }],
    ['every 3 days at 00:00', { unit: 'day', every: 3, minuteOfDay: 0 }],
    ['weekly on Sunday at 03:30', { unit: 'week', every: 1, weekday: 6, minuteOfDay: 210 }],
    ['every 2 weeks on monday at 03:30', { unit: 'week', every: 2, weekday: 0, minuteOfDay: 210 }],
    ['monthly on day 31 at 03:30', { unit: 'month', day: 31, minuteOfDay: 210 }],
    ['monthly on the first monday at 03:30', { unit: 'month-week', nth: 'first', weekday: 0, minuteOfDay: 210 }],
    ['monthly on last friday at 03:30', { unit: 'month-week', nth: 'last', weekday: 4, minuteOfDay: 210 }],
  ])('reads "%s"', (text, recurrence) => {
    expect(parseRecurrence(text)).toEqual({ status: 'ok', recurrence });
  });

  test.each([
    ['', 'something like "hourly at minute 15"'],
    ['03:30', 'something like'],
    ['yearly at 03:30', 'something like'],
    ['daily', 'something like'],
    ['hourly at minute 60', 'a minute from 0 to 59'],
    ['daily at 24:00', 'a time from 00:00 to 23:59'],
    ['daily at 12:60', 'a time from 00:00 to 23:59'],
    ['every 0 days at 03:30', '1 to 365 days'],
    ['every 366 days at 03:30', '1 to 365 days'],
    ['every 53 weeks on monday at 03:30', '1 to 52 weeks'],
    ['weekly on mon at 03:30', 'a weekday of monday,'],
    ['monthly on day 0 at 03:30', 'a day from 1 to 31'],
    ['monthly on fifth monday at 03:30', 'one of first, second, third, fourth, last'],
    ['monthly on last day at 03:30', 'a weekday of monday,'],
  ])('says what is wrong with "%s"', (text, expected) => {
    expect(parseRecurrence(text)).toEqual({ status: 'invalid', expected: expect.stringContaining(expected) });
  });
});
