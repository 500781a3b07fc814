/** Counts in a table that other threads count in too. */
import { workerData } from 'node:worker_threads';
import { TRACK_KEY_WORDS, TrackTable } from '../../src/detect/track-table.ts';

export interface CountingTask {
  readonly memory: ReturnType<typeof TrackTable.sharedMemory>;
  readonly worker: number;
  readonly times: number;
}

const KEYS = 7;

const { memory, worker, times } = workerData as CountingTask;
const table = TrackTable.shared(memory, worker);
const key = new Uint32Array(TRACK_KEY_WORDS);
for (let i = 0; i < times; i++) {
  key[5] = i % KEYS;
  table.enter();
  let entry = table.find(key, 0);
  if (entry < 0) entry = table.claim(key, 0);
  table.endMs[entry] = 1;
  table.count[entry]!++;
  table.leave();
}
