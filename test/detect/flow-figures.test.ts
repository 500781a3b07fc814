import { expect, test } from 'vitest';
import { conversation, playPackets } from '../support/play.ts';
import { down, up } from './support.ts';

const packets = conversation([up('12345'), down('1234567890')]);

/** Numbers of the packets on which a rule with this option alone alerts. */
function numbersOf(options: string, stepMs = 1000): number[] {
  const rules = packets
    .map((_, i) => `alert ip any any -> any any (${options} flow.age:${i}; sid:${i + 1};)`)
    .join('\n');
  return playPackets(packets, { rules, stepMs }).alerts;
}

test.each([
  ['flow.age:>=2;', packets.map((_, i) => i + 1).slice(2)],
  ['flow.pkts_toserver:<2;', [1, 2]],
  ['flow.pkts_toclient:1;', [2, 3, 4]],
  ['flow.bytes_toserver:<50;', [1, 2]],
  ['flow.bytes_toclient:0;', [1]],
  ['stream_size:client,=,6;', [4, 5, 6, 7]],
])('%s', (options, numbers) => {
  const found = numbersOf(options);
  expect(found.slice(0, numbers.length)).toEqual(numbers);
});
