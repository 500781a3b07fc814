/**
 * Starts a worker on queue 9 that was loaded ahead, and prints what became of the worker and its queue, as JSON:
 * stopped|killed.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { DEFAULTS } from '../../../src/config/config.ts';
import { FlowCounts } from '../../../src/flow/counts.ts';
import { PIPELINE_COUNTERS } from '../../../src/output/pipeline-counters.ts';
import { LatencyHistogram } from '../../../src/service/latency.ts';
import { PauseMeter } from '../../../src/service/pauses.ts';
import { loadPolicy } from '../../../src/service/policy-check.ts';
import { type ThreadEnd, threadsAhead } from '../../../src/service/worker-thread.ts';

export interface WorkerStory {
  /** Lines of the kernel about queues in the namespace, while the worker lived and behind its end. */
  readonly bound: string;
  readonly left: string;
  /** Signs of life within a second. */
  readonly beats: number;
  readonly end: ThreadEnd;
}

const WATCH_MS = 1000;

const { checked } = await loadPolicy(
  {
    config: DEFAULTS,
    rules: { files: [], classification: null, reference: null, reputation: null, threshold: null },
  },
  () => {},
);
// The second is never used, and must not keep this process alive.
const start = threadsAhead([9, 10]);
const thread = start(
  {
    queue: 9,
    worker: 0,
    mode: 'detect',
    checked,
    exceptions: [],
    rejectMark: 0,
    bypassMark: 0,
    counters: new SharedArrayBuffer(8 * PIPELINE_COUNTERS.length),
    latency: new SharedArrayBuffer(LatencyHistogram.bytes),
    pauses: new SharedArrayBuffer(PauseMeter.bytes),
    flowCells: FlowCounts.sharedCells(1),
    sourceMemory: null,
    tracks: null,
    maxPendingCharacters: 1000,
  },
  { onEvents() {}, onDataset() {}, onLog() {} },
);
await thread.ready;
const before = thread.heartbeat;
await pause(WATCH_MS);
const bound = queues();
const beats = thread.heartbeat - before;
if (process.argv[2] === 'killed') await thread.kill();
else thread.command({ type: 'stop' });
// Its queue is free as soon as `kill` says that it is gone.
const left = process.argv[2] === 'killed' ? queues() : null;
const end = await thread.ended;
console.log(JSON.stringify({ bound, beats, end, left: left ?? queues() } satisfies WorkerStory));

function queues(): string {
  return readFileSync('/proc/self/net/netfilter/nfnetlink_queue', 'utf8').trim();
}
