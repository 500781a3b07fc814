import { expect, test } from 'vitest';
import { regionsFilled } from './page-regions.ts';

const PAGE = 'before\n\n<!-- a -->\n\nold\n\n<!-- /a -->\n\nbetween\n\n<!-- b -->\n<!-- /b -->\n';

test('what is between the marks is replaced, as often as is wanted', () => {
  const once = regionsFilled(PAGE, { a: 'new\n', b: '| b |' });
  expect(once).toBe('before\n\n<!-- a -->\n\nnew\n\n<!-- /a -->\n\nbetween\n\n<!-- b -->\n\n| b |\n\n<!-- /b -->\n');
  expect(regionsFilled(once, { a: 'new', b: '| b |' })).toBe(once);
});

test('a place that the page lacks is an error', () => {
  expect(() => regionsFilled(PAGE, { c: 'text' })).toThrow('no place for c');
});
