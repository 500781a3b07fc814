import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeRoot } from '../scan/fake-root.ts';
import { vpatch } from '../support/command-line.ts';

let state: string;
let root: FakeRoot;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'vpatch-state-'));
  root = new FakeRoot().debian(12);
  root.dpkg({ Package: 'libexample1', Source: 'example', Version: '1.0-1' });
  root.dpkg({ Package: 'memcached', Version: '1.4.13-1' });
});
afterEach(() => {
  root.remove();
  rmSync(state, { recursive: true });
});

const advisories = (...args: readonly string[]) => vpatch('advisories', ...args, '--state', state);
const scan = (...args: readonly string[]) => vpatch('scan', '--root', root.path, '--state', state, ...args);

test('a scan knows what was imported, and what a distribution is silent of is not affected', async () => {
  expect((await scan()).stdout).toMatch(/CVE-2018-1000115 .*memcached/);
  const file = join(state, 'tracker.json');
  writeFileSync(
    file,
    JSON.stringify({
      example: { 'CVE-2024-0001': { description: 'It breaks', releases: { bookworm: { status: 'open' } } } },
      memcached: { 'CVE-2024-0002': { releases: { bookworm: { status: 'resolved', fixed_version: '1.4-1' } } } },
    }),
  );
  const kev = join(state, 'kev.json');
  const entry = { cveID: 'CVE-2024-0001', dateAdded: '2024-02-03', knownRansomwareCampaignUse: 'Unknown' };
  writeFileSync(kev, JSON.stringify({ catalogVersion: '1', vulnerabilities: [entry] }));
  expect(await advisories('import', file, kev)).toMatchObject({
    exitCode: 0,
    stdout: 'debian: 2 records\nkev: 1 records\n',
  });

  const { stdout } = await scan();
  expect(stdout).toMatch(/^ {2}CVE-2024-0001 +- +exploited +example 1\.0-1 +no fix known +NO PATCH$/m);
  expect(stdout).toContain("      in CISA's catalogue since 2024-02-03\n");
  expect(stdout).not.toContain('CVE-2018-1000115 ');
  expect(stdout).toContain('1 weakness found, 0 patches recommended, 1 without a patch');
});

test('imports are listed, with their origin, and removed', async () => {
  const file = join(state, 'kev.json');
  writeFileSync(file, '{"catalogVersion":"1","vulnerabilities":[{"cveID":"CVE-2021-44228","dateAdded":"2021-12-10"}]}');
  await advisories('import', file);
  expect((await advisories('list')).stdout).toMatch(/^kev +1 +\d{4}-\d\d-\d\dT\S+ +\/.*kev\.json\n$/);
  expect((await advisories('remove', 'kev')).exitCode).toBe(0);
  expect(await advisories('list')).toMatchObject({ stdout: '' });
  expect(await advisories('remove', 'kev')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('nothing was imported as kev'),
  });
});

test('what cannot be imported is said', async () => {
  const file = join(state, 'x.json');
  writeFileSync(file, 'hello');
  expect(await advisories('import', file)).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('x.json: it is no JSON'),
  });
  expect(await advisories('import', '/nowhere')).toMatchObject({
    exitCode: 2,
    stderr: 'vpatch: /nowhere: there is no such file\n',
  });
});
