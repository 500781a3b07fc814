import { expect, test } from 'vitest';
import { comparisonTable, medianTable, shown } from './report.ts';

test('a row for each measure, and a column for each engine', () => {
  const summary = [
    { engine: 'no IPS', medians: { bulkUp: 12.34, pingP50: 0.05 }, compared: { bulkUp: 1, pingP50: 0 } },
    {
      engine: 'vpatch',
      medians: { bulkUp: 10, pingP50: 0.1, residentAtRest: 93.21 },
      compared: { bulkUp: 0.8104, pingP50: 0.05 },
    },
  ];
  expect(medianTable(summary)).toBe(
    [
      '| load                         | no IPS | vpatch |',
      '|------------------------------|-------:|-------:|',
      '| bulk TCP up, Gbit/s          |   12.3 |     10 |',
      '| ping, half within, ms        |   0.05 |   0.10 |',
      '| resident memory at rest, MiB |      - |   93.2 |',
      '',
    ].join('\n'),
  );
  expect(comparisonTable(summary, 'no IPS')).toBe(
    [
      '| load                  | vpatch |',
      '|-----------------------|-------:|',
      '| bulk TCP up           |   0.81 |',
      '| ping, half within, ms | +0.050 |',
      '',
    ].join('\n'),
  );
});

test.each([
  [undefined, '-'],
  [0, '0'],
  [0.081, '0.08'],
  [12.34, '12.3'],
  [123.4, '123'],
  [64_812, '64,800'],
])('%j is shown as %s', (value, expected) => {
  expect(shown(value)).toBe(expected);
});
