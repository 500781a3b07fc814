import { expect, test } from 'vitest';
import { areMet } from '../../src/rules/requirements.ts';
import { compileText } from './support.ts';

const hasKeyword = (name: string): boolean => name === 'flow';

test.each([
  ['version >= 7', true],
  ['version >= 7.0.10', true],
  ['version >= 7.0.11', false],
  ['version > 7.0.9 < 8', true],
  ['version <= 7.0.10', true],
  ['version < 7.0.10', false],
  ['version >= 8 | < 7.1', true],
  ['version >= 8|>= 9', false],
  ['version >= 7, keyword flow', true],
  ['keyword nothing', false],
  ['feature lua', false],
  ['feature vpatch', true],
  ['feature vpatch, version >= 8', false],
  ['version 7', null],
  ['version >= seven', null],
  ['kernel >= 6', null],
])('%s: %s', (text, expected) => {
  expect(areMet(text, hasKeyword)).toBe(expected);
});

test('a rule that is for somebody else is left out, whatever else is in it', () => {
  const rule = 'alert udp any any -> any any (nobodys_keyword:10; requires: version >= 10; sid:2;)';
  expect(compileText(rule)).toMatchObject({ rules: [], diagnostics: [] });
});
