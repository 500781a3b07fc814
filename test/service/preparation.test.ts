import { expect, test } from 'vitest';
import type { Steps } from '../../src/base/steps.ts';
import { Preparation } from '../../src/service/preparation.ts';

/** Each step takes half a millisecond of this clock. */
function setUp() {
  const clock = { nowMs: 0, steps: 0 };
  const preparation = new Preparation<string>(() => clock.nowMs);
  function* work(steps: number): Steps<string> {
    for (let i = 0; i < steps; i++) {
      clock.nowMs += 0.5;
      clock.steps++;
      yield;
    }
    return `after ${steps}`;
  }
  return { clock, preparation, work };
}

test('goes on in slices, until the result is there once', () => {
  const { clock, preparation, work } = setUp();
  preparation.begin(work(5));
  expect(preparation.isBusy).toBe(true);
  expect(preparation.goOn()).toBe(false);
  expect(clock.steps).toBe(2);
  expect(preparation.take()).toBeNull();
  expect(preparation.goOn()).toBe(false);
  expect(preparation.goOn()).toBe(true);
  expect(preparation.isBusy).toBe(false);
  expect(preparation.goOn()).toBe(false);
  expect(preparation.take()).toBe('after 5');
  expect(preparation.take()).toBeNull();
});

test('what is discarded, or replaced, is gone', () => {
  const { preparation, work } = setUp();
  preparation.begin(work(0));
  expect(preparation.goOn()).toBe(true);
  preparation.begin(work(9));
  expect(preparation.take()).toBeNull();
  preparation.discard();
  expect(preparation.isBusy).toBe(false);
  expect(preparation.goOn()).toBe(false);
});

test('what throws is told once and forgotten', () => {
  const { preparation } = setUp();
  preparation.begin(
    (function* (): Steps<string> {
      yield;
      throw new Error('no');
    })(),
  );
  expect(() => preparation.goOn()).toThrow('no');
  expect(preparation.isBusy).toBe(false);
  expect(preparation.goOn()).toBe(false);
});
