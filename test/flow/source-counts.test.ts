import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SourceCounts } from '../../src/flow/source-counts.ts';
import { Packet } from '../../src/wire/packet.ts';
import { fuzzRuns } from '../support/fuzz.ts';

const CAPACITY = 12;

function from(source: number): Packet {
  const packet = new Packet();
  packet.ipVersion = 4;
  packet.source[3] = source;
  return packet;
}

const SOURCES = 6;

interface Flow {
  readonly source: number;
  isHalfOpen: boolean;
}

/** What one worker has, in a plain map. */
class Worker {
  readonly counts: SourceCounts;
  readonly flows = new Map<number, Flow>();

  constructor(counts: SourceCounts) {
    this.counts = counts;
  }

  /** Begins, completes or begins anew, or ends the flow in this slot. */
  step(slot: number, source: number, isHalfOpen: boolean): void {
    const known = this.flows.get(slot);
    if (known === undefined) {
      this.counts.begin(slot, from(source), isHalfOpen);
      this.flows.set(slot, { source, isHalfOpen });
    } else if (known.isHalfOpen !== isHalfOpen) {
      this.counts.addHalfOpen(slot, isHalfOpen ? 1 : -1);
      known.isHalfOpen = isHalfOpen;
    } else {
      this.counts.end(slot, known.isHalfOpen);
      this.flows.delete(slot);
    }
  }
}

function expectAll(workers: readonly Worker[]): void {
  const all = workers.flatMap(({ flows }) => [...flows.values()]);
  for (const { counts } of workers) {
    for (let wanted = 0; wanted < SOURCES; wanted++) {
      const own = all.filter((flow) => flow.source === wanted);
      expect(counts.flowsOf(from(wanted))).toBe(own.length);
      expect(counts.halfOpenOf(from(wanted))).toBe(own.filter((flow) => flow.isHalfOpen).length);
    }
    expect(counts.size).toBe(new Set(all.map((flow) => flow.source)).size);
  }
}

const STEP = { slot: fc.nat(CAPACITY - 1), source: fc.nat(SOURCES - 1), isHalfOpen: fc.boolean() };

test('agrees with a plain map, and holds no source without a flow', () => {
  fc.assert(
    fc.property(fc.array(fc.record(STEP), { maxLength: 200 }), (steps) => {
      const worker = new Worker(SourceCounts.own(CAPACITY, [1, 2]));
      for (const { slot, source, isHalfOpen } of steps) {
        worker.step(slot, source, isHalfOpen);
        expectAll([worker]);
      }
    }),
    { numRuns: fuzzRuns(100) },
  );
});

test('workers that share the memory count together, and one that died takes its flows along', () => {
  const shared = fc.record({ ...STEP, worker: fc.nat(2), dies: fc.boolean() });
  fc.assert(
    fc.property(fc.array(shared, { maxLength: 200 }), (steps) => {
      const memory = SourceCounts.sharedMemory(3 * CAPACITY, 3);
      const begin = (worker: number) => new Worker(SourceCounts.shared(memory, worker, CAPACITY));
      const workers = [begin(0), begin(1), begin(2)];
      for (const { slot, source, isHalfOpen, worker, dies } of steps) {
        workers[worker]!.step(slot, source, isHalfOpen);
        if (dies) {
          SourceCounts.forget(memory, worker);
          workers[worker] = begin(worker);
        }
        expectAll(workers);
      }
    }),
    { numRuns: fuzzRuns(100) },
  );
});

test('where there are more sources than it was made for, the last ones are not counted', () => {
  const counts = SourceCounts.shared(SourceCounts.sharedMemory(2, 1), 0, CAPACITY);
  for (let source = 0; source < 3; source++) counts.begin(source, from(source), true);
  expect([0, 1, 2].map((source) => counts.flowsOf(from(source)))).toEqual([1, 1, 0]);
  counts.end(2, true);
  counts.end(0, true);
  counts.begin(2, from(2), false);
  expect([0, 1, 2].map((source) => counts.flowsOf(from(source)))).toEqual([0, 1, 1]);
});

test('a worker that was ended within holds up nobody', () => {
  const memory = SourceCounts.sharedMemory(CAPACITY, 2);
  const [one, two] = [SourceCounts.shared(memory, 0, CAPACITY), SourceCounts.shared(memory, 1, CAPACITY)];
  one.begin(0, from(1), true);
  two.begin(0, from(1), false);
  // The lock is the first cell; nobody but the worker that holds it would set it free.
  new Int32Array(memory)[0] = 1;
  SourceCounts.forget(memory, 0);
  expect([two.flowsOf(from(1)), two.halfOpenOf(from(1))]).toEqual([1, 0]);
});
