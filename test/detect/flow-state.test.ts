import { expect, test } from 'vitest';
import { FlowDetections } from '../../src/detect/flow-state.ts';

/** More than follow at one go. */
const FLOWS = 2500;
const rulesOf = (flows: FlowDetections, flow: number): number[] => [...flows.of(flow)!.ofWhole().rules];

function flowsWith(rule: number): FlowDetections {
  const flows = new FlowDetections(() => {});
  for (let flow = 0; flow < FLOWS; flow++) flows.make(flow).ofWhole().rules.add(rule);
  return flows;
}

test('flows follow a change of rules when they are asked for', () => {
  const flows = flowsWith(1);
  flows.renumber(Int32Array.of(0, 7));
  expect(rulesOf(flows, FLOWS - 1)).toEqual([7]);
  // And once only.
  expect(rulesOf(flows, FLOWS - 1)).toEqual([7]);
});

test('flows that nobody asks for follow in their turn, each change once', () => {
  const flows = flowsWith(1);
  flows.renumber(Int32Array.of(-1, 2, 9));
  flows.catchUp();
  // Most have not followed the first change yet.
  flows.renumber(Int32Array.of(-1, -1, 3));
  for (let times = 0; times < FLOWS; times++) flows.catchUp();
  for (let flow = 0; flow < FLOWS; flow++) expect(rulesOf(flows, flow)).toEqual([3]);
});

test('a flow that begins behind a change is of the new rules', () => {
  const flows = flowsWith(1);
  flows.renumber(Int32Array.of(4, 4));
  flows.release(0);
  flows.make(0).ofWhole().rules.add(1);
  flows.make(FLOWS).ofWhole().rules.add(1);
  for (let times = 0; times < FLOWS; times++) flows.catchUp();
  expect(rulesOf(flows, 0)).toEqual([1]);
  expect(rulesOf(flows, FLOWS)).toEqual([1]);
  expect(rulesOf(flows, 1)).toEqual([4]);
});
