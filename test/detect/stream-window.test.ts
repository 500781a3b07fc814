import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EMPTY_BYTES } from '../../src/base/bytes.ts';
import { StreamWindow, TAIL_BYTES, WHOLE_BYTES, WindowMemory } from '../../src/detect/stream-window.ts';
import type { Inspected } from '../../src/rules/rule.ts';

/** Byte at every offset of the stream, so that a wrong place is a wrong byte. */
const byteAt = (offset: number): number => (offset * 31 + (offset >> 8)) & 0xff;
const chunkAt = (offset: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => byteAt(offset + i));
const emptyView = (): Inspected => ({ bytes: EMPTY_BYTES, start: 0, end: 0, skippedBytes: 0 });

function expectStream({ bytes, start, end, skippedBytes }: Inspected): void {
  for (let at = start; at < end; at++) {
    if (bytes[at] !== byteAt(skippedBytes + at)) throw new Error(`wrong byte at ${skippedBytes + at}`);
  }
}

test('shows the newest bytes with as much before them as is promised, whatever the pieces', () => {
  const piece = fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3000 }), fc.constant(65_000));
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 60 }), (lengths) => {
      const memory = new WindowMemory(2 ** 20);
      const window = new StreamWindow(memory);
      const view = emptyView();
      let offset = 0;
      for (const length of lengths) {
        // The chunk lies somewhere in a larger buffer.
        const chunk = new Uint8Array(length + 7);
        chunk.set(chunkAt(offset, length), 5);
        expect(window.append(chunk, 5, 5 + length, offset, view)).toBe(true);
        expectStream(view);
        const before = view.end - length;
        expect(view.skippedBytes + view.end).toBe(offset + length);
        expect(before).toBeGreaterThanOrEqual(offset <= WHOLE_BYTES - 65_000 ? offset : Math.min(offset, TAIL_BYTES));
        if (offset + length <= WHOLE_BYTES) expect(view.skippedBytes).toBe(0);
        offset += length;
        expect(memory.usedBytes).toBe(window.bytes.length);
        expect(memory.usedBytes).toBeLessThanOrEqual(offset <= WHOLE_BYTES ? WHOLE_BYTES : 2 * TAIL_BYTES);
      }
      window.release();
      expect(memory.usedBytes).toBe(0);
    }),
    { numRuns: 50 },
  );
});

test('behind a gap it begins anew', () => {
  const window = new StreamWindow(new WindowMemory(2 ** 20));
  const view = emptyView();
  window.append(chunkAt(0, 100), 0, 100, 0, view);
  window.append(chunkAt(150, 10), 0, 10, 150, view);
  expect(view).toMatchObject({ start: 0, end: 10, skippedBytes: 150 });
  expectStream(view);
});

describe('at the memory limit', () => {
  test('the piece in hand is still shown behind what is kept, and the caller is told', () => {
    const memory = new WindowMemory(512);
    const window = new StreamWindow(memory);
    const view = emptyView();
    expect(window.append(chunkAt(0, 500), 0, 500, 0, view)).toBe(true);
    expect(window.append(chunkAt(500, 1000), 0, 1000, 500, view)).toBe(false);
    expect(view).toMatchObject({ start: 0, end: 1500, skippedBytes: 0 });
    expectStream(view);
    expect(memory.usedBytes).toBeLessThanOrEqual(512);
    window.append(chunkAt(1500, 10), 0, 10, 1500, view);
    expect(view.end).toBeGreaterThan(10);
    expectStream(view);
  });

  test('many busy streams get less each, and none is refused', () => {
    const memory = new WindowMemory(2 ** 20);
    const windows = Array.from({ length: 400 }, () => new StreamWindow(memory));
    const view = emptyView();
    for (let offset = 0; offset < 60_000; offset += 1000) {
      for (const window of windows) {
        expect(window.append(chunkAt(offset, 1000), 0, 1000, offset, view)).toBe(true);
        expect(view.skippedBytes + view.end).toBe(offset + 1000);
        if (offset > 0) expect(view.end).toBeGreaterThanOrEqual(Math.min(offset, 1024) + 1000);
      }
      expectStream(view);
      expect(memory.usedBytes).toBeLessThanOrEqual(2 ** 20);
    }
    expect(memory.cuts).toBeGreaterThan(0);
    // What is left when the others are gone goes on with as much as ever.
    for (const window of windows.slice(1)) window.release();
    for (let offset = 60_000; offset < 90_000; offset += 1000) {
      windows[0]!.append(chunkAt(offset, 1000), 0, 1000, offset, view);
    }
    expect(view.end).toBeGreaterThanOrEqual(TAIL_BYTES);
    expectStream(view);
  });

  test('windows that were left in many slabs, one in each, do not make them claim without bound', () => {
    const memory = new WindowMemory(4 * 2 ** 20);
    const view = emptyView();
    const chunk = chunkAt(0, WHOLE_BYTES);
    const begin = (bytes: number): StreamWindow => {
      const window = new StreamWindow(memory);
      window.append(chunk, 0, bytes, 0, view);
      return window;
    };
    for (let bytes = 512; bytes <= WHOLE_BYTES; bytes *= 2) {
      const windows = Array.from({ length: (4 * 2 ** 20) / bytes }, () => begin(bytes));
      const ofSlab = (256 * 1024) / bytes;
      for (const [at, window] of windows.entries()) if (at % ofSlab > 0) window.release();
      expect(memory.claimedBytes).toBeLessThanOrEqual(8 * 2 ** 20);
      expect(memory.usedBytes).toBeLessThanOrEqual(4 * 2 ** 20);
    }
  });

  test('others go on when somebody gives memory back', () => {
    const memory = new WindowMemory(1024);
    const [first, second] = [new StreamWindow(memory), new StreamWindow(memory)];
    const view = emptyView();
    expect(first.append(chunkAt(0, 1000), 0, 1000, 0, view)).toBe(true);
    expect(second.append(chunkAt(0, 1000), 0, 1000, 0, view)).toBe(false);
    expectStream(view);
    first.release();
    expect(second.append(chunkAt(1000, 1000), 0, 1000, 1000, view)).toBe(true);
    expect(view).toMatchObject({ end: 1000, skippedBytes: 1000 });
    expectStream(view);
  });
});
