import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatProblem } from '../../src/config/problem.ts';
import { readCatalogue } from '../../src/patches/catalogue.ts';
import { readRuleEntries } from '../../src/patches/rule-entry.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vpatch-catalogue-'));
  cpSync('signatures/redis', join(directory, 'redis'), { recursive: true });
});
afterEach(() => rmSync(directory, { recursive: true }));

/** The catalogue with one file changed or added; its problems as the user reads them, paths from the catalogue on. */
function changed(file: string, edit: string | ((text: string) => string)): { ids: string[]; problems: string[] } {
  const path = join(directory, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof edit === 'string' ? edit : edit(readFileSync(path, 'utf8')));
  const { patches, problems } = readCatalogue(directory);
  return {
    ids: patches.map(({ id }) => id),
    problems: problems.map((problem) => formatProblem(problem).replaceAll(`${directory}/`, '')),
  };
}

test('a patch is its description and its rules', () => {
  const { patches, problems } = readCatalogue(directory);
  expect(problems).toEqual([]);
  expect(patches).toHaveLength(1);
  expect(patches[0]).toMatchObject({ id: 'cve-2022-0543', software: 'redis', description: { exploited: true } });
  expect(patches[0]!.rules.slice(0, 2).map(({ sid, action }) => `${sid} ${action}`)).toEqual([
    '9000170 drop',
    '9000171 drop',
  ]);
});

describe('what is wrong is said with its place, and costs that patch only', () => {
  const YAML = 'redis/cve-2022-0543.yaml';
  const RULES = 'redis/cve-2022-0543.rules';

  test.each<[string, string, string | ((text: string) => string), string[]]>([
    [
      'an unknown key',
      YAML,
      (text) => text.replace('cvss:', 'cvs:'),
      [`${YAML}:1:1: cvss: expected a score from 0 to 10, found nothing`, `${YAML}:3:1: cvs: unknown key`],
    ],
    [
      'another CVE than the file name',
      YAML,
      (text) => text.replace('[CVE-2022-0543]', '[CVE-2022-0544]'),
      [`${YAML}:2:8: cves.0: expected CVE-2022-0543, as the file is called, found "CVE-2022-0544"`],
    ],
    [
      'an unknown type of software',
      YAML,
      (text) => text.replace('data-store', 'database'),
      [expect.stringMatching(/yaml:5:14: application: expected one of application-server, .* found "database"$/)],
    ],
    [
      'a version that YAML takes for a number',
      YAML,
      (text) => text.replace("introduced: '0'", 'introduced: 0'),
      [
        expect.stringMatching(
          /yaml:2\d:\d+: affected\.0\.ranges\.0\.events\.0\.introduced: expected a version in quotes, found 0/,
        ),
      ],
    ],
    ['no YAML', YAML, 'title: [', [expect.stringMatching(/^redis\/cve-2022-0543\.yaml:1:9: /)]],
    [
      'a rule that is none',
      RULES,
      'drop tcp any any -> any any (sid:1;',
      [`${RULES}:1:36: the rule does not end in ")"`],
    ],
    [
      'a rule without sid',
      RULES,
      'drop tcp any any -> any any (msg:"x";)',
      [`${RULES}:1:1: expected a signature id (sid)`],
    ],
    ['no rule', RULES, '# nothing yet\n', [`${RULES}: has no rule`]],
  ])('%s', (_, file, edit, expected) => {
    const { ids, problems } = changed(file, edit);
    expect(problems).toEqual(expected);
    expect(ids).toEqual([]);
  });

  test('a file that is neither', () => {
    expect(changed('redis/README.md', 'hello')).toEqual({
      ids: ['cve-2022-0543'],
      problems: ['redis/README.md: expected a name such as cve-2021-44228.rules or .yaml'],
    });
  });

  test('one half of a patch', () => {
    expect(changed('other/cve-2020-1234.rules', 'alert tcp any any -> any any (sid:5;)')).toEqual({
      ids: ['cve-2022-0543'],
      problems: ['other/cve-2020-1234.yaml: cannot be read: there is no such file'],
    });
  });

  test('two patches with the same signature id', () => {
    const yaml = readFileSync(join(directory, YAML), 'utf8').replace('[CVE-2022-0543]', '[CVE-2022-0544]');
    writeFileSync(join(directory, 'redis/cve-2022-0544.yaml'), yaml);
    const { problems } = changed('redis/cve-2022-0544.rules', 'alert tcp any any -> any any (sid:9000171;)');
    expect(problems).toEqual(['redis/cve-2022-0544.rules:1:1: sid 9000171 is that of redis/cve-2022-0543.rules:4']);
  });
});

describe('the CVEs of a rule', () => {
  test.each([
    ['reference:cve,2021-44228;', ['CVE-2021-44228']],
    ['reference:cve,CVE-2021-44228;', ['CVE-2021-44228']],
    ['reference:url,nvd.nist.gov/vuln/detail/CVE-2021-44228;', ['CVE-2021-44228']],
    ['metadata:created_at 2021_12_10, cve CVE_2021_44228;', ['CVE-2021-44228']],
    [
      'reference:cve,2021-44228; metadata:cve CVE-2021-44228, cve CVE-2021-45046;',
      ['CVE-2021-44228', 'CVE-2021-45046'],
    ],
    ['reference:url,example.com/2021-44228; msg:"CVE-2021-44228";', []],
  ])('%s', (options, cves) => {
    const { entries } = readRuleEntries(`alert tcp any any -> any any (${options} sid:7; rev:2;)`);
    expect(entries[0]).toMatchObject({ sid: 7, rev: 2, cves });
  });
});
