import { expect, test } from 'vitest';
import { APP_PROTOCOLS } from '../../src/app/index.ts';
import { DEFAULTS } from '../../src/config/config.ts';
import { Ruleset } from '../../src/detect/ruleset.ts';
import { selfTest } from '../../src/service/self-test.ts';
import { rulesOf } from '../support/rules.ts';

const RULES = `
drop tcp any any -> any 80 (msg:"syn"; flags:S; sid:1;)
drop http any any -> any any (msg:"request"; http.uri; content:"/index"; sid:2;)
drop dns any any -> any any (msg:"query"; dns.query; content:"example"; sid:3;)`;

test('rules that inspect pass, whatever they drop', () => {
  expect(() => selfTest(Ruleset.of(rulesOf(RULES), APP_PROTOCOLS), DEFAULTS)).not.toThrow();
  expect(() => selfTest(Ruleset.of([], APP_PROTOCOLS), DEFAULTS)).not.toThrow();
});

test.each([0, 1, 2])('rule %i throwing is found', (index) => {
  const rules = rulesOf(RULES).map((rule, i) => {
    const thrower = (): never => {
      throw new Error('broken');
    };
    return i === index ? { ...rule, addressTests: [thrower] } : rule;
  });
  expect(() => selfTest(Ruleset.of(rules, APP_PROTOCOLS), DEFAULTS)).toThrow('broken');
});
