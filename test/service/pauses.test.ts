import { expect, test } from 'vitest';
import { threadProcessorMs } from '../../src/base/native/addon.ts';
import { type PauseFigures, PauseMeter } from '../../src/service/pauses.ts';

function setUp() {
  const memory = new SharedArrayBuffer(PauseMeter.bytes);
  const clock = { nowMs: 5000, workedMs: 70, readings: 0 };
  const meter = new PauseMeter(
    memory,
    () => clock.nowMs,
    () => {
      clock.readings++;
      return clock.workedMs;
    },
  );
  const turn = (workMs: number, waitMs = 0): void => {
    meter.begin();
    meter.note();
    clock.nowMs += workMs + waitMs;
    clock.workedMs += workMs;
    meter.end();
  };
  const figures = (): PauseFigures => PauseMeter.figures([memory]);
  return { memory, clock, turn, figures };
}

test('a pause is work, and waiting for a processor', () => {
  const { clock, turn, figures } = setUp();
  turn(0.5);
  turn(3, 9);
  expect(figures()).toMatchObject({ longestMs: 16.384, longestWorkMs: 4.096 });
  // Asleep in between: that is no pause.
  clock.nowMs += 100;
  turn(6);
  expect(figures()).toMatchObject({ longestMs: 16.384, longestWorkMs: 8.192 });
  expect(figures().buckets.filter(({ pauses, byWork }) => pauses + byWork > 0)).toEqual([
    { upToMs: 4.096, pauses: 0, byWork: 1 },
    { upToMs: 8.192, pauses: 1, byWork: 1 },
    { upToMs: 16.384, pauses: 1, byWork: 0 },
  ]);
});

test('short turns are no pauses, and processor time is noted once a millisecond', () => {
  const { clock, turn, figures } = setUp();
  for (let i = 0; i < 1000; i++) turn(0.01);
  expect(figures()).toMatchObject({ longestMs: 0, longestWorkMs: 0 });
  expect(clock.readings).toBeLessThanOrEqual(12);
});

test('figures are of all threads together', () => {
  const [one, other] = [setUp(), setUp()];
  one.turn(2);
  other.turn(1, 30);
  expect(PauseMeter.figures([one.memory, other.memory])).toMatchObject({ longestMs: 32.768, longestWorkMs: 2.048 });
});

test('a thread that waits has no processor time meanwhile, and one that works has', () => {
  const before = threadProcessorMs();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  const asleep = threadProcessorMs() - before;
  expect(asleep).toBeLessThan(100);
  while (threadProcessorMs() - before - asleep < 5) JSON.stringify(process.versions);
});
