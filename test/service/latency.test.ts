import { expect, test } from 'vitest';
import { LatencyHistogram } from '../../src/service/latency.ts';

const histogram = (): LatencyHistogram => new LatencyHistogram(new SharedArrayBuffer(LatencyHistogram.bytes));

test('of nothing, all figures are zero', () => {
  expect(LatencyHistogram.figures([histogram()])).toMatchObject({ packets: 0, p50Ms: 0, p99Ms: 0, maxMs: 0, sumMs: 0 });
});

test('figures are of packets, over all threads, and never too small', () => {
  const [one, other] = [histogram(), histogram()];
  one.record(98, 0.03);
  other.record(1, 0.9);
  other.record(1, 40);
  const { packets, p50Ms, p99Ms, maxMs } = LatencyHistogram.figures([one, other]);
  expect(packets).toBe(100);
  for (const [figure, truth] of [
    [p50Ms, 0.03],
    [p99Ms, 0.9],
    [maxMs, 40],
  ] as const) {
    expect(figure).toBeGreaterThanOrEqual(truth);
    expect(figure).toBeLessThanOrEqual(2 * truth + 0.001);
  }
});

test('what is beyond the scale counts as its end, and what is below as its beginning', () => {
  const extreme = histogram();
  extreme.record(1, 2 ** 32 / 1000);
  expect(LatencyHistogram.figures([extreme]).maxMs).toBeGreaterThan(8_000);
  const none = histogram();
  none.record(1, -3_600_000);
  expect(LatencyHistogram.figures([none])).toMatchObject({ packets: 1, maxMs: 0.001 });
});

test('buckets and sum are of all threads together, and the last bucket has no end', () => {
  const [one, other] = [histogram(), histogram()];
  one.record(2, 0.5);
  other.record(3, 0.5);
  other.record(1, 2 ** 31);
  const { buckets, sumMs, packets } = LatencyHistogram.figures([one, other]);
  expect(buckets.filter((bucket) => bucket.packets > 0)).toEqual([
    { upToMs: 0.512, packets: 5 },
    { upToMs: null, packets: 1 },
  ]);
  expect(buckets.reduce((sum, bucket) => sum + bucket.packets, 0)).toBe(packets);
  expect(sumMs).toBe(2.5 + 2 ** 31 / 1000);
});
