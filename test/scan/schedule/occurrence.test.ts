import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRecurrence, type Recurrence, WEEKDAYS } from '../../../src/config/recurrence.ts';
import { dayNumber, nextOccurrence } from '../../../src/scan/schedule/occurrence.ts';
import { TimeZone } from '../../../src/scan/schedule/time-zone.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const MONDAY = dayNumber(Date.parse('2024-01-01'));

function recurrenceOf(when: string): Recurrence {
  const parsed = parseRecurrence(when);
  if (parsed.status === 'invalid') throw new Error(parsed.expected);
  return parsed.recurrence;
}

/** The next times in UTC, without seconds. */
function times(when: string, zone: string, after: string, count: number, countedFrom = MONDAY): string[] {
  const recurrence = recurrenceOf(when);
  const timeZone = new TimeZone(zone);
  const found: string[] = [];
  for (let at = Date.parse(after); found.length < count; ) {
    at = nextOccurrence(recurrence, timeZone, countedFrom, at);
    found.push(new Date(at).toISOString().replace(/:00\.000Z$/, 'Z'));
  }
  return found;
}

const days = (...args: Parameters<typeof times>): string[] => times(...args).map((time) => time.slice(0, 10));

describe('each form', () => {
  test.each<[string, string[]]>([
    ['hourly at minute 15', ['2026-11-22T10:15Z', '2026-11-22T11:15Z', '2026-11-22T12:15Z']],
    ['hourly at minute 0', ['2026-11-22T11:00Z', '2026-11-22T12:00Z', '2026-11-22T13:00Z']],
    ['daily at 03:30', ['2026-11-23T03:30Z', '2026-11-24T03:30Z', '2026-11-25T03:30Z']],
    ['daily at 23:59', ['2026-11-22T23:59Z', '2026-11-23T23:59Z', '2026-11-24T23:59Z']],
    ['weekdays at 10:00', ['2026-11-23T10:00Z', '2026-11-24T10:00Z', '2026-11-25T10:00Z']],
    ['weekly on sunday at 12:00', ['2026-11-22T12:00Z', '2026-11-29T12:00Z', '2026-12-06T12:00Z']],
    ['weekly on wednesday at 00:00', ['2026-11-25T00:00Z', '2026-12-02T00:00Z', '2026-12-09T00:00Z']],
    ['monthly on day 15 at 03:30', ['2026-12-15T03:30Z', '2027-01-15T03:30Z', '2027-02-15T03:30Z']],
    ['monthly on first sunday at 03:30', ['2026-12-06T03:30Z', '2027-01-03T03:30Z', '2027-02-07T03:30Z']],
    ['monthly on the fourth monday at 03:30', ['2026-11-23T03:30Z', '2026-12-28T03:30Z', '2027-01-25T03:30Z']],
    ['monthly on last saturday at 03:30', ['2026-11-28T03:30Z', '2026-12-26T03:30Z', '2027-01-30T03:30Z']],
  ])('%s', (when, expected) => {
    // A Sunday.
    expect(times(when, 'UTC', '2026-11-22T10:00:00Z', 3)).toEqual(expected);
  });

  test('what is due at this instant is not due after it', () => {
    expect(times('daily at 10:00', 'UTC', '2026-11-22T10:00:00Z', 1)).toEqual(['2026-11-23T10:00Z']);
    expect(times('daily at 10:00', 'UTC', '2026-11-22T09:59:59.999Z', 1)).toEqual(['2026-11-22T10:00Z']);
    expect(times('hourly at minute 15', 'UTC', '2026-11-22T10:15:00Z', 1)).toEqual(['2026-11-22T11:15Z']);
    expect(times('hourly at minute 15', 'UTC', '2026-11-22T10:14:59.999Z', 1)).toEqual(['2026-11-22T10:15Z']);
  });

  test('weekdays leave Saturday and Sunday out', () => {
    expect(days('weekdays at 10:00', 'UTC', '2026-11-19T12:00:00Z', 3)).toEqual([
      '2026-11-20',
      '2026-11-23',
      '2026-11-24',
    ]);
  });

  test('every X days goes on over months and years, counted from a day', () => {
    const newYear = dayNumber(Date.parse('2026-01-01'));
    expect(days('every 3 days at 10:00', 'UTC', '2026-02-24T00:00:00Z', 4, newYear)).toEqual([
      '2026-02-24',
      '2026-02-27',
      '2026-03-02',
      '2026-03-05',
    ]);
    expect(days('every 3 days at 10:00', 'UTC', '2025-12-23T00:00:00Z', 4, newYear)).toEqual([
      '2025-12-23',
      '2025-12-26',
      '2025-12-29',
      '2026-01-01',
    ]);
  });

  test('every X weeks is counted in weeks from Monday, whatever day of the week is counted from', () => {
    const wednesday = dayNumber(Date.parse('2026-11-25'));
    expect(days('every 2 weeks on monday at 10:00', 'UTC', '2026-11-22T00:00:00Z', 3, wednesday)).toEqual([
      '2026-11-23',
      '2026-12-07',
      '2026-12-21',
    ]);
    expect(days('every 2 weeks on sunday at 10:00', 'UTC', '2026-11-22T00:00:00Z', 2, wednesday)).toEqual([
      '2026-11-29',
      '2026-12-13',
    ]);
    // A year of 53 weeks does not change the rhythm.
    expect(days('every 2 weeks on friday at 10:00', 'UTC', '2026-12-12T00:00:00Z', 3, wednesday)).toEqual([
      '2026-12-25',
      '2027-01-08',
      '2027-01-22',
    ]);
  });
});

describe('month ends and leap years', () => {
  test('day 31 is the last day of a shorter month', () => {
    expect(days('monthly on day 31 at 12:00', 'UTC', '2027-12-31T13:00:00Z', 5)).toEqual([
      '2028-01-31',
      '2028-02-29',
      '2028-03-31',
      '2028-04-30',
      '2028-05-31',
    ]);
  });

  test('day 29 in February', () => {
    const february = (year: number) => days('monthly on day 29 at 12:00', 'UTC', `${year}-02-01T00:00:00Z`, 1)[0];
    expect([2027, 2028, 2100, 2400].map(february)).toEqual(['2027-02-28', '2028-02-29', '2100-02-28', '2400-02-29']);
  });

  test('the last weekday of a February with four and with five of them', () => {
    expect(days('monthly on last tuesday at 12:00', 'UTC', '2028-02-01T00:00:00Z', 1)).toEqual(['2028-02-29']);
    expect(days('monthly on last monday at 12:00', 'UTC', '2028-02-01T00:00:00Z', 1)).toEqual(['2028-02-28']);
    expect(days('monthly on last sunday at 12:00', 'UTC', '2027-02-01T00:00:00Z', 1)).toEqual(['2027-02-28']);
  });

  test('the month is that of the time zone', () => {
    expect(times('monthly on day 1 at 00:30', 'Europe/Berlin', '2026-12-01T00:00:00Z', 1)).toEqual([
      '2026-12-31T23:30Z',
    ]);
    expect(times('monthly on day 31 at 23:30', 'America/New_York', '2026-12-31T12:00:00Z', 1)).toEqual([
      '2027-01-01T04:30Z',
    ]);
  });
});

describe('clocks that are put forward and back', () => {
  test('a time that there is not is due when clocks are put forward', () => {
    // Berlin goes from 02:00 to 03:00 on 2027-03-28 at 01:00 UTC.
    expect(times('daily at 02:30', 'Europe/Berlin', '2027-03-27T00:00:00Z', 3)).toEqual([
      '2027-03-27T01:30Z',
      '2027-03-28T01:00Z',
      '2027-03-29T00:30Z',
    ]);
    expect(times('daily at 02:00', 'Europe/Berlin', '2027-03-27T12:00:00Z', 2)).toEqual([
      '2027-03-28T01:00Z',
      '2027-03-29T00:00Z',
    ]);
  });

  test('where midnight is left out, the day begins later', () => {
    // Beirut goes from 00:00 to 01:00 on the last Sunday of March.
    expect(times('weekly on sunday at 00:00', 'Asia/Beirut', '2026-03-23T00:00:00Z', 1)).toEqual(['2026-03-28T22:00Z']);
  });

  test('a time that there is twice is due once, the first time', () => {
    // Berlin goes from 03:00 back to 02:00 on 2026-10-25 at 01:00 UTC.
    expect(times('daily at 02:30', 'Europe/Berlin', '2026-10-24T12:00:00Z', 2)).toEqual([
      '2026-10-25T00:30Z',
      '2026-10-26T01:30Z',
    ]);
    // New York goes from 02:00 back to 01:00 on 2026-11-01 at 06:00 UTC.
    expect(times('monthly on first sunday at 01:30', 'America/New_York', '2026-10-30T00:00:00Z', 2)).toEqual([
      '2026-11-01T05:30Z',
      '2026-12-06T06:30Z',
    ]);
  });

  test('the local time stays through the year', () => {
    expect(times('monthly on day 1 at 09:00', 'America/New_York', '2026-02-15T00:00:00Z', 2)).toEqual([
      '2026-03-01T14:00Z',
      '2026-04-01T13:00Z',
    ]);
    expect(times('monthly on day 1 at 09:00', 'Australia/Sydney', '2026-03-15T00:00:00Z', 2)).toEqual([
      '2026-03-31T22:00Z',
      '2026-04-30T23:00Z',
    ]);
  });

  test('each hour counts, also one that clocks show twice', () => {
    expect(times('hourly at minute 15', 'Europe/Berlin', '2026-10-24T23:30:00Z', 4)).toEqual([
      '2026-10-25T00:15Z',
      '2026-10-25T01:15Z',
      '2026-10-25T02:15Z',
      '2026-10-25T03:15Z',
    ]);
  });

  test('hours of zones that are half an hour or a quarter off UTC', () => {
    expect(times('hourly at minute 15', 'Asia/Kolkata', '2026-11-22T10:00:00Z', 2)).toEqual([
      '2026-11-22T10:45Z',
      '2026-11-22T11:45Z',
    ]);
    expect(times('hourly at minute 0', 'Asia/Kathmandu', '2026-11-22T10:00:00Z', 1)).toEqual(['2026-11-22T10:15Z']);
  });

  test('Lord Howe changes by half an hour', () => {
    // 02:00 becomes 02:30 on 2026-10-04 at 15:30 UTC of the day before.
    expect(times('hourly at minute 15', 'Australia/Lord_Howe', '2026-10-03T14:30:00Z', 3)).toEqual([
      '2026-10-03T14:45Z',
      '2026-10-03T16:15Z',
      '2026-10-03T17:15Z',
    ]);
    expect(times('daily at 02:15', 'Australia/Lord_Howe', '2026-10-03T12:00:00Z', 1)).toEqual(['2026-10-03T15:30Z']);
  });

  test('a day that a zone leaves out', () => {
    // Apia had no 2011-12-30: at its beginning, 10:00 UTC, it went over the date line.
    expect(times('daily at 12:00', 'Pacific/Apia', '2011-12-29T00:00:00Z', 3)).toEqual([
      '2011-12-29T22:00Z',
      '2011-12-30T10:00Z',
      '2011-12-30T22:00Z',
    ]);
  });
});

describe('for any schedule, zone and year', () => {
  const zones = [
    'UTC',
    'Europe/Berlin',
    'Europe/London',
    'America/New_York',
    'America/St_Johns',
    'America/Santiago',
    'Africa/Casablanca',
    'Africa/Cairo',
    'Asia/Kathmandu',
    'Asia/Beirut',
    'Australia/Lord_Howe',
    'Pacific/Apia',
    'Pacific/Chatham',
    'Pacific/Kiritimati',
  ].map((name) => new TimeZone(name));
  const zone = fc.constantFrom(...zones);
  const minuteOfDay = fc.integer({ min: 0, max: 1439 });
  const weekday = fc.integer({ min: 0, max: 6 });
  const byDays: fc.Arbitrary<Exclude<Recurrence, { unit: 'hour' }>> = fc.oneof(
    fc.record({ unit: fc.constant('day'), every: fc.integer({ min: 1, max: 40 }), minuteOfDay }),
    fc.record({ unit: fc.constant('working-day'), minuteOfDay }),
    fc.record({ unit: fc.constant('week'), every: fc.integer({ min: 1, max: 6 }), weekday, minuteOfDay }),
    fc.record({ unit: fc.constant('month'), day: fc.integer({ min: 1, max: 31 }), minuteOfDay }),
    fc.record({
      unit: fc.constant('month-week'),
      nth: fc.constantFrom('first', 'second', 'third', 'fourth', 'last'),
      weekday,
      minuteOfDay,
    }),
  );
  const after = fc.integer({ min: Date.parse('1990-01-01'), max: Date.parse('2037-12-31') });

  test('each time is later than the one before, and nothing lies between them', () => {
    fc.assert(
      fc.property(byDays, zone, after, (recurrence, timeZone, start) => {
        let at = start;
        for (let i = 0; i < 4; i += 1) {
          const next = nextOccurrence(recurrence, timeZone, MONDAY, at);
          expect(next).toBeGreaterThan(at);
          const between = at + Math.floor((next - at) / 2);
          expect(nextOccurrence(recurrence, timeZone, MONDAY, between)).toBe(next);
          expect(nextOccurrence(recurrence, timeZone, MONDAY, next - 1)).toBe(next);
          at = next;
        }
      }),
      { numRuns: 200 },
    );
  });

  test('clocks show the time that was asked for, or have just been put forward over it', () => {
    fc.assert(
      fc.property(byDays, zone, after, (recurrence, timeZone, start) => {
        const next = nextOccurrence(recurrence, timeZone, MONDAY, start);
        const shown = timeZone.localMs(next);
        const wanted = recurrence.minuteOfDay * MINUTE_MS;
        if (shown - dayNumber(shown) * DAY_MS === wanted) return;
        const shownBefore = timeZone.localMs(next - 1);
        expect(shown - shownBefore).toBeGreaterThan(1);
        const day = dayNumber(shownBefore + 1);
        expect([day * DAY_MS + wanted, (day + 1) * DAY_MS + wanted]).toSatisfy((locals: number[]) =>
          locals.some((local) => shownBefore < local && local < shown),
        );
      }),
      { numRuns: 500 },
    );
  });

  test('each day of four years has one run of a daily schedule, and each hour of one an hourly one', () => {
    const startMs = Date.parse('2020-01-01T00:00:00Z');
    for (const name of ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe']) {
      const timeZone = new TimeZone(name);
      const recurrence = recurrenceOf('daily at 02:15');
      let at = startMs;
      const seen = new Set<number>();
      for (let i = 0; i < 1461; i += 1) {
        at = nextOccurrence(recurrence, timeZone, MONDAY, at);
        seen.add(dayNumber(timeZone.localMs(at)));
      }
      expect(seen.size).toBe(1461);
      expect(Math.max(...seen) - Math.min(...seen)).toBe(1460);
    }
    const berlin = new TimeZone('Europe/Berlin');
    let at = startMs;
    for (let i = 0; i < 24 * 366; i += 1) {
      const next = nextOccurrence({ unit: 'hour', minute: 15 }, berlin, MONDAY, at);
      if (i > 0) expect(next - at).toBe(60 * MINUTE_MS);
      at = next;
    }
  });

  test('weekdays and days of the month are those of the calendar', () => {
    fc.assert(
      fc.property(weekday, fc.constantFrom(1, 2, 3), after, (wanted, every, start) => {
        const recurrence: Recurrence = { unit: 'week', every, weekday: wanted, minuteOfDay: 720 };
        const utc = zones[0]!;
        const first = nextOccurrence(recurrence, utc, MONDAY, start);
        const name = new Date(first).toLocaleDateString('en', { weekday: 'long', timeZone: 'UTC' }).toLowerCase();
        expect(name).toBe(WEEKDAYS[wanted]);
        expect(nextOccurrence(recurrence, utc, MONDAY, first) - first).toBe(every * 7 * DAY_MS);
      }),
      { numRuns: 100 },
    );
  });
});
