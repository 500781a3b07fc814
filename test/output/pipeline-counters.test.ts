import { expect, test } from 'vitest';
import { Counters } from '../../src/base/counters.ts';
import { PIPELINE_COUNTERS } from '../../src/output/pipeline-counters.ts';
import { fragmentsOf } from '../defrag/fragments.ts';
import { buildTcp } from '../support/packets.ts';
import { Player } from '../support/play.ts';

const syn = buildTcp({ flags: 'S' });
const [firstFragment] = fragmentsOf(
  { source: '192.0.2.1', destination: '192.0.2.2', protocol: 17, payload: new Uint8Array(300) },
  112,
);

test('what stages count for themselves goes on from what the worker before has counted', () => {
  const counterMemory = new SharedArrayBuffer(Counters.bytesFor(PIPELINE_COUNTERS));
  const worker = (): Counters => {
    const player = new Player({ counterMemory, stepMs: 70_000 });
    for (let i = 0; i < 3; i++) player.send(firstFragment!);
    player.played.pipeline.updateGauges();
    player.played.pipeline.updateGauges();
    return player.played.pipeline.counters;
  };
  expect(worker().get('defrag.timeouts')).toBe(2);
  const counters = worker();
  expect(counters.get('decoder.pkts')).toBe(6);
  expect(counters.get('defrag.timeouts')).toBe(4);
});

test('what is now does not outlive a worker', () => {
  const counterMemory = new SharedArrayBuffer(Counters.bytesFor(PIPELINE_COUNTERS));
  const before = new Player({ counterMemory });
  before.send(syn);
  before.played.pipeline.updateGauges();
  expect(before.played.pipeline.counters.get('flow.active')).toBe(1);
  const { pipeline } = new Player({ counterMemory }).played;
  pipeline.updateGauges();
  expect(pipeline.counters.get('flow.active')).toBe(0);
});
