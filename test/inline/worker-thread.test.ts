import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Testbed, whyNoTestbed } from '../support/netns.ts';
import { programFile } from '../support/program-file.ts';
import type { WorkerStory } from './programs/worker-thread-process.ts';

const reason = whyNoTestbed();
if (reason !== null) console.warn(`SKIPPED, NOTHING INLINE IS TESTED: ${reason}`);

describe.skipIf(reason !== null)('a worker thread', () => {
  let testbed: Testbed;
  beforeAll(() => {
    testbed = new Testbed();
  });
  afterAll(() => testbed?.close());

  const storyOf = async (end: 'stopped' | 'killed'): Promise<WorkerStory> => {
    const source = new URL('./programs/worker-thread-process.ts', import.meta.url);
    const program = programFile(source, 'src/service/worker.ts', 'src/service/policy-checker.ts');
    const { status, output, error } = await testbed.finish('server', process.execPath, [program, end]);
    expect({ status, error }).toEqual({ status: 0, error: '' });
    return JSON.parse(output) as WorkerStory;
  };

  test('holds its queue while it lives, and shows that it lives', async () => {
    const { bound, beats, end, left } = await storyOf('stopped');
    expect(bound).toMatch(/^9 /);
    expect(beats).toBeGreaterThan(5);
    expect({ end, left }).toEqual({ end: { isOrderly: true }, left: '' });
  });

  test('that is killed lets go of its queue at once, so that the bypass of the rules works', async () => {
    expect(await storyOf('killed')).toMatchObject({ left: '', end: { isOrderly: false } });
  });
});
