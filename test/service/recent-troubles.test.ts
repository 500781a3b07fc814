import { expect, test } from 'vitest';
import { RecentTroubles, type Troubles } from '../../src/service/recent-troubles.ts';

const NONE: Troubles = {
  overflowed: 0,
  overflows: 0,
  lostLines: 0,
  lostMessages: 0,
  restarts: 0,
  lostRules: 0,
  failedPackets: 0,
};
const MINUTE_MS = 60_000;

test('what a counter went up is told for five minutes, then no more', () => {
  const recent = new RecentTroubles();
  recent.note(0, NONE);
  recent.note(10_000, { ...NONE, overflowed: 3 });
  recent.note(20_000, { ...NONE, overflowed: 5, restarts: 1 });
  expect(recent.sums).toEqual({ ...NONE, overflowed: 5, restarts: 1 });
  recent.note(10_000 + 5 * MINUTE_MS, { ...NONE, overflowed: 5, restarts: 1 });
  expect(recent.sums).toEqual({ ...NONE, overflowed: 2, restarts: 1 });
  recent.note(20_000 + 5 * MINUTE_MS, { ...NONE, overflowed: 5, restarts: 1 });
  expect(recent.sums).toEqual(NONE);
});

test('troubles of one moment are told together, however often somebody asks', () => {
  const recent = new RecentTroubles();
  for (let lostLines = 1; lostLines <= 10; lostLines++) recent.note(500 + lostLines, { ...NONE, lostLines });
  expect(recent.sums.lostLines).toBe(10);
});

test('a queue that begins to count again is no trouble', () => {
  const recent = new RecentTroubles();
  recent.note(0, { ...NONE, overflowed: 10 });
  recent.note(10 * MINUTE_MS, NONE);
  expect(recent.sums).toEqual(NONE);
  recent.note(10 * MINUTE_MS, { ...NONE, overflowed: 2 });
  expect(recent.sums.overflowed).toBe(2);
});

test('after a clock was set back, nothing stays for ever', () => {
  const recent = new RecentTroubles();
  recent.note(100 * MINUTE_MS, { ...NONE, restarts: 1 });
  recent.note(0, { ...NONE, restarts: 1 });
  expect(recent.sums).toEqual(NONE);
});
