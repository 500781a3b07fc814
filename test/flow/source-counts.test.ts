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

test('agrees with a plain map, and holds no source without a flow', () => {
  const step = fc.record({ slot: fc.nat(CAPACITY - 1), source: fc.nat(5), isHalfOpen: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const counts = new SourceCounts(CAPACITY, [1, 2]);
      const flows = new Map<number, { source: number; isHalfOpen: boolean }>();
      for (const { slot, source, isHalfOpen } of steps) {
        const known = flows.get(slot);
        if (known === undefined) {
          counts.begin(slot, from(source), isHalfOpen);
          flows.set(slot, { source, isHalfOpen });
        } else if (known.isHalfOpen !== isHalfOpen) {
          counts.addHalfOpen(slot, isHalfOpen ? 1 : -1);
          known.isHalfOpen = isHalfOpen;
        } else {
          counts.end(slot, known.isHalfOpen);
          flows.delete(slot);
        }
        const all = [...flows.values()];
        for (let wanted = 0; wanted <= 5; wanted++) {
          const own = all.filter((flow) => flow.source === wanted);
          expect(counts.flowsOf(from(wanted))).toBe(own.length);
          expect(counts.halfOpenOf(from(wanted))).toBe(own.filter((flow) => flow.isHalfOpen).length);
        }
        expect(counts.size).toBe(new Set(all.map((flow) => flow.source)).size);
      }
    }),
    { numRuns: fuzzRuns(100) },
  );
});
