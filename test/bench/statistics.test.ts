import { expect, test } from 'vitest';
import type { Sample, Values } from './measures.ts';
import { median, summarise } from './statistics.ts';

const sample = (round: number, engine: string, values: Values): Sample => ({ round, engine, values });

test.each([
  [[3], 3],
  [[4, 1, 2], 2],
  [[4, 1, 3, 2], 2.5],
])('the median of %j is %f', (values, expected) => {
  expect(median(values)).toBe(expected);
});

test('ratios are taken within a round, before the median', () => {
  const samples = [
    sample(1, 'none', { bulkUp: 10 }),
    sample(1, 'vpatch', { bulkUp: 9 }),
    sample(2, 'none', { bulkUp: 2 }),
    sample(2, 'vpatch', { bulkUp: 1 }),
    sample(3, 'none', { bulkUp: 20 }),
    sample(3, 'vpatch', { bulkUp: 16 }),
  ];
  const [none, vpatch] = summarise(samples, 'none');
  expect(none).toEqual({ engine: 'none', medians: { bulkUp: 10 }, compared: { bulkUp: 1 } });
  expect(vpatch).toEqual({ engine: 'vpatch', medians: { bulkUp: 9 }, compared: { bulkUp: 0.8 } });
});

test('pings are compared by what they take more, and memory with nothing', () => {
  const samples = [sample(1, 'none', { pingP50: 0.25 }), sample(1, 'vpatch', { pingP50: 0.375, residentAtRest: 90 })];
  expect(summarise(samples, 'none')[1]).toEqual({
    engine: 'vpatch',
    medians: { pingP50: 0.375, residentAtRest: 90 },
    compared: { pingP50: 0.125 },
  });
});

test('what a round lacks does not count', () => {
  const samples = [
    sample(1, 'none', { dns: 100 }),
    sample(1, 'vpatch', {}),
    sample(2, 'none', { dns: 100 }),
    sample(2, 'vpatch', { dns: 50 }),
  ];
  expect(summarise(samples, 'none')[1]).toEqual({ engine: 'vpatch', medians: { dns: 50 }, compared: { dns: 0.5 } });
});
