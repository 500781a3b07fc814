import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_RECORD_BYTES, SlotRecords } from '../../src/base/slot-records.ts';
import { fuzzRuns } from '../support/fuzz.ts';

const length = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: MAX_RECORD_BYTES }));
const steps = fc.array(fc.record({ slot: fc.nat(3000), length, isRemoved: fc.boolean() }), { maxLength: 300 });

/** Each byte says whose it is. */
function fill(records: SlotRecords, slot: number, bytes: number): void {
  records.bytes.fill((slot * 31 + bytes) & 0xff, records.start, records.start + bytes);
}

function isIntact(records: SlotRecords, slot: number, bytes: number): boolean {
  if (!records.find(slot)) return false;
  const own = records.bytes.subarray(records.start, records.start + bytes);
  return own.length === bytes && own.every((byte) => byte === ((slot * 31 + bytes) & 0xff));
}

test('every record is its own, however others come and go', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const records = new SlotRecords();
      const known = new Map<number, number>();
      for (const { slot, length, isRemoved } of all) {
        const before = known.get(slot);
        expect(records.has(slot)).toBe(before !== undefined);
        if (before !== undefined) {
          expect(isIntact(records, slot, before)).toBe(true);
          records.remove(slot);
          known.delete(slot);
        }
        if (isRemoved) continue;
        records.add(slot, length);
        fill(records, slot, length);
        known.set(slot, length);
      }
      for (const [slot, bytes] of known) expect(isIntact(records, slot, bytes)).toBe(true);
    }),
    { numRuns: fuzzRuns(100) },
  );
});

test('takes little more than what is in it, and nothing when it is empty', () => {
  const records = new SlotRecords();
  for (let slot = 0; slot < 20_000; slot++) records.add(slot, 130);
  expect(records.claimedBytes / 20_000).toBeLessThan(160);
  for (let slot = 0; slot < 20_000; slot += 2) records.remove(slot);
  for (let slot = 0; slot < 20_000; slot += 2) records.add(slot, 130);
  expect(records.claimedBytes / 20_000).toBeLessThan(160);
  for (let slot = 0; slot < 20_000; slot++) records.remove(slot);
  expect(records.claimedBytes).toBe(0);
});

test('a slot without a record has none', () => {
  const records = new SlotRecords();
  records.remove(70_000);
  expect(records.find(70_000)).toBe(false);
});
