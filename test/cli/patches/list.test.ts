import { describe, expect, test } from 'vitest';
import { vpatch } from '../../support/command-line.ts';

interface Listed {
  readonly id: string;
  readonly software: string;
  readonly application: string;
  readonly cves: readonly string[];
  readonly presets: readonly string[];
}

const listed = async (...args: readonly string[]): Promise<Listed[]> =>
  JSON.parse((await vpatch('patches', 'list', '--json', ...args)).stdout) as Listed[];

describe('patches list', () => {
  test('has a line for each patch, and counts them', async () => {
    const { exitCode, stdout, stderr } = await vpatch('patches', 'list');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^cve-2021-44228 +10\.0 +exploited +\d+ rules +log4j +\S.*$/m);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.at(-1)).toBe(`${lines.length - 1} patches`);
  });

  test('chooses by software, type of software, CVE, preset and text', async () => {
    const all = await listed();
    expect(all.length).toBeGreaterThan(15);
    expect((await listed('--application', 'redis')).map(({ software }) => software)).toContain('redis');
    const servers = await listed('--application', 'web-server');
    expect(servers.length).toBeGreaterThan(0);
    expect(servers).toEqual(all.filter(({ application }) => application === 'web-server'));
    expect((await listed('--cve', 'cve-2021-22204')).map(({ id }) => id)).toContain('cve-2021-22205');
    expect(await listed('--preset', 'performance')).toEqual(
      all.filter(({ presets }) => presets.includes('performance')),
    );
    expect((await listed('LUA SANDBOX')).map(({ id }) => id)).toEqual(['cve-2022-0543']);
    expect(await listed('--cve', 'CVE-1999-0001')).toEqual([]);
  });
});

describe('patches show', () => {
  test('says what the patch is for, stops and leaves open', async () => {
    const { exitCode, stdout } = await vpatch('patches', 'show', 'CVE-2022-0543');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('\nDoes not stop\n  - ');
    expect(stdout).toContain('redis (Debian:11): introduced 0, fixed 5:6.0.16-1+deb11u2');
    expect(stdout).toMatch(/1:9000170:\d+ drop VPATCH Redis/);
  });

  test('of a name that there is not', async () => {
    expect(await vpatch('patches', 'show', 'cve-2022-0545')).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: 'vpatch: there is no patch cve-2022-0545; did you mean cve-2022-0543?\n',
    });
  });
});
