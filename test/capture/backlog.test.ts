import { describe, expect, test } from 'vitest';
import { Backlog } from '../../src/capture/backlog.ts';

describe('a queue of 20 packets, received in batches of 8', () => {
  /** Of each batch: has the queue overflowed? */
  const overflows = (counts: readonly number[], lostBefore: readonly number[] = []): boolean[] => {
    const backlog = new Backlog(20, 8);
    let id = 0;
    return counts.map((count, i) => {
      id += count + (lostBefore.includes(i) ? 1 : 0);
      return backlog.hasOverflowed(count, count === 0 ? 0 : id);
    });
  };

  test('was never full where it was found empty in between', () => {
    expect(overflows([8, 3, 8, 8, 0, 2, 8, 7])).toEqual(Array(8).fill(false));
  });

  test('may have been full when as many waited one behind the other, and until none wait any more', () => {
    expect(overflows([8, 8, 8, 8, 2, 3])).toEqual([false, false, true, true, true, false]);
    // Those in hand waited too, when the next ones came.
    expect(overflows([7, 8, 5])).toEqual([false, false, true]);
  });

  test('did not take what came behind those that were in it: behind the last batch, which others follow or none', () => {
    expect(overflows([7, 8, 5, 1, 1])).toEqual([false, false, true, true, false]);
    expect(overflows([7, 8, 5, 0, 1])).toEqual([false, false, true, true, false]);
  });

  test('may have been so again, as many packets later', () => {
    expect(overflows(Array(10).fill(8))).toEqual([false, false, true, true, true, true, false, true, true, true]);
  });

  test('has lost one whose number is missing', () => {
    expect(overflows([3, 3, 0, 3, 3, 3], [0, 3])).toEqual([false, false, false, true, true, false]);
  });

  test('each time is counted once, however many batches it lasts', () => {
    const backlog = new Backlog(20, 8);
    let id = 0;
    for (const count of [8, 3, 8, 8, 8, 8, 2, 3, 7, 8, 5, 0, 1, 1]) {
      id += count;
      backlog.hasOverflowed(count, id);
    }
    expect(backlog.overflows).toBe(2);
  });

  test('numbers wrap', () => {
    const backlog = new Backlog(20, 8);
    expect([backlog.hasOverflowed(2, 0xffff_ffff), backlog.hasOverflowed(3, 2)]).toEqual([false, false]);
  });
});
