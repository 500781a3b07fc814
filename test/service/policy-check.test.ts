import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runAll } from '../../src/base/steps.ts';
import { DEFAULTS } from '../../src/config/config.ts';
import type { Policy } from '../../src/service/policy.ts';
import { checkPolicy, loadPolicy } from '../../src/service/policy-check.ts';
import { RuleCache, ruleKey } from '../../src/service/rule-cache.ts';
import { RuleImage } from '../../src/service/rule-image.ts';
import { compileRuleset, imageOf, loadImageInSteps } from '../../src/service/rule-set.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-check-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const RULES = Array.from(
  { length: 600 },
  (_, i) => `alert tcp any any -> any any (content:"word ${i}"; sid:${i + 1};)`,
);

function cachedPolicy(): Policy {
  const config = { ...DEFAULTS, rules: { ...DEFAULTS.rules, cacheFolder: folder } };
  const rules = {
    files: [{ file: 'a.rules', text: RULES.join('\n') }],
    classification: null,
    reference: null,
    threshold: null,
    reputation: null,
  };
  new RuleCache(folder).write(ruleKey(rules, config), imageOf(compileRuleset(rules, config)));
  return { config, rules };
}

// Run from its source, a thread cannot be started: what gives an answer here has compiled nothing.
test.each([
  ['a start', (policy: Policy) => loadPolicy(policy, () => {})],
  ['a reload', checkPolicy],
])('%s with rules that are in the cache compiles nothing', async (_, load) => {
  const policy = cachedPolicy();
  const { rules, checked } = await load(policy);
  expect(rules).toMatchObject({ loaded: 600, refused: [] });
  expect(checked).toMatchObject({ config: policy.config, rules: { ...policy.rules, files: [] } });
  const image = new RuleImage(checked.image);
  const { ruleset } = runAll(loadImageInSteps(image, checked.rules, policy.config));
  expect(ruleset.rule(599).text).toBe(RULES[599]);
});

test('what is in the cache and cannot be used is told of, once', async () => {
  const policy = cachedPolicy();
  const [file] = readdirSync(folder);
  writeFileSync(join(folder, file!), 'damaged');
  const told: string[] = [];
  await expect(loadPolicy(policy, (what) => told.push(what))).rejects.toThrow();
  expect(told).toEqual([expect.stringContaining('the rules are compiled anew, since the cache cannot be used: ')]);
});
