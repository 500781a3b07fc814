import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { programFile } from '../support/program-file.ts';
import type { Allocations } from './allocation-process.ts';

/** The smallest object has 16 bytes, so one for every hundredth packet would show. */
const MAX_GROWTH_BYTES = 100_000;

test('a million packets leave nothing on the heap', () => {
  const program = programFile(new URL('./allocation-process.ts', import.meta.url));
  const text = execFileSync(process.execPath, ['--expose-gc', program], { encoding: 'utf8' });
  const { rounds, members, events } = JSON.parse(text) as Allocations;
  expect(events).toEqual([]);
  expect(members).toBeGreaterThan(8_000_000);
  const quiet = rounds.filter(({ collections }) => collections === 0);
  expect(quiet.length, JSON.stringify(rounds)).toBeGreaterThan(0);
  expect(Math.min(...quiet.map(({ growthBytes }) => growthBytes))).toBeLessThan(MAX_GROWTH_BYTES);
});
