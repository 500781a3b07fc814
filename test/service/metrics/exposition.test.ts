import { expect, test } from 'vitest';
import { expositionText } from '../../../src/service/metrics/exposition.ts';

test('each family has its help, its type and its samples', () => {
  const text = expositionText([
    { name: 'one_total', type: 'counter', help: 'Counts.', samples: [{ value: 3 }] },
    { name: 'two', type: 'gauge', help: 'Has labels.', samples: [{ labels: { a: 'x', b: 'y' }, value: 0.5 }] },
  ]);
  expect(text).toBe(
    '# HELP one_total Counts.\n# TYPE one_total counter\none_total 3\n' +
      '# HELP two Has labels.\n# TYPE two gauge\ntwo{a="x",b="y"} 0.5\n',
  );
});

test('what would end a label or a line is escaped', () => {
  const text = expositionText([
    { name: 'm', type: 'gauge', help: 'a\\b\nc "d"', samples: [{ labels: { l: 'a"b\\c\nd' }, value: 1 }] },
  ]);
  expect(text).toBe('# HELP m a\\\\b\\nc "d"\n# TYPE m gauge\nm{l="a\\"b\\\\c\\nd"} 1\n');
});

test('a family of which nothing is known is left out', () => {
  expect(expositionText([{ name: 'm', type: 'gauge', help: 'None.', samples: [] }])).toBe('');
});
