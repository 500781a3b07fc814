import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Digest } from '../../../src/service/notify/digest.ts';
import type { Message, Notice } from '../../../src/service/notify/notice.ts';

const MINUTE_MS = 60_000;

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

function setUp(gatherMs: number, maxPerHour: number) {
  const sent: Message[] = [];
  const send = (message: Message): void => void sent.push(message);
  return { sent, digest: new Digest({ gatherMs, maxPerHour, now: Date.now, send }) };
}

const notice = (group: string, count = 1): Notice => ({
  kind: 'blocks',
  group,
  title: group,
  details: [],
  advice: '',
  count,
  timeMs: Date.now(),
});

test('gathers by group from the first notice on, and counts', () => {
  const { sent, digest } = setUp(5 * MINUTE_MS, 10);
  digest.add(notice('a'));
  vi.advanceTimersByTime(2 * MINUTE_MS);
  digest.add(notice('a', 7));
  digest.add(notice('b'));
  vi.advanceTimersByTime(3 * MINUTE_MS - 1);
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(sent).toHaveLength(1);
  expect(sent[0]?.groups).toMatchObject([
    { notice: { group: 'a' }, count: 8, firstMs: 0, lastMs: 2 * MINUTE_MS },
    { notice: { group: 'b' }, count: 1 },
  ]);
  vi.advanceTimersByTime(60 * MINUTE_MS);
  expect(sent).toHaveLength(1);
});

test('what comes when the hour has had its messages waits until the next may go', () => {
  const { sent, digest } = setUp(MINUTE_MS, 2);
  for (let minute = 0; minute < 30; minute++) {
    digest.add(notice('a'));
    vi.advanceTimersByTime(MINUTE_MS);
  }
  expect(sent.map(({ groups }) => groups[0]?.count)).toEqual([1, 1]);
  vi.advanceTimersByTime(31 * MINUTE_MS - 1);
  expect(sent).toHaveLength(2);
  vi.advanceTimersByTime(1);
  expect(sent[2]).toMatchObject({ groups: [{ count: 28 }], leftOutEvents: 0 });
});

test('of groups beyond the bound only the number of events is kept', () => {
  const { sent, digest } = setUp(MINUTE_MS, 2);
  for (let source = 0; source < 150; source++) digest.add(notice(`source ${source}`, 2));
  digest.add(notice('source 3'));
  vi.advanceTimersByTime(MINUTE_MS);
  expect(sent[0]?.groups).toHaveLength(100);
  expect(sent[0]?.groups[3]?.count).toBe(3);
  expect(sent[0]?.leftOutEvents).toBe(100);
  digest.add(notice('later'));
  vi.advanceTimersByTime(MINUTE_MS);
  expect(sent[1]?.leftOutEvents).toBe(0);
});

test('a flush sends what there is, and nothing where there is nothing', () => {
  const { sent, digest } = setUp(MINUTE_MS, 1);
  digest.flush();
  expect(sent).toEqual([]);
  digest.add(notice('a'));
  digest.flush();
  expect(sent).toHaveLength(1);
  vi.advanceTimersByTime(2 * MINUTE_MS);
  expect(sent).toHaveLength(1);
});

test('a clock that is set back keeps nothing back', () => {
  const { sent, digest } = setUp(MINUTE_MS, 1);
  vi.setSystemTime(120 * MINUTE_MS);
  digest.add(notice('a'));
  vi.advanceTimersByTime(MINUTE_MS);
  vi.setSystemTime(90 * MINUTE_MS);
  digest.add(notice('a'));
  vi.advanceTimersByTime(MINUTE_MS);
  expect(sent).toHaveLength(2);
});
