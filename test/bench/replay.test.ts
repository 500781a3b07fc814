import { expect, test } from 'vitest';
import { BENCH_CONFIG, compiled } from './rule-sets.ts';
import { attributed } from './self-time.ts';
import { costsOf, stageCosts } from './stage-costs.ts';
import { STAGES } from './stages.ts';
import { keepAliveTraffic } from './traffic.ts';

test('what a stage costs is what comes on top of those before it', () => {
  expect(costsOf(['a', 'b', 'c'], [100, 150, 400])).toEqual([
    { stage: 'a', soFarNs: 100, ownNs: 100 },
    { stage: 'b', soFarNs: 150, ownNs: 50 },
    { stage: 'c', soFarNs: 400, ownNs: 250 },
  ]);
});

test('no stage takes longer than one that does all that it does, and more', () => {
  expect(costsOf(['a', 'b', 'c'], [100, 250, 200]).map(({ soFarNs }) => soFarNs)).toEqual([100, 200, 200]);
});

test('every stage takes the traffic', () => {
  const costs = stageCosts(keepAliveTraffic(4, 400), BENCH_CONFIG, compiled([]), 0.001);
  expect(costs.map(({ stage }) => stage)).toEqual(STAGES.map(({ name }) => name));
  expect(costs.every(({ soFarNs }) => soFarNs > 0)).toBe(true);
});

test('samples belong to the folder of their function, and shares make up the whole', () => {
  const node = (functionName: string, url: string, hitCount: number) => ({
    callFrame: { functionName, url, lineNumber: 9, scriptId: '1', columnNumber: 0 },
    hitCount,
  });
  const { folders, functions } = attributed([
    node('(idle)', '', 1000),
    node('decode', 'file:///x/dist/tools/src/wire/decode.js', 40),
    node('reset', 'file:///x/dist/tools/src/wire/link.js', 10),
    node('process', 'file:///x/dist/tools/src/pipeline.js', 20),
    node('(garbage collector)', '', 10),
    node('scan', '', 10),
    node('play', 'file:///x/dist/tools/test/bench/stage-costs.js', 5),
    node('cpuUsage', 'node:internal/process', 5),
  ]);
  expect(folders).toEqual([
    { name: 'wire', share: 0.5 },
    { name: 'pipeline', share: 0.2 },
    { name: 'garbage collection', share: 0.1 },
    { name: 'native code', share: 0.1 },
    { name: 'the benchmark', share: 0.05 },
    { name: 'node', share: 0.05 },
  ]);
  expect(functions[0]).toEqual({ name: 'decode wire/decode.js:10', share: 0.4 });
});
