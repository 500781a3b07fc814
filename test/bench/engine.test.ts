import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { BASELINE, enginesFor, NO_RULES, ownRules, SHIPPED_RULES } from './engine.ts';
import { isInstalled, missingFor } from './programs.ts';

const folder = mkdtempSync(join(tmpdir(), 'vpatch-bench-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('each rule set has an engine, and where it is there, Suricata has the same', () => {
  const ruleSets = [NO_RULES, SHIPPED_RULES];
  const names = (withSuricata: boolean, withBypass: boolean, queues = 1, priorities: number[] = []): string[] =>
    enginesFor({ ruleSets, withBypass, queues, priorities, withSuricata }).map(({ name }) => name);
  const usual = [BASELINE, 'accept all', 'vpatch, no rules', 'vpatch, shipped'];
  expect(names(false, false)).toEqual(usual);
  expect(names(false, true)).toEqual([...usual, 'vpatch, shipped, bypass']);
  expect(names(false, false, 2)).toEqual([...usual, 'vpatch, shipped, bypass, 2 queues']);
  expect(names(false, false, 1, [0, -10])).toEqual([...usual, 'vpatch, shipped, nice 0', 'vpatch, shipped, nice -10']);
  expect(names(true, false)).toEqual([...usual, 'Suricata, no rules', 'Suricata, shipped']);
});

test('own rules are a file, all of a folder, or a pattern', () => {
  const file = join(folder, 'a.rules');
  writeFileSync(file, '');
  expect(ownRules(file).files).toEqual([file]);
  expect(ownRules(folder).files).toEqual([join(folder, '*.rules')]);
  expect(ownRules(join(folder, 'a*.rules')).files).toEqual([join(folder, 'a*.rules')]);
  expect(() => ownRules(join(folder, 'missing'))).toThrow('ENOENT');
});

test('what is missing is named with the package that brings it', () => {
  expect(isInstalled('sh')).toBe(true);
  expect(missingFor(['sh'])).toBeNull();
  expect(missingFor(['sh', 'no-such-program'])).toBe('no-such-program is missing (apt-get install no-such-program)');
});
