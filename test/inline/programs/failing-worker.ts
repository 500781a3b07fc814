/** The worker of the service, save that it fails as the service of the test says, in the place where it would turn. */
import { getEnvironmentData } from 'node:worker_threads';
import { NfqueueSource } from '../../../src/capture/nfqueue.ts';
import { FAILURE_SWITCH, WAYS_TO_FAIL } from './failing-messages.ts';

const failure = new Int32Array(getEnvironmentData(FAILURE_SWITCH) as unknown as SharedArrayBuffer);
const receive = NfqueueSource.prototype.receive;

NfqueueSource.prototype.receive = function (timeoutMs: number): number {
  const way = WAYS_TO_FAIL[Atomics.load(failure, 0) - 1];
  if (way === 'hangs') for (;;) Atomics.wait(failure, 0, Atomics.load(failure, 0), 100);
  if (way === 'dies') throw new Error('it broke');
  if (way === 'runs out of memory') for (const kept: number[][] = []; ; ) kept.push(new Array(1_000_000).fill(0.5));
  return receive.call(this, timeoutMs);
};

await import('../../../src/service/worker.ts');
