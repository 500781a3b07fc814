/**
 * The service of the drill, in a namespace: that of `run`, by the administrator's configuration and rules, with workers
 * that fail when standard input says so. It ends with standard input.
 */
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setEnvironmentData } from 'node:worker_threads';
import type { Config } from '../../config/config.ts';
import { mergeConfig, type Overrides } from '../../config/overrides.ts';
import { KeptPolicy } from '../../service/kept-policy.ts';
import { runInline } from '../../service/run.ts';
import { type StartThread, type Thread, threadsOf } from '../../service/worker-thread.ts';
import { settingsFrom } from '../common-options.ts';
import { Failure } from '../failure.ts';
import { packageVersion } from '../package-version.ts';
import { readTexts } from '../read-texts.ts';
import { type EngineCommand, type EngineSettings, HANG_SWITCH } from './messages.ts';

const settings = JSON.parse(process.argv[2]!) as EngineSettings;
const hangs = new Int32Array(new SharedArrayBuffer(4));
setEnvironmentData(HANG_SWITCH, hangs.buffer as unknown as Parameters<typeof setEnvironmentData>[1]);
const threads = new Set<Thread>();
const startFailing = threadsOf(new URL('./failing-worker.js', import.meta.url));

createInterface({ input: process.stdin })
  .on('line', (line) => {
    if ((line as EngineCommand) === 'hang') Atomics.store(hangs, 0, 1);
    else for (const thread of threads) void thread.kill();
  })
  // Whoever rehearses is gone.
  .on('close', () => process.kill(process.pid, 'SIGKILL'));

try {
  const { config, log } = settingsFrom(optionsOf(settings));
  await runInline({
    policy: KeptPolicy.of({ config: configOf(config), rules: readTexts(config) }),
    read: () => {
      const next = settingsFrom(optionsOf(settings)).config;
      return { status: 'ok', policy: { config: configOf(next), rules: readTexts(next) } };
    },
    log,
    addresses: null,
    version: packageVersion(),
    // No scan is due, and no rule at the end of its soak.
    commandArgs: (...command) => command,
    startThread,
  });
} catch (error) {
  const lines = error instanceof Failure ? error.lines : [error instanceof Error ? error.message : String(error)];
  for (const line of lines) process.stderr.write(`${line}\n`);
  process.exitCode = 1;
} finally {
  process.stdin.pause();
}

/** The next worker is a good one. */
function startThread(...args: Parameters<StartThread>): Thread {
  Atomics.store(hangs, 0, 0);
  const thread = startFailing(...args);
  threads.add(thread);
  void thread.ended.then(() => threads.delete(thread));
  return thread;
}

function optionsOf({ config, rulesFile }: EngineSettings): Parameters<typeof settingsFrom>[0] {
  return { rules: [rulesFile], logLevel: 'info', ...(config !== undefined && { config }) };
}

/** The administrator's, less all that tells somebody or writes something outside of the drill. */
function configOf(config: Config): Config {
  const { folder, failure, eventsFile, controlSocket, interfaces, queueLengthPackets, eventBufferBytes } = settings;
  const overrides: Overrides = {
    mode: 'prevent',
    rules: { cacheFolder: join(folder, 'cache') },
    scan: { schedule: { when: null } },
    failure: { engine: failure },
    queue: {
      interfaces,
      hooks: [...new Set(['input', 'output', ...config.queue.hooks] as const)],
      ...(queueLengthPackets !== null && { lengthPackets: queueLengthPackets }),
    },
    events: { isFolded: false },
    outputs: {
      eve: { file: eventsFile, ...(eventBufferBytes !== null && { bufferBytes: eventBufferBytes }) },
      syslog: { socket: null },
      socket: { path: null },
    },
    history: { isEnabled: false },
    notify: { mail: null, webhook: null },
    control: { socket: controlSocket },
    metrics: { listen: null },
    state: { folder: join(folder, 'state') },
  };
  return mergeConfig(config as Overrides, overrides);
}
