import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { WallClock } from '../../src/capture/wall-clock.ts';

afterEach(() => {
  vi.useRealTimers();
});

test('follows the time of day within milliseconds, also when that is set anew', async () => {
  vi.useFakeTimers({ now: 1_700_000_000_000, toFake: ['Date'] });
  const clock = new WallClock();
  expect(clock.nowMs()).toBeCloseTo(1_700_000_000_000, -1);
  vi.setSystemTime(1_600_000_000_000);
  await sleep(50);
  expect(clock.nowMs()).toBeCloseTo(1_600_000_000_000, -1);
});

test('never goes back while nobody sets the time, and is finer than a millisecond', () => {
  const clock = new WallClock();
  const times = Array.from({ length: 10_000 }, () => clock.nowMs());
  expect(times.every((time, i) => i === 0 || time >= times[i - 1]!)).toBe(true);
  expect(times.some((time) => time !== Math.floor(time))).toBe(true);
});

test('what has passed since a look does not change with the time of day', () => {
  const clock = new WallClock();
  const nowMs = clock.nowMs();
  vi.useFakeTimers({ now: nowMs + 1_000_000_000 });
  expect(clock.elapsedMs()).toBeGreaterThanOrEqual(0);
  expect(clock.elapsedMs()).toBeLessThan(100_000_000);
});
