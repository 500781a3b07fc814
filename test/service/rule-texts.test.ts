import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULTS } from '../../src/config/config.ts';
import { mergeConfig } from '../../src/config/overrides.ts';
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

test('a file of rules that is far too large is refused by its name', () => {
  const file = join(folder, 'a.rules');
  writeFileSync(file, '');
  truncateSync(file, 64 * 2 ** 20 + 1);
  const read = (config: object): unknown => readRuleTexts(mergeConfig(DEFAULTS, { rules: config }));
  const refused = expect.objectContaining({ path: file, message: 'it has more than 64 MiB' });
  for (const rules of [{ files: [file] }, { thresholdFile: file }, { modifyFile: file }]) {
    expect(() => read(rules)).toThrow(refused);
  }
});

test('options that end nowhere do not hold up reading, and hide no file of other rules', () => {
  writeFileSync(join(folder, 'list'), 'YQ==');
  const file = join(folder, 'a.rules');
  const rule = 'alert http any any -> any any (http.host; dataset:isset,a,type string,load list; sid:1;)';
  writeFileSync(file, `# ${'dataset:,'.repeat(80_000)};\n${rule}\n`);
  const { named } = readRuleTexts(mergeConfig(DEFAULTS, { rules: { files: [file] } }));
  expect(named).toEqual({ [join(folder, 'list')]: 'YQ==' });
});
