import { dirname } from 'node:path';
import type { Failure } from '../../src/config/config.ts';
import { PROGRAM } from './vpatch-process.ts';

export interface FailingSupervisor {
  /** The first worker does, when a line comes on standard input. */
  readonly what: 'hangs' | 'dies' | 'runs out of memory';
  readonly way: Failure;
  /** What the workers after it inspect by. */
  readonly rules: string;
}

/**
 * A script that runs the supervisor of the built program, with its firewall and workers, save that the first worker
 * accepts everything until it is told, and then fails. Nothing in the product itself can be told to fail.
 */
export const failingSupervisor = ({ what, way, rules }: FailingSupervisor): string => `
import { Worker } from 'node:worker_threads';
const dist = ${JSON.stringify(`file://${dirname(PROGRAM)}`)};
const { Supervisor } = await import(dist + '/service/supervisor.js');
const { startWorkerThread } = await import(dist + '/service/worker-thread.js');
const { checkPolicy } = await import(dist + '/service/policy-check.js');
const { DatasetHub } = await import(dist + '/service/dataset-hub.js');
const { chooseFirewall } = await import(dist + '/service/firewall.js');
const { Counters } = await import(dist + '/base/counters.js');
const { PIPELINE_COUNTERS } = await import(dist + '/output/pipeline-counters.js');
const { mergeConfig } = await import(dist + '/config/overrides.js');

const FAILING = \`
  const { workerData, parentPort } = require('node:worker_threads');
  (async () => {
    const { NfqueueSource } = await import(workerData.dist + '/capture/nfqueue.js');
    const open = ${JSON.stringify(way)} === 'open';
    const source = new NfqueueSource({ queue: 0, lengthPackets: 4096, isFailOpen: open, whenUndecided: 1 });
    const state = new Int32Array(workerData.state);
    parentPort.postMessage('ready');
    for (;;) {
      const count = source.receive(50);
      if (Atomics.load(state, 1) === 1) break;
      if (count > 0) { for (let i = 0; i < count; i++) source.decide(i, 1, 0); source.flush(); }
      Atomics.add(state, 0, 1);
    }
    const what = ${JSON.stringify(what)};
    if (what === 'hangs') for (;;) Atomics.wait(state, 2, 0, 100);
    if (what === 'dies') throw new Error('it broke');
    const kept = [];
    for (;;) kept.push(Array.from({ length: 100_000 }, (_, i) => ({ i })));
  })();
\`;
const state = new SharedArrayBuffer(12);
class FailingThread {
  lostLines = 0; failedPackets = 0; answeredPackets = 0; #reason = 'it was killed';
  constructor() {
    this.worker = new Worker(FAILING, { eval: true, workerData: { dist, state }, resourceLimits: { maxOldGenerationSizeMb: 64 } });
    this.ready = new Promise((resolve) => this.worker.once('message', () => resolve(NO_RULES)));
    this.worker.on('error', (error) => { this.#reason = error.message; });
    this.ended = new Promise((resolve) => this.worker.once('exit', () => resolve({ isOrderly: false, reason: this.#reason })));
  }
  get heartbeat() { return Atomics.load(new Int32Array(state), 0); }
  get hasObeyed() { return true; }
  command() {}
  noteLapse() {}
  async prepare() {}
  async kill() { await this.worker.terminate(); }
}
const NO_RULES = { loaded: 0, byAction: { alert: 0, drop: 0, pass: 0, reject: 0 }, held: 0, refused: [], warnings: 0 };
let failedAtMs = 0;
let starts = 0;
const say = (text) => process.stdout.write(text + '\\n');
const log = {
  info: say, warn: say, debug() {},
  error: (_, text) => say(text + ' after ' + Math.round(performance.now() - failedAtMs) + ' ms'),
};
for (const level of ['info', 'warn']) log[level] = (a, b) => say(b ?? a);
const rules = {
  files: [{ file: 'test.rules', text: ${JSON.stringify(rules)} }],
  classification: null, reference: null, reputation: null, threshold: null,
};
const config = mergeConfig({ mode: 'prevent', failure: { engine: ${JSON.stringify(way)} } });
// The check does not keep a process.
const alive = setInterval(() => {}, 1000);
const { checked } = await checkPolicy({ config, rules });
clearInterval(alive);
const supervisor = new Supervisor({
  policy: checked, exceptions: [],
  firewall: chooseFirewall().firewall,
  interception: { firstQueue: 0, queueCount: 1, hooks: ['input', 'output'], interfaces: [], managementPorts: [],
    failure: ${JSON.stringify(way)}, rejectMark: 0, bypassMark: 0, balance: 'addresses' },
  counterBytes: Counters.bytesFor(PIPELINE_COUNTERS),
  datasets: new DatasetHub('/nonexistent', log),
  log, onEvents() {},
  startThread: (settings, hooks) => (starts++ === 0 ? new FailingThread() : startWorkerThread(settings, hooks)),
});
await supervisor.start();
say('ready');
process.stdin.once('data', () => {
  failedAtMs = performance.now();
  Atomics.store(new Int32Array(state), 1, 1);
});
process.stdin.once('end', async () => { await supervisor.stop(); process.exit(0); }).resume();
`;
