import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { vpatch } from '../../support/command-line.ts';

const ID = 'cve-2026-99999';
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-new-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const scaffold = () => vpatch('patches', 'new', ID.toUpperCase(), '--software', 'wiki', '--into', folder);
const files = (): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

/** Writes what the author of a patch has to write, as if it were nothing. */
function fillIn(): void {
  for (const file of files()) {
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('FILL IN', 'something'));
  }
}

function edit(file: string, from: string, to: string): void {
  const path = join(folder, file);
  const text = readFileSync(path, 'utf8');
  expect(text).toContain(from);
  writeFileSync(path, text.replace(from, to));
}

interface Tested {
  readonly faults: readonly string[];
  readonly pages: readonly { readonly page: string; readonly plays: readonly { readonly isRight: boolean }[] }[];
}

async function tested(): Promise<{ exitCode: number; faults: string[]; wrongPages: string[] }> {
  const { exitCode, stdout } = await vpatch('patches', 'test', folder, '--json');
  const [{ faults, pages }] = JSON.parse(stdout) as [Tested];
  return {
    exitCode,
    faults: faults.map((fault) => fault.replace(`${folder}/`, '')),
    wrongPages: pages.filter(({ plays }) => plays.some(({ isRight }) => !isRight)).map(({ page }) => page),
  };
}

describe('patches new', () => {
  test('writes files that play as they are, and whose blanks are told', async () => {
    const { exitCode, stdout } = await scaffold();
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`${folder}/signatures/wiki/${ID}.rules\n`);
    expect(files()).toHaveLength(5);
    const { exitCode: tests, faults, wrongPages } = await tested();
    expect({ tests, wrongPages }).toEqual({ tests: 1, wrongPages: [] });
    expect(faults.length).toBeGreaterThan(5);
    expect(faults.every((fault) => fault.endsWith('something is still to be written'))).toBe(true);
  });

  test('is a whole patch once the blanks are filled in', async () => {
    await scaffold();
    fillIn();
    expect(await tested()).toEqual({ exitCode: 0, faults: [], wrongPages: [] });
    const { stdout } = await vpatch('patches', 'test', folder);
    expect(stdout).toContain('1 patch, 3 transcripts, played 18 times: all as they should be\n');
  });

  test('takes a block of signature ids that is free', async () => {
    await scaffold();
    const sid = /sid:(\d+)0;/.exec(readFileSync(join(folder, `signatures/wiki/${ID}.rules`), 'utf8'))?.[1];
    const shipped = readdirSync('signatures', { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.rules'),
    );
    expect(shipped.filter((file) => readFileSync(`signatures/${file}`, 'utf8').includes(`sid:${sid}`))).toEqual([]);
    await vpatch('patches', 'new', 'CVE-2026-99998', '--software', 'wiki', '--into', folder);
    expect(readFileSync(join(folder, 'signatures/wiki/cve-2026-99998.rules'), 'utf8')).not.toContain(`sid:${sid}`);
  });

  test('never writes over what is there', async () => {
    await scaffold();
    fillIn();
    const { exitCode, stderr } = await scaffold();
    expect(exitCode).toBe(2);
    expect(stderr).toContain('it is there already');
    expect((await tested()).faults).toEqual([]);
  });

  test.each([
    [['CVE-2021-44228', '--software', 'log4j'], 'there is a patch for CVE-2021-44228 already: cve-2021-44228'],
    [['2026-1234', '--software', 'wiki'], 'expected a CVE id'],
    [['CVE-2026-1234', '--software', '../wiki'], 'expected lower case letters'],
  ])('%j', async (args, message) => {
    const { exitCode, stderr } = await vpatch('patches', 'new', ...args, '--into', folder);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
    expect(files()).toEqual([]);
  });
});

describe('patches test of a folder', () => {
  const RULES = `signatures/wiki/${ID}.rules`;
  beforeEach(async () => {
    await scaffold();
    fillIn();
  });

  test('finds a look-alike that alerts, and an attack that does not', async () => {
    edit(
      RULES,
      'http.uri; content:"/place/of/the/weakness"; fast_pattern; startswith',
      'http.uri; content:"q="; fast_pattern',
    );
    const { exitCode, wrongPages } = await tested();
    expect({ exitCode, wrongPages }).toEqual({ exitCode: 1, wrongPages: ['attack-plain', 'benign-search'] });
    const { stdout } = await vpatch('patches', 'test', folder);
    expect(stdout).toMatch(/attack-plain: WRONG in 6 of 6 ways\n {6}plain: expected \d+, got no alert, not blocked\n/);
    expect(stdout).toMatch(/benign-search: WRONG in 6 of 6 ways\n {6}plain: expected no alert, got \d+, blocked\n/);
    expect(stdout).toContain('1 NOT as they should be\n');
  });

  test('finds a rule that is blind to one way of sending', async () => {
    // What must end in the same segment.
    edit(RULES, 'drop http any any -> $HOME_NET any', 'drop tcp-pkt any any -> $HOME_NET any');
    edit(
      RULES,
      'http.uri; content:"/place/of/the/weakness"; fast_pattern; startswith',
      'content:"GET /place/of/the/weakness"; fast_pattern',
    );
    const { stdout } = await vpatch('patches', 'test', folder);
    expect(stdout).toContain('in segments of 7 bytes: expected');
    expect(stdout).not.toContain('in segments of 100 bytes: expected');
  });

  test.each<[string, string, string, string]>([
    [
      'a rule in another form',
      'classtype:web-application-attack',
      'classtype:misc-attack',
      ':2: expected a classtype of',
    ],
    [
      'a rule without its CVE',
      'metadata:cve CVE-2026-99999',
      'metadata:cve CVE-2026-99998',
      ':2: expected metadata with',
    ],
  ])('finds %s', async (_, from, to, fault) => {
    edit(RULES, from, to);
    expect((await tested()).faults).toEqual([expect.stringContaining(`${RULES}${fault}`)]);
  });

  test('finds that look-alikes are missing', async () => {
    rmSync(join(folder, `fixtures/patches/${ID}/benign-search.md`));
    expect((await tested()).faults).toEqual([`${ID}: expected 2 look-alikes at least`]);
  });

  test('says where a page or a rule cannot be read', async () => {
    edit(`fixtures/patches/${ID}/attack-plain.md`, '```client', '```clint');
    expect(await vpatch('patches', 'test', folder)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/attack-plain\.md:5: unknown block "clint"/),
    });
    edit(RULES, 'http.uri', 'http.url');
    expect(await vpatch('patches', 'test', folder)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('clint'),
    });
  });
});
