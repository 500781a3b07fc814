/**
 * Makes the worker of the drill hang when it is told, in the place where a real one would: instead of turning. To be
 * evaluated before the worker.
 */
import { getEnvironmentData } from 'node:worker_threads';
import { NfqueueSource } from '../../capture/nfqueue.ts';
import { HANG_SWITCH } from './messages.ts';

const isHanging = new Int32Array(getEnvironmentData(HANG_SWITCH) as unknown as SharedArrayBuffer);
const receive = NfqueueSource.prototype.receive;

NfqueueSource.prototype.receive = function (timeoutMs: number): number {
  while (Atomics.load(isHanging, 0) === 1) Atomics.wait(isHanging, 0, 1);
  return receive.call(this, timeoutMs);
};
