import { LatencyHistogram } from './latency.ts';
import { PauseMeter } from './pauses.ts';
import type { Thread } from './worker-thread.ts';

/** One queue, and the worker that has it now. */
export interface Slot {
  readonly queue: number;
  /** 0, 1, 2 ... */
  readonly worker: number;
  readonly counters: SharedArrayBuffer;
  readonly latency: SharedArrayBuffer;
  readonly pauses: SharedArrayBuffer;
  thread: Thread | null;
  /** The thread has bound its queue, and has to give signs of life. */
  isReady: boolean;
  heartbeat: number;
  answeredPackets: number;
  /** Ticks since it was ready, and of these the last ones without a sign of life. */
  liveTicks: number;
  stalledTicks: number;
  /** In a row. */
  failures: number;
}

export const newSlot = (queue: number, worker: number, counterBytes: number): Slot => ({
  queue,
  worker,
  counters: new SharedArrayBuffer(counterBytes),
  latency: new SharedArrayBuffer(LatencyHistogram.bytes),
  pauses: new SharedArrayBuffer(PauseMeter.bytes),
  thread: null,
  isReady: false,
  heartbeat: 0,
  answeredPackets: 0,
  liveTicks: 0,
  stalledTicks: 0,
  failures: 0,
});

/** It turns, and where packets wait it answers some. */
export function getsOn(slot: Slot, thread: Thread, waitingPackets: number): boolean {
  const { heartbeat, answeredPackets } = thread;
  const turns = heartbeat !== slot.heartbeat;
  const answers = answeredPackets !== slot.answeredPackets;
  slot.heartbeat = heartbeat;
  slot.answeredPackets = answeredPackets;
  return turns && (answers || waitingPackets === 0);
}
