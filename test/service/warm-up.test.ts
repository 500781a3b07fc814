import { expect, test } from 'vitest';
import { warmUp } from '../../src/service/warm-up.ts';

test('goes through all that the usual protocols need, up to the event', () => {
  const lines: string[] = [];
  warmUp((line) => lines.push(line));
  const events = lines
    .join('')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { alert?: { signature: string } });
  expect(new Set(events.flatMap(({ alert }) => alert?.signature ?? []))).toEqual(
    new Set(['segment', 'uri', 'status', 'name', 'query', 'datagram']),
  );
});
