/**
 * The service as `run` has it, whose worker fails at a line on standard input; the next one is good. It ends with
 * standard input. Nothing in the product itself can be told to fail so.
 */
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setEnvironmentData } from 'node:worker_threads';
import { mergeConfig } from '../../../src/config/overrides.ts';
import { createLog } from '../../../src/output/log.ts';
import { KeptPolicy } from '../../../src/service/kept-policy.ts';
import { runInline } from '../../../src/service/run.ts';
import { threadsOf } from '../../../src/service/worker-thread.ts';
import { FAILURE_SWITCH, type FailingServiceSettings, WAYS_TO_FAIL } from './failing-messages.ts';

const { rules, wayToFail, failure, folder } = JSON.parse(process.argv[2]!) as FailingServiceSettings;
const failureSwitch = new Int32Array(new SharedArrayBuffer(4));
setEnvironmentData(FAILURE_SWITCH, failureSwitch.buffer as unknown as Parameters<typeof setEnvironmentData>[1]);
const startFailing = threadsOf(new URL('./failing-worker.js', import.meta.url));

createInterface({ input: process.stdin })
  .on('line', () => Atomics.store(failureSwitch, 0, 1 + WAYS_TO_FAIL.indexOf(wayToFail)))
  .on('close', () => process.kill(process.pid, 'SIGTERM'));

const policy = {
  config: mergeConfig({
    mode: 'prevent',
    rules: { cacheFolder: join(folder, 'cache') },
    failure: { engine: failure },
    queue: { count: 1 },
    control: { socket: null },
    state: { folder: join(folder, 'state') },
  }),
  rules: {
    files: [{ file: 'test.rules', text: rules }],
    classification: null,
    reference: null,
    reputation: null,
    threshold: null,
  },
};
await runInline({
  policy: KeptPolicy.of(policy),
  read: () => ({ status: 'ok', policy }),
  log: createLog('info', 'text'),
  addresses: null,
  version: 'test',
  commandArgs: (...command) => command,
  startThread(settings, hooks) {
    Atomics.store(failureSwitch, 0, 0);
    return startFailing(settings, hooks);
  },
});
