import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteBuffer } from '../../src/app/byte-buffer.ts';
import { fuzzRuns } from '../support/fuzz.ts';

const LIMIT_BYTES = 100 * 1024;
const filled = (bytes: number, value: number): Uint8Array => new Uint8Array(bytes).fill(value);

function append(buffer: ByteBuffer, bytes: Uint8Array): void {
  buffer.append(bytes, 0, bytes.length);
}

describe('memory that was released', () => {
  test('is used again, without what it held', () => {
    const first = new ByteBuffer(LIMIT_BYTES);
    append(first, filled(70_000, 1));
    const memory = first.bytes;
    first.release();
    expect(first.length).toBe(0);
    expect(first.view()).toHaveLength(0);

    const second = new ByteBuffer(LIMIT_BYTES);
    append(second, filled(65_600, 2));
    expect(second.bytes).toBe(memory);
    expect(second.view()).toEqual(filled(65_600, 2));
    second.release();
  });

  test('is handed out once, however often it was released', () => {
    const first = new ByteBuffer(LIMIT_BYTES);
    append(first, filled(20_000, 1));
    append(first, filled(50_000, 1));
    first.release();
    first.release();
    const others = [1, 2, 3, 4].map(() => new ByteBuffer(LIMIT_BYTES));
    for (const other of others) append(other, filled(40_000, 2));
    expect(new Set(others.map(({ bytes }) => bytes)).size).toBe(others.length);
    for (const other of others) other.release();
  });

  test('stays as it was while somebody may read it: when it is outgrown', () => {
    const buffer = new ByteBuffer(LIMIT_BYTES);
    append(buffer, filled(30_000, 1));
    const early = buffer.view();
    append(buffer, filled(50_000, 2));
    const other = new ByteBuffer(LIMIT_BYTES);
    append(other, filled(30_000, 3));
    expect(early).toEqual(filled(30_000, 1));
    buffer.release();
    other.release();
  });
});

test('buffers that come and go in any order hold what was put into them, up to their limit', () => {
  const step = fc.record({ which: fc.nat(3), bytes: fc.nat(60_000), value: fc.nat(255), releases: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const buffers = [0, 1, 2, 3].map(() => new ByteBuffer(LIMIT_BYTES));
      const expected: number[][] = buffers.map(() => []);
      for (const { which, bytes, value, releases } of steps) {
        if (releases) {
          buffers[which]!.release();
          expected[which] = [];
        } else {
          append(buffers[which]!, filled(bytes, value));
          expected[which]!.push(...filled(bytes, value).subarray(0, LIMIT_BYTES - expected[which]!.length));
        }
        for (const [i, buffer] of buffers.entries()) {
          expect(Buffer.compare(buffer.view(), Uint8Array.from(expected[i]!))).toBe(0);
        }
      }
      for (const buffer of buffers) buffer.release();
    }),
    { numRuns: fuzzRuns(30) },
  );
});
