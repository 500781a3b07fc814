import { expect, test } from 'vitest';
import { vpatch } from '../../support/command-line.ts';

test('plays the transcripts of the patches that are named', async () => {
  const { exitCode, stdout, stderr } = await vpatch('patches', 'test', 'cve-2022-0543', 'CVE-2024-47176');
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toMatch(/^cve-2022-0543 +\d+ transcripts +good +\S/m);
  expect(stdout).toMatch(/^cve-2024-47176 +\d+ transcripts +good +\S/m);
  expect(stdout).toMatch(/^2 patches, \d+ transcripts, played \d+ times: all as they should be\n$/m);
});

test('shows the transcripts of a single one', async () => {
  const { stdout } = await vpatch('patches', 'test', 'cve-2022-0543');
  expect(stdout).toContain('  attack-eval: is blocked in 6 ways\n');
  expect(stdout).toContain('  benign-article-over-http: passes in 7 ways\n');
});

test.each([
  ['cve-2022-0544', 'there is no patch cve-2022-0544; did you mean'],
  ['./nowhere', 'nowhere/signatures cannot be read: there is no such file'],
])('of %s is wrong use', async (what, message) => {
  const { exitCode, stdout, stderr } = await vpatch('patches', 'test', what);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr).toContain(message);
});
