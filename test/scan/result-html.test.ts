import { afterEach, beforeEach, expect, test } from 'vitest';
import { readCatalogue } from '../../src/patches/catalogue.ts';
import { offersOf } from '../../src/patches/offer.ts';
import { escaped, resultAsHtml } from '../../src/scan/result-html.ts';
import { RootFs } from '../../src/scan/root-fs.ts';
import { type ScanResult, scan } from '../../src/scan/scan.ts';
import { FakeRoot, mavenJar } from './fake-root.ts';

let root: FakeRoot;
beforeEach(() => {
  root = new FakeRoot();
});
afterEach(() => root.remove());

const NO_CHANGES = { sinceMs: null, added: [], removed: [] };

async function scanned(): Promise<ScanResult> {
  const { patches } = readCatalogue('signatures');
  return scan(new RootFs(root.path), {
    patches,
    offers: offersOf(patches, []),
    preset: 'balanced',
    knowledge: {
      advisories: () => Promise.resolve({ about: () => [], isComplete: () => false }),
      enrichments: () => Promise.resolve(new Map()),
    },
    nowMs: Date.now,
  });
}

test('the report is one page with the findings, and loads nothing', async () => {
  root.debian(11).file('srv/a.jar', mavenJar('org.apache.logging.log4j', 'log4j-core', '2.14.1'));
  const html = resultAsHtml(await scanned(), NO_CHANGES);
  expect(html).toContain('<td>CVE-2021-44228</td>');
  expect(html).toContain('/srv/a.jar (pom.properties)');
  expect(html.match(/<svg /g)).toHaveLength(3);
  expect(html).toContain("default-src 'none'");
  expect(html).not.toMatch(/<script|https?:|src=|href=/);
});

test('nothing that was found becomes markup', async () => {
  const evil = '<img src=x onerror=alert(1)>"\'&';
  root
    .file('etc/os-release', `ID=debian\nVERSION_ID=11\nPRETTY_NAME='${evil.replaceAll("'", '')}'\n`)
    .file(
      `srv/${evil.replaceAll('/', '')}\x1b/log4j-core-2.10.0.jar`,
      mavenJar('org.apache.logging.log4j', 'log4j-core', '2.10.0'),
    );
  const html = resultAsHtml(await scanned(), { ...NO_CHANGES, removed: [{ id: evil, title: evil, why: evil }] });
  expect(html).not.toContain('<img');
  expect(html).not.toContain('\x1b');
  expect(html).toContain('&#60;img src=x onerror=alert(1)&#62;&#34;&#39;&#38;');
});

test('escaping leaves ordinary text', () => {
  expect(escaped('a b/c-1.0 é')).toBe('a b/c-1.0 é');
});
