import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Config, DEFAULTS } from '../../../src/config/config.ts';
import { Schedule } from '../../../src/scan/schedule/schedule.ts';

const HOUR_MS = 3_600_000;

function scheduleOf(settings: Partial<Config['scan']['schedule']>, host = 'one'): Schedule {
  const schedule = Schedule.of({ ...DEFAULTS.scan.schedule, timeZone: 'UTC', ...settings }, host);
  if (schedule === null) throw new Error('no schedule');
  return schedule;
}

test('without a time there is no schedule', () => {
  expect(Schedule.of(DEFAULTS.scan.schedule)).toBeNull();
});

test('without jitter a run starts when it is due', () => {
  const dueMs = Date.parse('2026-11-23T03:30:00Z');
  const next = scheduleOf({ when: 'daily at 03:30' }).next(Date.parse('2026-11-22T10:00:00Z'));
  expect(next).toEqual({ dueMs, startMs: dueMs });
});

test('jitter spreads hosts and runs, and is the same each time', () => {
  const settings = { when: 'daily at 03:30', jitterMs: HOUR_MS };
  const afterMs = Date.parse('2026-11-22T10:00:00Z');
  const delay = (host: string) => {
    const { dueMs, startMs } = scheduleOf(settings, host).next(afterMs);
    return startMs - dueMs;
  };
  const delays = Array.from({ length: 50 }, (_, i) => delay(`host-${i}`));
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...delays)).toBeLessThanOrEqual(HOUR_MS);
  expect(new Set(delays).size).toBeGreaterThan(40);
  expect(delay('host-7')).toBe(delays[7]);
});

test('runs follow each other, whatever the jitter', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('hourly at minute 5', 'daily at 03:30', 'weekly on sunday at 23:30'),
      fc.integer({ min: 0, max: 12 * HOUR_MS }),
      fc.integer({ min: Date.parse('2020-01-01'), max: Date.parse('2030-01-01') }),
      (when, jitterMs, start) => {
        const schedule = scheduleOf({ when, jitterMs });
        let at = start;
        const due = new Set<number>();
        for (let i = 0; i < 30; i += 1) {
          const next = schedule.next(at);
          expect(next.startMs).toBeGreaterThan(at);
          expect(next.startMs - next.dueMs).toBeLessThanOrEqual(jitterMs);
          expect(schedule.next(next.startMs - 1)).toEqual(next);
          due.add(next.dueMs);
          at = next.startMs;
        }
        expect(due.size).toBe(30);
      },
    ),
    { numRuns: 100 },
  );
});
