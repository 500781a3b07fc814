import { describe, expect, test } from 'vitest';
import { NATIVE_QUEUE_COLUMNS, NfQueue, QUEUE_COLUMN, QUEUE_COLUMNS } from '../../../src/base/native/queue.ts';

describe('queue, without a kernel', () => {
  test('TypeScript and C++ agree on the columns of a row', () => {
    expect(Object.keys(QUEUE_COLUMN)).toEqual(NATIVE_QUEUE_COLUMNS);
    expect(Object.values(QUEUE_COLUMN)).toEqual(NATIVE_QUEUE_COLUMNS.map((_, i) => i));
  });

  test('arrays that are too short, and options out of bounds, never reach the kernel', () => {
    const capacity = 4;
    const slotBytes = 1024;
    const good = {
      ...{ queue: 1, maxLength: 16, copyBytes: 512, receiveBufferBytes: 65_536, flags: 0, capacity, slotBytes },
      bytes: new Uint8Array(capacity * slotBytes),
      rows: new Uint32Array(capacity * QUEUE_COLUMNS),
      verdicts: new Uint8Array(capacity),
      marks: new Uint32Array(capacity),
    };
    const bad = [
      { queue: -1 },
      { queue: 65_536 },
      { queue: 1.5 },
      { capacity: 0 },
      { capacity: 5 },
      { capacity: 4096 },
      { slotBytes: 1025 },
      { slotBytes: 0 },
      { copyBytes: 65_536 },
      { maxLength: 0 },
      { receiveBufferBytes: 2 ** 31 },
      { bytes: new Uint8Array(capacity * slotBytes - 1) },
      { rows: new Uint32Array(capacity * QUEUE_COLUMNS - 1) },
      { verdicts: new Uint8Array(3) },
      { marks: new Uint32Array(0) },
      { marks: new Uint8Array(capacity) as unknown as Uint32Array },
      { bytes: new Uint32Array(capacity * slotBytes) as unknown as Uint8Array },
    ];
    for (const change of bad) expect(() => new NfQueue({ ...good, ...change })).toThrow(RangeError);
  });
});
