import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { fromLatin1 } from '../../../src/base/bytes.ts';
import { liveNativeObjects } from '../../../src/base/native/addon.ts';
import { Matcher } from '../../../src/base/native/matcher.ts';
import { programFile } from '../../support/program-file.ts';

const compile = (...literals: string[]): Matcher =>
  Matcher.compile(literals.map((text) => ({ bytes: fromLatin1(text), flags: 0 })));

const find = (matcher: Matcher, text: string): number[] => [
  ...matcher.results.subarray(0, matcher.scan(fromLatin1(text), 0, text.length)),
];

describe('worker threads', () => {
  const program = programFile(new URL('../../native/worker.ts', import.meta.url));

  const run = (serialized: Uint8Array): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(program, { workerData: serialized });
      worker.once('message', resolve);
      worker.once('error', reject);
    });

  test('several load the addon, a matcher and a regex, while the main thread uses its own', async () => {
    const matcher = compile('abc', '\0x', 'zzz');
    const serialized = matcher.serialize();
    const answers = Promise.all([run(serialized), run(serialized), run(serialized)]);
    expect(find(matcher, 'zzz')).toEqual([2]);
    expect(await answers).toEqual(Array(3).fill({ found: [0, 1], groups: [1, 3], compiled: 1 }));
    expect(find(matcher, 'zzz')).toEqual([2]);
  });

  test('a worker takes its natives with it when it ends', async () => {
    const serialized = compile('abc').serialize();
    const before = liveNativeObjects();
    for (let i = 0; i < 5; i++) await run(serialized);
    // Those of five ended workers would be twenty.
    await expect.poll(() => liveNativeObjects() - before).toBeLessThanOrEqual(5);
  });
});
