import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BufferSlabs, SLAB_BYTES } from '../../src/base/buffer-slabs.ts';

const SMALLEST_BYTES = 512;
const SIZE_CLASSES = 7;

test('buffers in use keep what is in them, whatever is taken and given back between', () => {
  const step = fc.record({ sizeClass: fc.nat(SIZE_CLASSES - 1), count: fc.integer({ min: 1, max: 40 }), at: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const slabs = new BufferSlabs(SMALLEST_BYTES, SIZE_CLASSES);
      const inUse: { readonly buffer: Uint8Array; readonly mark: number }[] = [];
      let mark = 0;
      for (const { sizeClass, count, at } of steps) {
        if (at % 3 === 0) {
          for (const { buffer } of inUse.splice(at % (inUse.length + 1), count)) slabs.give(buffer);
        } else {
          for (let n = 0; n < count; n++) {
            const buffer = slabs.take(sizeClass);
            expect(buffer.length).toBe(SMALLEST_BYTES << sizeClass);
            mark = (mark + 1) % 256;
            inUse.push({ buffer: buffer.fill(mark), mark });
          }
        }
        for (const one of inUse) expect([one.buffer[0], one.buffer.at(-1)]).toEqual([one.mark, one.mark]);
      }
      for (const { buffer } of inUse) slabs.give(buffer);
      expect(slabs.claimedBytes).toBeLessThanOrEqual(SIZE_CLASSES * SLAB_BYTES);
    }),
    { numRuns: 60 },
  );
});

test('memory that buffers of one size have left serves those of another', () => {
  const slabs = new BufferSlabs(SMALLEST_BYTES, SIZE_CLASSES);
  const small = Array.from({ length: (2 * SLAB_BYTES) / SMALLEST_BYTES }, () => slabs.take(0));
  expect(slabs.claimedBytes).toBe(2 * SLAB_BYTES);
  expect(slabs.hasFree(0)).toBe(false);
  for (const one of small) slabs.give(one);
  expect(slabs.claimedBytes).toBe(SLAB_BYTES);
  expect(slabs.take(SIZE_CLASSES - 1).buffer).toBe(small.at(-1)!.buffer);
  expect(slabs.hasFree(SIZE_CLASSES - 1)).toBe(true);
});
