import { expect, test } from 'vitest';
import { counted } from '../../src/base/counted.ts';

test.each([
  [0, 'rule', '0 rules'],
  [1, 'rule', '1 rule'],
  [14_148, 'rule', '14,148 rules'],
  [1, 'patch', '1 patch'],
  [2, 'patch', '2 patches'],
  [3, 'weakness', '3 weaknesses'],
])('%i of %s is "%s"', (count, noun, text) => {
  expect(counted(count, noun)).toBe(text);
});
