import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cvssScore } from '../../../src/scan/advisories/cvss.ts';
import { ImportError, importAdvisories } from '../../../src/scan/advisories/import.ts';
import { jsonEntries } from '../../../src/scan/advisories/json-entries.ts';
import { AdvisoryStore } from '../../../src/scan/advisories/store.ts';
import type { Advisory } from '../../../src/scan/advisory.ts';
import { zipOf } from '../fake-root.ts';

let folder: string;
let store: AdvisoryStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-advisories-'));
  store = new AdvisoryStore(join(folder, 'state'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function imported(name: string, content: string | Uint8Array | object) {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content));
  return importAdvisories(store, path, 1000);
}

const about = async (family: string, name: string): Promise<readonly Advisory[]> =>
  (await store.advisories(new Set([`${family} ${name}`]))).about(family, name);

const LODASH = {
  id: 'GHSA-35jh-r3h4-6jhm',
  aliases: ['CVE-2021-23337'],
  summary: 'Command injection in lodash',
  severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H' }],
  affected: [
    {
      package: { ecosystem: 'npm', name: 'Lodash' },
      ranges: [
        { type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '4.17.21' }] },
        { type: 'GIT', events: [{ introduced: 'abc' }] },
      ],
      versions: ['4.17.20'],
    },
    { package: { ecosystem: 'npm', name: 'lodash-es' }, versions: ['4.17.20'] },
    { package: null },
    7,
  ],
};

const TRACKER = {
  redis: {
    'CVE-2022-0543': {
      description: 'Lua sandbox',
      releases: {
        bullseye: { status: 'resolved', fixed_version: '5:6.0.16-1+deb11u2' },
        bookworm: { status: 'resolved', fixed_version: '0' },
        sid: { status: 'open' },
      },
    },
    'CVE-2023-0001': { releases: { bullseye: { status: 'open', urgency: 'unimportant' } } },
    'CVE-2023-0002': { releases: { bullseye: { status: 'open', urgency: 'medium' } } },
    'TEMP-0000000-ABCDEF': { releases: { bullseye: { status: 'open' } } },
  },
  nginx: { 'CVE-2021-23017': { releases: { bullseye: { status: 'resolved', fixed_version: '1.18.0-6.1' } } } },
};

const VEX = {
  document: { csaf_version: '2.0', title: 'httpd' },
  product_tree: {
    branches: [
      {
        branches: [
          {
            product: {
              product_id: 'AppStream-8',
              product_identification_helper: { cpe: 'cpe:/a:redhat:enterprise_linux:8::appstream' },
            },
          },
          {
            product: {
              product_id: 'EUS',
              product_identification_helper: { cpe: 'cpe:/a:redhat:rhel_eus:8.4::appstream' },
            },
          },
          {
            product: {
              product_id: 'rhel7',
              product_identification_helper: { cpe: 'cpe:/o:redhat:enterprise_linux:7' },
            },
          },
          {
            product: {
              product_id: 'httpd-new',
              product_identification_helper: { purl: 'pkg:rpm/redhat/httpd@2.4.37-47.el8?arch=x86_64' },
            },
          },
          {
            product: {
              product_id: 'ssl-new',
              product_identification_helper: { purl: 'pkg:rpm/redhat/openssl@1.1.1k-7.el8?arch=src&epoch=1' },
            },
          },
        ],
      },
    ],
    relationships: [
      {
        full_product_name: { product_id: 'AppStream-8:httpd-new' },
        product_reference: 'httpd-new',
        relates_to_product_reference: 'AppStream-8',
      },
      {
        full_product_name: { product_id: 'EUS:httpd-new' },
        product_reference: 'httpd-new',
        relates_to_product_reference: 'EUS',
      },
      {
        full_product_name: { product_id: 'AppStream-8:ssl-new' },
        product_reference: 'ssl-new',
        relates_to_product_reference: 'AppStream-8',
      },
      {
        full_product_name: { product_id: 'rhel7:httpd' },
        product_reference: 'httpd',
        relates_to_product_reference: 'rhel7',
      },
      {
        full_product_name: { product_id: 'rhel7:nginx' },
        product_reference: 'nginx',
        relates_to_product_reference: 'rhel7',
      },
    ],
  },
  vulnerabilities: [
    {
      cve: 'CVE-2021-44790',
      title: 'httpd: mod_lua',
      scores: [{ cvss_v3: { baseScore: 9.8 } }],
      product_status: {
        fixed: ['AppStream-8:httpd-new', 'EUS:httpd-new', 'AppStream-8:ssl-new', 'x'],
        known_affected: ['rhel7:httpd'],
        known_not_affected: ['rhel7:nginx'],
      },
    },
  ],
};

describe('OSV', () => {
  test('of a file', async () => {
    expect(await imported('lodash.json', LODASH)).toMatchObject({
      name: 'osv-lodash',
      kind: 'osv',
      records: 2,
      importedMs: 1000,
    });
    expect(await about('npm', 'lodash')).toEqual([
      {
        id: 'GHSA-35jh-r3h4-6jhm',
        cves: ['CVE-2021-23337'],
        source: 'OSV',
        cvss: 7.2,
        title: 'Command injection in lodash',
        affected: {
          package: { ecosystem: 'npm', name: 'Lodash' },
          ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '4.17.21' }] }],
          versions: [],
        },
      },
    ]);
    expect((await about('npm', 'lodash-es'))[0]!.affected.versions).toEqual(['4.17.20']);
    expect(await about('npm', 'other')).toEqual([]);
  });

  test('of a zip, without what was withdrawn', async () => {
    const zip = zipOf([
      { name: 'a.json', content: JSON.stringify(LODASH) },
      { name: '../b.json', content: JSON.stringify({ ...LODASH, id: 'GHSA-2', withdrawn: '2022-01-01T00:00:00Z' }) },
      { name: 'README.md', content: 'x' },
    ]);
    mkdirSync(join(folder, 'npm'));
    expect(await imported('npm/all.zip', zip)).toMatchObject({ name: 'osv-npm', records: 2 });
  });

  test('of a folder, and a list', async () => {
    mkdirSync(join(folder, 'vulns'));
    writeFileSync(join(folder, 'vulns/a.json'), JSON.stringify([LODASH, LODASH]));
    writeFileSync(join(folder, 'vulns/readme.txt'), 'x');
    expect(await importAdvisories(store, join(folder, 'vulns'), 1)).toMatchObject({ records: 4 });
  });
});

test('the Debian tracker: mended, never affected, open and not worth mending', async () => {
  expect(await imported('data.json.gz', gzipSync(JSON.stringify(TRACKER)))).toMatchObject({
    name: 'debian',
    records: 5,
    complete: ['Debian:11', 'Debian:12'],
  });
  const said = (await about('Debian', 'redis')).map(({ id, affected }) => [
    id,
    affected.package.ecosystem,
    affected.ranges[0]?.events,
  ]);
  expect(said).toEqual([
    ['CVE-2022-0543', 'Debian:11', [{ introduced: '0' }, { fixed: '5:6.0.16-1+deb11u2' }]],
    ['CVE-2022-0543', 'Debian:12', undefined],
    ['CVE-2023-0001', 'Debian:11', undefined],
    ['CVE-2023-0002', 'Debian:11', [{ introduced: '0' }]],
  ]);
  const source = await store.advisories(new Set());
  expect([source.isComplete('Debian:11'), source.isComplete('Debian:10')]).toEqual([true, false]);
});

test('CSAF and VEX of Red Hat: by package and major release', async () => {
  await imported('cve-2021-44790.json', VEX);
  const said = async (name: string) =>
    (await about('Red Hat', name)).map(({ affected, cvss }) => [
      affected.package.ecosystem,
      affected.ranges[0]?.events,
      cvss,
    ]);
  expect(await said('httpd')).toEqual([
    ['Red Hat:enterprise_linux:7', [{ introduced: '0' }], 9.8],
    ['Red Hat:enterprise_linux:8', [{ introduced: '0' }, { fixed: '2.4.37-47.el8' }], 9.8],
  ]);
  expect(await said('openssl')).toEqual([
    ['Red Hat:enterprise_linux:8', [{ introduced: '0' }, { fixed: '1:1.1.1k-7.el8' }], 9.8],
  ]);
  expect(await said('nginx')).toEqual([['Red Hat:enterprise_linux:7', undefined, 9.8]]);
});

test('KEV and EPSS say how urgent a weakness is', async () => {
  const kev = {
    catalogVersion: '1',
    vulnerabilities: [
      { cveID: 'CVE-2021-44228', dateAdded: '2021-12-10', knownRansomwareCampaignUse: 'Known' },
      { cveID: 'x' },
    ],
  };
  const epss =
    '#model_version:v2025,score_date:2026-01-01\ncve,epss,percentile\nCVE-2021-44228,0.944,0.999\nCVE-2022-0543,0.5,0.9\nx,y,z\n';
  expect(await imported('kev.json', kev)).toMatchObject({ name: 'kev', records: 1 });
  expect(await imported('epss.csv.gz', gzipSync(epss))).toMatchObject({ name: 'epss', records: 2 });
  expect([...(await store.enrichments(new Set(['CVE-2021-44228', 'CVE-2000-0001'])))]).toEqual([
    ['CVE-2021-44228', { kevAdded: '2021-12-10', isRansomware: true, epss: 0.944 }],
  ]);
});

test('a new import replaces the old one of its name, and can be removed', async () => {
  await imported('data.json', TRACKER);
  await imported('other.json', { nginx: TRACKER.nginx });
  expect(store.list().map(({ name, records }) => [name, records])).toEqual([['debian', 1]]);
  store.remove('debian');
  expect(store.list()).toEqual([]);
});

describe('what is none', () => {
  test.each<[string, string | Uint8Array, RegExp]>([
    ['text', 'hello', /it is no JSON/],
    ['an empty file', '', /it is no JSON/],
    ['other JSON', '{"a":1}', /it has no advisories/],
    ['a tracker that ends early', JSON.stringify(TRACKER).slice(0, 200), /the JSON ends early/],
    ['a broken archive', 'PK\x03\x04 but no more', /the archive is broken/],
    ['a broken gzip file', Buffer.from('\x1f\x8b\x08 but no more', 'latin1'), /it cannot be unpacked/],
  ])('%s', async (_, content, message) => {
    await imported('data.json', TRACKER);
    const before = readdirSync(store.folder);
    await expect(imported('bad.json', content)).rejects.toThrow(message);
    expect(readdirSync(store.folder)).toEqual(before);
  });

  test('an address that anybody could change', async () => {
    await expect(importAdvisories(store, 'http://192.0.2.1/kev.json', 1)).rejects.toThrow(ImportError);
    expect(existsSync(join(store.folder, 'kev.json'))).toBe(false);
  });
});

describe('a JSON object in pieces', () => {
  async function entries(text: string, size: number): Promise<[string, unknown][]> {
    async function* chunks(): AsyncGenerator<string> {
      for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size);
    }
    const found: [string, unknown][] = [];
    for await (const entry of jsonEntries(chunks())) found.push(entry);
    return found;
  }

  const value = { a: { b: [1, { c: '"},{' }], 'd\\"}': null }, e: [], 'f,': '\\', g: 1.5, h: {} };

  test.each([1, 2, 3, 7, 1000])('of %i characters gives the same entries', async (size) => {
    expect(await entries(` ${JSON.stringify(value, null, 1)} `, size)).toEqual(Object.entries(value));
    expect(await entries('{}', size)).toEqual([]);
  });

  test('is an error where it ends early or is none', async () => {
    const text = JSON.stringify(value);
    for (let end = 0; end < text.length; end++)
      await expect(entries(text.slice(0, end), 5)).rejects.toThrow(SyntaxError);
    await expect(entries('[1,2]', 5)).rejects.toThrow('expected a JSON object');
  });
});

test.each([
  ['CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H', 10],
  ['CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H', 9.8],
  ['CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N', 6.1],
  ['CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:N/I:N/A:N', 0],
  ['CVSS:3.1/AV:N/AC:L', null],
  ['CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N', null],
  ['AV:N/AC:L/Au:N/C:P/I:P/A:P', null],
])('%s is %s', (vector, score) => expect(cvssScore(vector)).toBe(score));
