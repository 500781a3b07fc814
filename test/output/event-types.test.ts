import { expect, test } from 'vitest';
import { EveLines } from '../../src/output/eve-lines.ts';
import { type EventTypes, linesOfTypes } from '../../src/output/event-types.ts';

const LINES = new EveLines(
  ['alert', 'http', 'drop', 'stats', 'flow', 'anomaly'].map((type) => `{"event_type":"${type}"}\n`).join(''),
);

test.each<[EventTypes, readonly string[]]>([
  ['all', ['alert', 'http', 'drop', 'stats', 'flow', 'anomaly']],
  [
    ['alert', 'stats'],
    ['alert', 'stats'],
  ],
  [['records'], ['http', 'flow']],
  [[], []],
])('an output that asks for %j gets them in their order, all of ordinary traffic as one', (types, expected) => {
  expect(linesOfTypes(LINES, types).map(({ type }) => type)).toEqual(expected);
});
