import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runAll } from '../../src/base/steps.ts';
import { DEFAULTS } from '../../src/config/config.ts';
import type { Rule } from '../../src/rules/rule.ts';
import { RuleImage } from '../../src/service/rule-image.ts';
import { type CompiledRuleset, compileRuleset, imageOf, loadImageInSteps } from '../../src/service/rule-set.ts';
import { type RuleTexts, readRuleTexts } from '../../src/service/rule-texts.ts';

const textsOf = (text: string, named: RuleTexts['named'] = {}): RuleTexts => ({
  files: [{ file: '/rules/a.rules', text }],
  named,
  classification: null,
  reference: null,
  threshold: null,
  reputation: null,
});

const load = (compiled: CompiledRuleset, texts: RuleTexts) =>
  // What a worker has: the texts of rules are not sent to it.
  runAll(loadImageInSteps(new RuleImage(imageOf(compiled).bytes), { ...texts, files: [] }, DEFAULTS));

/** What shows of a rule without its functions. */
const shown = (rule: Rule): string =>
  JSON.stringify(rule, (_, value) => {
    if (typeof value === 'bigint') return `${value}`;
    return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
  });

test('every shipped rule is made again as it was compiled', () => {
  const files = readdirSync('signatures', { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.rules'),
  );
  const config = { ...DEFAULTS, rules: { ...DEFAULTS.rules, files: files.map((name) => join('signatures', name)) } };
  const texts = readRuleTexts(config);
  const compiled = compileRuleset(texts, config);
  const image = imageOf(compiled);
  const { ruleset } = runAll(loadImageInSteps(image, texts, config));
  expect(ruleset.ruleCount).toBe(compiled.ruleset.ruleCount);
  expect(ruleset.ruleCount).toBeGreaterThan(200);
  for (let order = 0; order < ruleset.ruleCount; order++) {
    expect(shown(ruleset.rule(order))).toBe(shown(compiled.ruleset.rule(order)));
  }
  expect(ruleset.identities).toEqual(compiled.ruleset.identities);
  expect(image.report.loaded).toBe(compiled.rules.length);
});

test('rules over several lines, behind comments and in other alphabets are the same', () => {
  const text = [
    '\ufeff# a comment',
    '  alert tcp any any -> any any (msg:"über \u{1f600}"; \\',
    '   content:"ü"; \\',
    '   sid:1;)',
    '# alert tcp any any -> any any (sid:2;)',
    'alert tcp any any -> any any (msg:"no end"; sid:3;',
    'alert tcp any any -> any any (msg:"last"; file.data; content:"z"; sid:4;)\r',
  ].join('\n');
  const compiled = compileRuleset(textsOf(text), DEFAULTS);
  const { ruleset } = load(compiled, textsOf(text));
  expect(ruleset.ruleCount).toBeGreaterThan(2);
  for (let order = 0; order < ruleset.ruleCount; order++) {
    expect(shown(ruleset.rule(order))).toBe(shown(compiled.ruleset.rule(order)));
  }
  expect(compiled.diagnostics).toHaveLength(1);
});

test('sets of values are there at once, as the first rule describes them, also a refused one', () => {
  const texts = textsOf(
    [
      'alert dns any any -> any any (dns.query; dataset:isset,bad,type string,load bad.lst; nokeyword; sid:1;)',
      'alert dns any any -> any any (dns.query; dataset:isset,bad; sid:2;)',
      'alert http any any -> any any (http.uri; dataset:set,seen,type string; sid:3;)',
      'alert http any any -> any any (filemd5:hashes; sid:4;)',
    ].join('\n'),
    { '/rules/bad.lst': 'YQ==\nYg==\n', '/rules/hashes': `${'ab'.repeat(16)}\n` },
  );
  const compiled = compileRuleset(texts, DEFAULTS);
  expect(compiled.diagnostics.map(({ sid }) => sid)).toEqual([1]);
  expect(compiled.dataUsers.map(({ line }) => line)).toEqual([1, 2, 3, 4]);
  const { datasets, ruleset } = load(compiled, texts);
  expect([...datasets.keys()]).toEqual(['bad', 'seen']);
  expect([...datasets].map(([, { type }]) => type)).toEqual(['string', 'string']);
  expect(ruleset.ruleCount).toBe(compiled.ruleset.ruleCount);
  for (let order = 0; order < ruleset.ruleCount; order++) expect(ruleset.rule(order).sid).toBeGreaterThan(1);
});

test('no rules are an image too', () => {
  const compiled = compileRuleset(textsOf(''), DEFAULTS);
  expect(load(compiled, textsOf('')).ruleset.ruleCount).toBe(0);
});

test('bytes that are none are refused', () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(64));
  expect(() => new RuleImage(bytes)).toThrow();
  bytes.fill(0xff);
  expect(() => new RuleImage(bytes)).toThrow();
});

test('searches that are there already are not made again', () => {
  const rule = (sid: number, content: string): string =>
    `alert tcp any any -> any ${sid} (content:"${content}"; sid:${sid};)`;
  const texts = textsOf(`${rule(1, 'first')}\nalert http any any -> any any (http.uri; content:"/a"; sid:2;)`);
  const before = load(compileRuleset(texts, DEFAULTS), texts);
  const next = textsOf(`${rule(1, 'other')}\nalert http any any -> any any (http.uri; content:"/a"; sid:3;)`);
  const image = new RuleImage(imageOf(compileRuleset(next, DEFAULTS)).bytes);
  const { matchers } = runAll(loadImageInSteps(image, next, DEFAULTS, before.matchers));
  const kept = [...matchers].filter(([key, matcher]) => before.matchers.get(key) === matcher);
  expect(kept.length).toBeGreaterThan(0);
  expect(kept.length).toBeLessThan(matchers.size);
});
