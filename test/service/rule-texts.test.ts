import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULTS, mergeConfig } from '../../src/config/config.ts';
import { readRuleTexts } from '../../src/service/rule-texts.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-rules-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('of the files that rules name, only regular ones are read', () => {
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  writeFileSync(join(folder, 'list'), 'a digest');
  const file = join(folder, 'a.rules');
  const naming = (name: string): string => `alert tcp any any -> any any (filemd5:${name}; sid:1;)\n`;
  writeFileSync(file, ['pipe', '/dev/zero', 'nothing', 'list'].map(naming).join(''));
  const { named } = readRuleTexts(mergeConfig(DEFAULTS, { rules: { files: [file] } }));
  expect(named).toEqual({ [join(folder, 'list')]: 'a digest' });
});
