import { afterEach, expect, test, vi } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { TO_SERVER } from '../../src/base/direction.ts';
import { Matcher } from '../../src/base/native/matcher.ts';
import { playPackets } from '../support/play.ts';
import { alertsOf, pieces, up } from './support.ts';

const rule = (options: string, sid: number): string => `alert tcp any any -> any any (${options} sid:${sid};)`;
const stream = rule('content:"abcdef";', 1);
const packet = rule('content:"abcdef"; dsize:<100;', 2);
const placed = rule('content:"abcdef"; offset:3; depth:6;', 3);
const all = [stream, packet, placed].join('\n');
/** Delivered together when the hole in front of it is filled. */
const inOrder = (texts: readonly string[], order: readonly number[]): Uint8Array[] => {
  const offsets = texts.map((_, i) => texts.slice(0, i).join('').length);
  return pieces(order.map((i) => ({ direction: TO_SERVER, offset: offsets[i]!, bytes: fromLatin1(texts[i]!) })));
};

afterEach(() => {
  vi.restoreAllMocks();
});

test('rules on the stream and on the packet are found by one search of what is new', () => {
  const scan = vi.spyOn(Matcher.prototype, 'scan');
  expect(alertsOf(all, [up('...abcdef')]).sort()).toEqual([1, 2, 3]);
  expect(scan.mock.calls.map(([, start, end]) => end - start)).toEqual([9]);
});

test('each finds what is its own', () => {
  expect(alertsOf(all, [up('...abc'), up('def')])).toEqual([1, 3]);
  expect(alertsOf(all, [up('.'.repeat(100)), up('...abcdef')]).sort()).toEqual([1, 2, 3]);
  expect(alertsOf(all, [up(`${'.'.repeat(100)}abcdef`)])).toEqual([1]);
  expect(alertsOf(`${packet}\n${rule('content:"other";', 4)}`, [up('...abcdef')])).toEqual([2]);
});

test('a packet that fills a hole is searched as well as what was behind it', () => {
  const alertsFor = (texts: readonly string[]): number[] =>
    playPackets(inOrder(texts, [1, 0]), { rules: all }).alerts.sort();
  expect(alertsFor(['...abcdef', 'nothing'])).toEqual([1, 2, 3]);
  expect(alertsFor(['nothing', '...abcdef'])).toEqual([1, 2, 3]);
  expect(alertsFor(['nothing', 'at all'])).toEqual([]);
});

test('behind the depth of streams, rules on packets alone are looked for', () => {
  const config = { stream: { depthBytes: 10 } };
  expect(alertsOf(all, [up('0123456789'), up('...abcdef')], { config })).toEqual([2]);
});
