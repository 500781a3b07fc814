import { expect, test } from 'vitest';
import { tracksConnections } from '../../src/service/conntrack-use.ts';

test.each([
  ['connections are listed', [5], true],
  ['none is, until a datagram was sent', [0, 1], true],
  ['none is at all', [0, 0], false],
])('%s', async (_, counts, expected) => {
  expect(await tracksConnections(() => counts.shift()!)).toBe(expected);
  expect(counts).toEqual([]);
});
