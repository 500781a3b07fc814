import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Testbed, whyNoTestbed } from '../support/netns.ts';
import { PROGRAM } from '../support/vpatch-process.ts';

const reason = whyNoTestbed();
if (reason !== null) console.warn(`SKIPPED, NOTHING INLINE IS TESTED: ${reason}`);

/** Starts a worker of the built program in a namespace, does `body` with it, and prints what that returns. */
const script = (body: string): string => `
  const dist = ${JSON.stringify(`file://${dirname(PROGRAM)}`)};
  const { readFileSync } = await import('node:fs');
  const { startWorkerThread } = await import(dist + '/service/worker-thread.js');
  const { checkPolicy } = await import(dist + '/service/policy-check.js');
  const { PIPELINE_COUNTERS } = await import(dist + '/output/pipeline-counters.js');
  const { LatencyHistogram } = await import(dist + '/service/latency.js');
  const { FlowCounts } = await import(dist + '/flow/counts.js');
  const { DEFAULTS } = await import(dist + '/config/config.js');
  const queues = () => readFileSync('/proc/self/net/netfilter/nfnetlink_queue', 'utf8').trim();
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const rules = { files: [], classification: null, reference: null, reputation: null, threshold: null };
  // The check does not keep a process.
  const alive = setInterval(() => {}, 1000);
  const { checked } = await checkPolicy({ config: DEFAULTS, rules });
  clearInterval(alive);
  const thread = startWorkerThread({
    queue: 9, worker: 0, mode: 'detect', checked,
    exceptions: [],
    rejectMark: 0,
    bypassMark: 0,
    counters: new SharedArrayBuffer(8 * PIPELINE_COUNTERS.length),
    latency: new SharedArrayBuffer(LatencyHistogram.bytes),
    flowCells: FlowCounts.sharedCells(1),
    sourceMemory: null,
    tracks: null,
    maxPendingCharacters: 1000,
  }, { onEvents() {}, onLog() {} });
  await thread.ready;
  const result = await (async () => { ${body} })();
  console.log(JSON.stringify(result));`;

describe.skipIf(reason !== null)('a worker thread', () => {
  let testbed: Testbed;
  beforeAll(() => {
    testbed = new Testbed();
  });
  afterAll(() => testbed?.close());

  const outcomeOf = async (body: string): Promise<unknown> => {
    const args = ['--input-type=module', '-e', script(body)];
    const { status, output, error } = await testbed.finish('server', process.execPath, args);
    expect({ status, error }).toEqual({ status: 0, error: '' });
    return JSON.parse(output);
  };

  test('holds its queue while it lives, and shows that it lives', async () => {
    const outcome = await outcomeOf(`
      const before = thread.heartbeat;
      await pause(1000);
      const bound = queues();
      const beats = thread.heartbeat - before;
      thread.command({ type: 'stop' });
      return { bound, beats, end: await thread.ended, left: queues() };`);
    expect(outcome).toMatchObject({
      bound: expect.stringMatching(/^9 /),
      end: { isOrderly: true },
      left: '',
    });
    expect((outcome as { beats: number }).beats).toBeGreaterThan(5);
  });

  test('that is killed lets go of its queue at once, so that the bypass of the rules works', async () => {
    const outcome = await outcomeOf(`
      await thread.kill();
      return { left: queues(), end: await thread.ended };`);
    expect(outcome).toMatchObject({ left: '', end: { isOrderly: false } });
  });
});
