import { expect, test } from 'vitest';
import { APP_PROTOCOLS } from '../../src/app/index.ts';
import { runAll } from '../../src/base/steps.ts';
import { Ruleset } from '../../src/detect/ruleset.ts';
import { succession } from '../../src/detect/succession.ts';
import { rulesOf } from '../support/rules.ts';

const rule = (sid: number): string => `alert tcp any any -> any any (content:"a${sid}"; sid:${sid};)\n`;
const rulesetOf = (...sids: number[]): Ruleset => Ruleset.of(rulesOf(sids.map(rule).join('')), APP_PROTOCOLS);

test('each rule is found where it is afterwards, unless it is gone', () => {
  const { places } = runAll(succession(rulesetOf(2, 4, 6), rulesetOf(6, 1, 2)));
  expect([...places]).toEqual([1, -1, 2]);
});

test('more rules than are compared at one go', () => {
  const sids = Array.from({ length: 3000 }, (_, n) => n + 1);
  const steps = succession(rulesetOf(...sids), rulesetOf(...sids.slice(1)));
  let pieces = 1;
  let next = steps.next();
  for (; next.done !== true; next = steps.next()) pieces++;
  expect([...next.value.places]).toEqual(sids.map((_, place) => place - 1));
  expect(pieces).toBeGreaterThan(6);
});

test('rules that traffic has met are made before it meets them again', () => {
  const before = rulesetOf(1, 2, 3, 4);
  const after = rulesetOf(2, 3, 5);
  before.rule(0);
  before.rule(2);
  expect(after.madePlaces).toEqual([]);
  expect(runAll(succession(before, after)).ruleset).toBe(after);
  // The first is gone, the third is the second now.
  expect(after.madePlaces).toEqual([1]);
});
