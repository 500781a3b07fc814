import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readCatalogue } from '../../src/patches/catalogue.ts';
import { offersOf } from '../../src/patches/offer.ts';
import { composePolicy, type Pins } from '../../src/patches/policy.ts';
import { PolicyStore, StateError } from '../../src/patches/policy-store.ts';
import { readRuleEntries } from '../../src/patches/rule-entry.ts';
import { diagnosticsOf } from './support.ts';

const RULES = `
alert http any any -> any any (msg:"sets"; flowbits:set,one; content:"a"; sid:11;)
alert http any any -> any any (msg:"sets more"; flowbits:isset,one; flowbits:set,two; content:"b"; sid:12;)
reject http any any -> any any (msg:"asks"; flowbits:isset,two; content:"c"; reference:cve,2020-1; reference:cve,2020-1111; sid:13;)
pass http any any -> any any (msg:"passes"; reference:cve,2020-1111; sid:14;)
`;

const offers = offersOf(readCatalogue('signatures').patches, [readRuleEntries(RULES).entries]);

const compose = (ids: readonly string[], pins: Pins = {}) =>
  composePolicy(
    { createdMs: 1, preset: 'balanced', choices: ids.map((id) => ({ id, because: [`${id} is old`] })), pins },
    offers,
  );

describe('a policy', () => {
  test('has the rules of what was chosen, each with its version, and they load', () => {
    const { policy, rules, missing } = compose(['cve-2022-0543', 'cve-2021-44228']);
    expect(missing).toEqual([]);
    expect(policy.items.map(({ id, mode }) => `${id} ${mode}`)).toEqual(['cve-2021-44228 on', 'cve-2022-0543 on']);
    const lines = rules.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines.length).toBe(policy.items.reduce((sum, item) => sum + item.rules, 0));
    for (const line of lines) expect(line).toMatch(new RegExp(` metadata:vpatch_policy ${policy.version};\\)$`));
    expect(diagnosticsOf(rules)).toEqual([]);
  });

  test('of the same rules is the same version, whatever the reasons and order', () => {
    const one = compose(['cve-2022-0543', 'cve-2021-44228']).policy.version;
    expect(compose(['cve-2021-44228', 'cve-2022-0543'], { 'cve-2018-7600': 'off' }).policy.version).toBe(one);
    expect(compose(['cve-2021-44228']).policy.version).not.toBe(one);
  });

  test('has what is pinned, whatever was chosen', () => {
    const pins: Pins = { 'cve-2021-44228': 'off', 'cve-2018-7600': 'on', 'cve-2022-0543': 'detect' };
    const { policy, rules } = compose(['cve-2021-44228', 'cve-2022-0543'], pins);
    expect(policy.items.map(({ id, mode }) => `${id} ${mode}`)).toEqual(['cve-2018-7600 on', 'cve-2022-0543 detect']);
    expect(rules).not.toContain('cve 2021-44228');
    const redis = rules.split('\n').filter((line) => /sid:900017\d/.test(line));
    expect(redis).toHaveLength(policy.items[1]!.rules);
    for (const rule of redis) expect(rule).toMatch(/^drop .* metadata:vpatch_hold detect cve-2022-0543;/);
    expect(rules.match(/vpatch_hold/g)).toHaveLength(redis.length);
    expect(diagnosticsOf(rules)).toEqual([]);
    const soaking = compose([], { ...pins, 'cve-2022-0543': 'soak' });
    expect(soaking.policy.version).not.toBe(policy.version);
    expect(soaking.rules).toContain('vpatch_hold soak cve-2022-0543');
  });

  test('tells what is not there any more', () => {
    expect(compose(['cve-1999-0001'], { '1:5': 'on' }).missing).toEqual(['1:5', 'cve-1999-0001']);
  });

  test('takes rules of others, with those that set what they ask for', () => {
    expect([...offers.keys()].filter((id) => id.includes(':'))).toEqual(['1:13']);
    const { rules } = compose(['1:13'], { '1:13': 'detect' });
    expect(rules.match(/sid:\d+/g)).toEqual(['sid:13', 'sid:12', 'sid:11']);
    expect(rules.match(/vpatch_hold detect 1:13/g)).toHaveLength(1);
    expect(rules).toMatch(/^reject.*vpatch_hold/m);
  });
});

describe('the store', () => {
  let folder: string;
  let store: PolicyStore;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vpatch-state-'));
    store = new PolicyStore(folder);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('without a policy has none', () => {
    expect([store.current(), store.history(), store.pins()]).toEqual([null, [], {}]);
    expect(existsSync(store.rulesFile)).toBe(false);
  });

  test('keeps every version, and one is current', () => {
    const one = compose(['cve-2022-0543']);
    const two = compose(['cve-2021-44228']);
    expect(store.apply(one, 1000, 'scan')).toBe(true);
    expect(store.apply(one, 2000, 'scan')).toBe(false);
    expect(store.apply(two, 3000, 'scan')).toBe(true);
    expect(store.current()).toEqual(two.policy);
    expect(readFileSync(store.rulesFile, 'utf8')).toBe(two.rules);
    expect(store.makeCurrent(one.policy.version, 4000, 'rollback')).toBe(true);
    expect(readFileSync(store.rulesFile, 'utf8')).toBe(one.rules);
    expect(readlinkSync(store.rulesFile)).toBe(`versions/${one.policy.version}.rules`);
    expect(store.history().map(({ timeMs, why }) => `${timeMs} ${why}`)).toEqual([
      '1000 scan',
      '3000 scan',
      '4000 rollback',
    ]);
    expect(store.read(two.policy.version)).toEqual(two.policy);
  });

  test('is not for everybody to read', () => {
    store.apply(compose(['cve-2022-0543']), 1, 'scan');
    expect(statSync(store.rulesFile).mode & 0o007).toBe(0);
    expect(statSync(join(folder, 'policy')).mode & 0o007).toBe(0);
  });

  test('says what is damaged', () => {
    const { policy } = compose(['cve-2022-0543']);
    store.apply(compose(['cve-2022-0543']), 1, 'scan');
    writeFileSync(join(folder, 'policy', 'versions', `${policy.version}.json`), '{"version":"x"}');
    expect(() => store.current()).toThrow(StateError);
    writeFileSync(join(folder, 'policy', 'pins.json'), '{"a":"maybe"}');
    expect(() => store.pins()).toThrow(/pins\.json is damaged/);
  });
});
