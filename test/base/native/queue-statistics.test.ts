import { expect, test } from 'vitest';
import { parseQueueStatistics, readQueueStatistics } from '../../../src/base/native/queue-statistics.ts';

test('the statistics of the kernel are read line by line, and strange lines skipped', () => {
  const text = [
    '    3  12345     7 2 65531     5     6    99  1',
    '65535 3456789012     0 2  1500 4294967295     0     0  1',
    'nonsense',
    '    4  1 2',
    '',
  ].join('\n');
  expect(parseQueueStatistics(text)).toEqual([
    {
      ...{ queue: 3, portId: 12_345, waiting: 7, copyMode: 2, copyBytes: 65_531 },
      ...{ queueDropped: 5, userDropped: 6, idSequence: 99 },
    },
    {
      ...{ queue: 65_535, portId: 3_456_789_012, waiting: 0, copyMode: 2, copyBytes: 1500 },
      ...{ queueDropped: 4_294_967_295, userDropped: 0, idSequence: 0 },
    },
  ]);
  expect(parseQueueStatistics('')).toEqual([]);
  expect(Array.isArray(readQueueStatistics())).toBe(true);
});
