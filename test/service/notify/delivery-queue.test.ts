import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DeliveryQueue } from '../../../src/service/notify/delivery-queue.ts';
import type { Message } from '../../../src/service/notify/notice.ts';
import { DeliveryError, type Rendered } from '../../../src/service/notify/transport.ts';

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

/** Of each attempt, in turn: null is taken, an error is not. The last one holds for all that follow. */
function setUp(outcomes: (DeliveryError | null)[], limits: { retries?: number; maxWaiting?: number } = {}) {
  const attempts: { readonly at: number; readonly subject: string }[] = [];
  const lines: string[] = [];
  const transport = {
    name: 'test',
    async send({ subject }: Rendered): Promise<string> {
      attempts.push({ at: Date.now(), subject });
      const outcome = outcomes.length > 1 ? outcomes.shift() : outcomes[0];
      if (outcome instanceof DeliveryError) throw outcome;
      return 'taken';
    },
  };
  const render = ({ timeMs }: Message, lost: number): Rendered => ({
    subject: lost === 0 ? `${timeMs}` : `${timeMs}, ${lost} lost`,
    text: '',
    html: '',
    data: {},
  });
  const log = pino({ base: null }, { write: (line: string) => void lines.push(line) });
  const queue = new DeliveryQueue({ transport, retries: 3, maxWaiting: 10, render, log, ...limits });
  return { queue, attempts, lines };
}

const message = (timeMs: number): Message => ({ timeMs, groups: [], leftOutEvents: 0 });
const BUSY = new DeliveryError('busy', true);
const REFUSED = new DeliveryError('refused', false);

test('tries again after pauses that double', async () => {
  const { queue, attempts } = setUp([BUSY, BUSY, BUSY, null]);
  queue.push(message(1));
  await vi.advanceTimersByTimeAsync(1_000_000);
  expect(attempts.map(({ at }) => at)).toEqual([0, 15_000, 45_000, 105_000]);
});

test('gives up after the last retry, says so, and tells in the next message', async () => {
  const { queue, attempts, lines } = setUp([BUSY, BUSY, null], { retries: 1 });
  queue.push(message(1));
  queue.push(message(2));
  queue.push(message(3));
  await vi.advanceTimersByTimeAsync(1_000_000);
  expect(attempts.map(({ subject }) => subject)).toEqual(['1', '1', '2, 1 lost', '3']);
  expect(lines.filter((line) => line.includes('"level":50'))).toEqual([expect.stringContaining('left out: busy')]);
});

test('does not try again what was refused for good', async () => {
  const { queue, attempts } = setUp([REFUSED, null]);
  queue.push(message(1));
  await vi.advanceTimersByTimeAsync(1_000_000);
  expect(attempts).toHaveLength(1);
});

test('keeps the newest messages while a server is away', async () => {
  const { queue, attempts } = setUp([BUSY, null], { maxWaiting: 2 });
  for (let i = 1; i <= 5; i++) queue.push(message(i));
  await vi.advanceTimersByTimeAsync(1_000_000);
  expect(attempts.map(({ subject }) => subject)).toEqual(['1', '1, 2 lost', '4', '5']);
  expect(queue.lostMessages).toBe(2);
});

test('ends at once when it is abandoned in a pause', async () => {
  const { queue, attempts } = setUp([BUSY]);
  queue.push(message(1));
  queue.push(message(2));
  await vi.advanceTimersByTimeAsync(1);
  queue.abandon();
  await queue.idle;
  expect(attempts).toHaveLength(1);
});
