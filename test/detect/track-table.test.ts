import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { LOCK_CELLS } from '../../src/base/shared-lock.ts';
import { TRACK_KEY_WORDS, TrackTable } from '../../src/detect/track-table.ts';
import { programFile } from '../support/program-file.ts';
import type { CountingTask } from './counting-thread.ts';

function keyOf(number: number): Uint32Array {
  const key = new Uint32Array(TRACK_KEY_WORDS);
  key[5] = number;
  return key;
}

test('finds what was claimed, until it ends', () => {
  const table = TrackTable.own([1, 2]);
  expect(table.find(keyOf(1), 0)).toBe(-1);
  const entry = table.claim(keyOf(1), 0);
  table.count[entry] = 7;
  table.endMs[entry] = 100;
  expect(table.find(keyOf(1), 99)).toBe(entry);
  expect(table.find(keyOf(2), 99)).toBe(-1);
  expect(table.find(keyOf(1), 100)).toBe(-1);
  expect(table.count[table.claim(keyOf(1), 100)]).toBe(0);
});

test('grows, keeps what it has, and forgets what ends first when it is full', () => {
  const table = TrackTable.own([1, 2]);
  const count = 200_000;
  for (let i = 0; i < count; i++) {
    const entry = table.claim(keyOf(i), 0);
    table.count[entry] = i;
    table.endMs[entry] = 1 + i;
    if (i === 2000) for (let j = 0; j <= i; j++) expect(table.count[table.find(keyOf(j), 0)]).toBe(j);
  }
  const found = Array.from({ length: count }, (_, i) => table.find(keyOf(i), 0)).filter((entry) => entry >= 0);
  expect(found.length).toBe(count - table.evicted);
  expect(table.endMs.length).toBe(131_072);
  expect(table.find(keyOf(count - 1), 0)).toBeGreaterThanOrEqual(0);
});

test('workers find in a shared table what another one has claimed', () => {
  const memory = TrackTable.sharedMemory();
  const [one, two] = [TrackTable.shared(memory, 0), TrackTable.shared(memory, 1)];
  expect(two.find(keyOf(1), 0)).toBe(-1);
  const entry = one.claim(keyOf(1), 0);
  one.endMs[entry] = 100;
  expect(two.find(keyOf(1), 99)).toBe(entry);
  expect(two.find(keyOf(1), 100)).toBe(-1);
});

test('a worker that ended within the table holds up nobody', () => {
  const memory = TrackTable.sharedMemory();
  const [one, two] = [TrackTable.shared(memory, 0), TrackTable.shared(memory, 1)];
  // Nobody may enter while the lock is not free, or the test would wait instead of fail.
  const lock = new Int32Array(memory, 0, LOCK_CELLS);
  const free = [...lock];
  one.enter();
  TrackTable.forget(memory, 1);
  expect([...lock], 'it is the first worker that is within').not.toEqual(free);
  one.leave();
  expect([...lock]).toEqual(free);
  two.enter();
  expect([...lock]).not.toEqual(free);
  TrackTable.forget(memory, 1);
  expect([...lock]).toEqual(free);
});

describe('threads at the same time', () => {
  test('no count is lost', async () => {
    const program = programFile(new URL('./counting-thread.ts', import.meta.url));
    const memory = TrackTable.sharedMemory();
    const times = 70_000;
    const threads = [0, 1, 2].map(
      (worker) => new Worker(program, { workerData: { memory, worker, times } satisfies CountingTask }),
    );
    const codes = await Promise.all(threads.map((thread) => once(thread, 'exit')));
    expect(codes).toEqual([[0], [0], [0]]);
    const table = TrackTable.shared(memory, 0);
    const counts = [0, 1, 2, 3, 4, 5, 6].map((number) => table.count[table.find(keyOf(number), 0)]);
    expect(counts).toEqual(Array.from({ length: 7 }, () => (times / 7) * threads.length));
  });
});
