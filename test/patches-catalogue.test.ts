import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseTranscript, transcriptsIn } from './support/transcript.ts';

const MIN_SID = 9_000_000; // The range that architecture and docs/patches.md reserve for the patches we ship.
const MAX_SID = 9_999_999;
const SIDS_PER_BLOCK = 10;

const CLASSTYPES = [
  ...['web-application-attack', 'attempted-admin', 'attempted-user', 'attempted-recon', 'attempted-dos'],
  'successful-recon-limited',
];

/** Types of software; an owner switches patches on and off by them. */
const APPLICATIONS = [
  'application-server',
  'ci-server',
  'data-store',
  'java-library',
  'mail-server',
  'message-broker',
  'script-interpreter',
  'tls-library',
  'web-application',
  'web-framework',
  'web-server',
] as const;

const version = z.string().min(1);
const event = z.union([
  z.strictObject({ introduced: version }),
  z.strictObject({ fixed: version }),
  z.strictObject({ last_affected: version }),
]);

const description = z.strictObject({
  title: z.string().min(1),
  cves: z.array(z.string().regex(/^CVE-\d{4}-\d{4,}$/)).min(1),
  cvss: z.number().min(0).max(10),
  exploited: z.boolean(),
  application: z.enum(APPLICATIONS),
  summary: z.string().min(1),
  covers: z.array(z.string().min(1)).min(1),
  not_covered: z.array(z.string().min(1)).min(1),
  affected: z
    .array(
      z.strictObject({
        package: z.strictObject({ ecosystem: z.string().min(1), name: z.string().min(1) }),
        ranges: z
          .array(
            z.strictObject({
              type: z.enum(['ECOSYSTEM', 'SEMVER']),
              events: z.tuple([z.strictObject({ introduced: version })]).rest(event),
            }),
          )
          .min(1),
      }),
    )
    .min(1),
  presets: z.array(z.enum(['performance', 'balanced', 'security'])).min(1),
  references: z.array(z.url({ protocol: /^https$/ })).min(1),
});

interface Rule {
  line: number;
  text: string;
  sid: number;
}

interface Patch {
  name: string;
  application: string;
  rulesFile: string;
  descriptionFile: string;
  rules: Rule[];
}

const patches = patchesIn('signatures');
const pages = transcriptsIn('fixtures/patches');

test('there are patches and pages', () => {
  expect(patches.length).toBeGreaterThanOrEqual(16);
  expect(pages.length).toBeGreaterThanOrEqual(3 * patches.length);
});

test('every folder of pages belongs to a patch', () => {
  const names = new Set(patches.map((patch) => patch.name));
  expect(pages.filter((page) => !names.has(page.patch)).map((page) => page.file)).toEqual([]);
});

test('no signature id is used twice', () => {
  const users = new Map<number, string[]>();
  for (const patch of patches) {
    for (const rule of patch.rules) {
      users.set(rule.sid, [...(users.get(rule.sid) ?? []), `${patch.rulesFile}:${rule.line}`]);
    }
  }
  expect([...users.values()].filter((places) => places.length > 1)).toEqual([]);
});

test('no two patches share a block of signature ids', () => {
  const owners = new Map<number, Set<string>>();
  for (const patch of patches) {
    for (const rule of patch.rules) {
      const block = Math.floor(rule.sid / SIDS_PER_BLOCK);
      owners.set(block, (owners.get(block) ?? new Set()).add(patch.name));
    }
  }
  expect([...owners.values()].filter((names) => names.size > 1)).toEqual([]);
});

describe.each(patches)('$application/$name', (patch) => {
  const cve = patch.name.toUpperCase();

  test('has a description that says everything', () => {
    const text = readFileSync(patch.descriptionFile, 'utf8');
    const result = description.safeParse(parse(text));
    expect(result.error, patch.descriptionFile).toBeUndefined();
    expect(result.data!.cves[0], 'the first CVE is the name of the file').toBe(cve);
    expect(result.data!.presets, 'the preset "security" holds all patches').toContain('security');
    for (const list of [result.data!.cves, result.data!.presets, result.data!.references]) {
      expect(new Set(list).size, 'nothing is listed twice').toBe(list.length);
    }
  });

  test('has rules in the form that every patch has', () => {
    expect(patch.rules.length).toBeGreaterThan(0);
    for (const { line, text, sid } of patch.rules) {
      const place = `${patch.rulesFile}:${line}`;
      expect(sid, place).toBeGreaterThanOrEqual(MIN_SID);
      expect(sid, place).toBeLessThanOrEqual(MAX_SID);
      expect(text, place).toMatch(/^drop (?:http|tcp|udp|icmp|ip) /);
      expect(text, place).toMatch(/\(msg:"VPATCH [^"]+";/);
      expect(text, place).toMatch(/; rev:[1-9]\d*;/);
      expect(text, place).toContain(`reference:cve,${cve.slice('CVE-'.length)};`);
      expect(text, place).toMatch(new RegExp(`; metadata:[^;]*\\bcve ${cve}\\b[^;]*;`));
      expect(text, place).toMatch(new RegExp(`; metadata:[^;]*\\bapplication ${patch.application}[,;]`));
      expect(CLASSTYPES, place).toContain(/; classtype:([a-z-]+);/.exec(text)?.[1]);
      if (!text.startsWith('drop udp ')) expect(text, place).toContain('fast_pattern;');
      if (/^drop (?:http|tcp) /.test(text)) expect(text, place).toMatch(/; flow:established,to_(?:server|client);/);
    }
  });

  test('has an attack and two look-alikes', () => {
    const kinds = pages.filter((page) => page.patch === patch.name).map((page) => page.kind);
    expect(kinds.filter((kind) => kind === 'attack').length).toBeGreaterThanOrEqual(1);
    expect(kinds.filter((kind) => kind === 'benign').length).toBeGreaterThanOrEqual(2);
  });

  test('has an attack for every rule, and pages that expect only its rules', () => {
    const sids = new Set(patch.rules.map((rule) => rule.sid));
    const expected = new Set<number>();
    for (const page of pages.filter((page) => page.patch === patch.name)) {
      const { alerts } = parseTranscript(readFileSync(page.file, 'utf8'), page.file);
      if (page.kind === 'benign') expect(alerts, page.file).toEqual([]);
      else expect(alerts.length, page.file).toBeGreaterThan(0);
      for (const sid of alerts) {
        expect(sids.has(sid), `${page.file}: ${sid} is not in ${patch.rulesFile}`).toBe(true);
        expected.add(sid);
      }
    }
    expect([...sids].filter((sid) => !expected.has(sid))).toEqual([]);
  });
});

function patchesIn(directory: string): Patch[] {
  return readdirSync(directory)
    .sort()
    .flatMap((application) => patchNamesIn(join(directory, application)).map((name) => readPatch(application, name)));

  function readPatch(application: string, name: string): Patch {
    const rulesFile = join(directory, application, `${name}.rules`);
    const descriptionFile = join(directory, application, `${name}.yaml`);
    for (const file of [rulesFile, descriptionFile]) if (!existsSync(file)) throw new Error(`${file} is missing`);
    return { name, application, rulesFile, descriptionFile, rules: rulesIn(rulesFile) };
  }
}

function patchNamesIn(directory: string): string[] {
  const names = readdirSync(directory).map((file) => {
    const name = /^cve-\d{4}-\d{4,}(?=\.(?:rules|yaml)$)/.exec(file)?.[0];
    if (name === undefined) throw new Error(`${join(directory, file)}: expected cve-YYYY-NNNN.rules or .yaml`);
    return name;
  });
  return [...new Set(names)].sort();
}

function rulesIn(file: string): Rule[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .map((text, index) => ({ text, line: index + 1 }))
    .filter(({ text }) => text !== '' && !text.startsWith('#'))
    .map(({ text, line }) => {
      const sid = /; sid:(\d+);/.exec(text)?.[1];
      if (sid === undefined) throw new Error(`${basename(file)}:${line}: a rule without sid`);
      return { text, line, sid: Number(sid) };
    });
}
