import { expect, test } from 'vitest';
import { PIPELINE_COUNTERS } from '../../src/output/pipeline-counters.ts';
import { countedBehind, counterTotal } from '../../src/service/counter-totals.ts';

const workerWith = (counts: Readonly<Record<string, number>>): Float64Array =>
  Float64Array.from(PIPELINE_COUNTERS, (name) => counts[name] ?? 0);

const WORKERS = [
  workerWith({ 'decoder.pkts': 3, 'check.tcp_syn_fin': 1 }),
  workerWith({ 'decoder.pkts': 4, 'check.tcp_syn_fin': 1, 'check.tcp_hlen_too_small': 2 }),
];

test('a counter is the sum of what the workers have counted', () => {
  expect(counterTotal(WORKERS, 'decoder.pkts')).toBe(7);
  expect(counterTotal([], 'decoder.pkts')).toBe(0);
});

test('of a group only what happened is told', () => {
  expect(countedBehind(WORKERS, 'check.')).toEqual({ tcp_syn_fin: 2, tcp_hlen_too_small: 2 });
});

test('a name that no counter has is a mistake', () => {
  expect(() => counterTotal(WORKERS, 'decoder.packets')).toThrow('no counter is called "decoder.packets"');
});
