import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readCatalogue } from '../src/patches/catalogue.ts';
import { parseTranscript, transcriptsIn } from './support/transcript.ts';

const MIN_SID = 9_000_000; // The range that architecture and docs/patches.md reserve for the patches we ship.
const MAX_SID = 9_999_999;
const SIDS_PER_BLOCK = 10;

const CLASSTYPES = [
  ...['web-application-attack', 'attempted-admin', 'attempted-user', 'attempted-recon', 'attempted-dos'],
  'successful-recon-limited',
];

const { patches, problems } = readCatalogue('signatures');
const pages = transcriptsIn('fixtures/patches');

test('there are patches and pages', () => {
  expect(problems).toEqual([]);
  expect(patches.length).toBeGreaterThanOrEqual(16);
  expect(pages.length).toBeGreaterThanOrEqual(3 * patches.length);
});

test('every folder of pages belongs to a patch', () => {
  const names = new Set(patches.map((patch) => patch.id));
  expect(pages.filter((page) => !names.has(page.patch)).map((page) => page.file)).toEqual([]);
});

test('no two patches share a block of signature ids', () => {
  const owners = new Map<number, Set<string>>();
  for (const patch of patches) {
    for (const rule of patch.rules) {
      const block = Math.floor(rule.sid / SIDS_PER_BLOCK);
      owners.set(block, (owners.get(block) ?? new Set()).add(patch.id));
    }
  }
  expect([...owners.values()].filter((names) => names.size > 1)).toEqual([]);
});

describe.each(patches)('$software/$id', (patch) => {
  const cve = patch.id.toUpperCase();

  test('is in the preset "security", and lists nothing twice', () => {
    const { cves, presets, references } = patch.description;
    expect(presets).toContain('security');
    for (const list of [cves, presets, references]) expect(new Set(list).size).toBe(list.length);
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
      expect(text, place).toMatch(new RegExp(`; metadata:[^;]*\\bapplication ${patch.software}[,;]`));
      expect(CLASSTYPES, place).toContain(/; classtype:([a-z-]+);/.exec(text)?.[1]);
      if (!text.startsWith('drop udp ')) expect(text, place).toContain('fast_pattern;');
      if (/^drop (?:http|tcp) /.test(text)) expect(text, place).toMatch(/; flow:established,to_(?:server|client);/);
    }
  });

  test('has an attack and two look-alikes', () => {
    const kinds = pages.filter((page) => page.patch === patch.id).map((page) => page.kind);
    expect(kinds.filter((kind) => kind === 'attack').length).toBeGreaterThanOrEqual(1);
    expect(kinds.filter((kind) => kind === 'benign').length).toBeGreaterThanOrEqual(2);
  });

  test('has an attack for every rule, and a rule of its own for every attack', () => {
    const sids = patch.rules.map((rule) => rule.sid);
    const expected = new Set<number>();
    for (const page of pages.filter((page) => page.patch === patch.id)) {
      const { alerts } = parseTranscript(readFileSync(page.file, 'utf8'), page.file);
      // The rules of another patch may find an attack too: several weaknesses are used by the same means.
      expect(
        alerts.some((sid) => sids.includes(sid)),
        page.file,
      ).toBe(page.kind === 'attack');
      if (page.kind === 'benign') expect(alerts, page.file).toEqual([]);
      for (const sid of alerts) expected.add(sid);
    }
    expect(sids.filter((sid) => !expected.has(sid))).toEqual([]);
  });
});
