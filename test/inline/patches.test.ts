import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readCatalogue } from '../../src/patches/catalogue.ts';
import { PolicyStore } from '../../src/patches/policy-store.ts';
import { inChunks } from '../../src/patches/rehearsal.ts';
import { readTranscript, type Transcript, transcriptsIn } from '../../src/patches/transcript.ts';
import { ask } from '../../src/service/control-client.ts';
import { FakeRoot, mavenJar } from '../scan/fake-root.ts';
import { affectedVersion, install } from '../scan/installations.ts';
import { vpatch } from '../support/command-line.ts';
import { Testbed, until, whyNoTestbed } from '../support/netns.ts';
import { programFile } from '../support/program-file.ts';
import { VpatchProcess } from '../support/vpatch-process.ts';
import { type Exchange, Exchanges } from './exchanges.ts';

const ECHO_SERVER = programFile(new URL('../support/echo-process.ts', import.meta.url));
const LONG_CLIENT = programFile(new URL('./programs/piping-client-process.ts', import.meta.url));

const reason = whyNoTestbed();
if (reason !== null) console.warn(`SKIPPED, NOTHING INLINE IS TESTED: ${reason}`);

/**
 * All pages in all ways takes minutes: `make prove`. Otherwise each page is sent in one way, and each way with many
 * pages.
 */
const isWhole = process.env.PROVE !== undefined;
const LONG_MS = 600_000;
const AT_ONCE = 250;

const PIECES = [1460, 100, 7, 1];
const { patches } = readCatalogue('signatures');
const pages = transcriptsIn('fixtures/patches').map((page) => ({ ...page, transcript: readTranscript(page.file) }));
type Page = (typeof pages)[number];

describe.skipIf(reason !== null)('inline, with the patches that a scan has chosen', () => {
  let testbed: Testbed;
  let exchanges: Exchanges;
  let folder: string;
  let root: FakeRoot;

  beforeAll(async () => {
    testbed = new Testbed();
    exchanges = await Exchanges.start(
      testbed,
      pages.map(({ transcript: { transport, port } }) => `${transport} ${port}`),
    );
    folder = mkdtempSync(join(tmpdir(), 'vpatch-patches-'));
    root = new FakeRoot();
  });
  afterEach(() => VpatchProcess.killAll());
  afterAll(() => {
    exchanges?.close();
    testbed?.close();
    root?.remove();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  const state = (name: string): string => join(folder, name);
  const scan = (name: string) =>
    vpatch('scan', '--root', root.path, '--state', state(name), '--preset', 'security', '--apply');
  /** Checks report only: a transcript is not all that its client and server would say. Each alert is to be seen. */
  const start = (name: string): Promise<VpatchProcess> =>
    VpatchProcess.start(testbed, {
      ruleFiles: [],
      args: ['-m', 'prevent'],
      config: [
        `state: { folder: ${state(name)} }`,
        'rules: { policy: recommended }',
        'checks: { policy: report }',
        'events: { fold: false }',
        '',
      ].join('\n'),
    });

  test(
    isWhole ? 'every attack is blocked and every look-alike passes, in all ways' : 'so it is with a sample',
    async () => {
      for (const { description } of patches) {
        // Of distributions, one machine has one release only.
        const affected = description.affected.filter(
          ({ package: { ecosystem } }) => !/^(?:Debian|Ubuntu)/.test(ecosystem),
        );
        for (const one of affected) install(root, one.package, affectedVersion(one));
      }
      await scan('all');
      const store = new PolicyStore(state('all'));
      const chosen = new Set(store.current()!.items.map(({ id }) => id));
      expect(chosen.size).toBeGreaterThan(patches.length / 2);
      // What a scan cannot find here, or leaves to a person.
      const others = patches.filter(({ id }) => !chosen.has(id));
      store.setPins(Object.fromEntries(others.map(({ id }) => [id, 'on'])));
      await scan('all');

      const service = await start('all');
      const plays = pages.flatMap((page, index) => waysOf(page, index));
      const wrong: string[] = [];
      const attackPorts = new Map<number, Page>();
      for (let at = 0; at < plays.length; at += AT_ONCE) {
        const some = plays.slice(at, at + AT_ONCE);
        const results = await exchanges.play(some.map(({ exchange }) => exchange));
        for (const [index, { clientPort, isWhole: hasArrived }] of results.entries()) {
          const { page, way } = some[index]!;
          const isAttack = page.kind === 'attack';
          if (isAttack) attackPorts.set(clientPort, page);
          if (hasArrived === isAttack)
            wrong.push(`${page.patch} ${page.name} ${way}: ${isAttack ? 'arrived' : 'lost'}`);
        }
      }
      expect(wrong).toEqual([]);
      expect(await service.stop()).toBe(0);

      const told = new Set<number>();
      for (const { alert, src_port: source = 0, dest_port: destination = 0 } of service.events('alert')) {
        const port = attackPorts.has(source) ? source : destination;
        expect(attackPorts.get(port)?.transcript.alerts, `${alert?.signature} on port ${port}`).toContain(
          alert?.signature_id,
        );
        if (alert?.action === 'blocked') told.add(port);
      }
      const untold = [...attackPorts].filter(([port]) => !told.has(port));
      expect(untold.map(([, { patch, name }]) => `${patch} ${name}: no alert`)).toEqual([]);
    },
    LONG_MS,
  );

  test(
    'once the software is upgraded its patch is taken back, and connections go on',
    async () => {
      root.remove();
      root = new FakeRoot().file('srv/app.jar', mavenJar('org.apache.logging.log4j', 'log4j-core', '2.14.1'));
      root.debian(11).dpkg({ Package: 'redis-server', Source: 'redis', Version: '5:6.0.15-1' });
      expect((await scan('upgrade')).stdout).toMatch(/^ {2}cve-2022-0543 +new +recommended/m);
      const service = await start('upgrade');
      const redis = exchangeOf(pageNamed('cve-2022-0543', 'attack-eval').transcript, 1460);
      const log4j = exchangeOf(
        pages.find(({ patch, kind }) => patch === 'cve-2021-44228' && kind === 'attack')!.transcript,
        1460,
      );
      expect(await exchanges.play([redis, log4j])).toMatchObject([{ isWhole: false }, { isWhole: false }]);

      // One that was there before goes on behind the change.
      const long = testbed.start(
        'client',
        process.execPath,
        [LONG_CLIENT, String(ECHO_PORT), testbed.addresses.server[4]],
        {
          stdio: ['pipe', 'pipe', 'inherit'],
        },
      );
      let echoed = '';
      long.stdout!.on('data', (data) => {
        echoed += String(data);
      });
      const echo = testbed.start('server', process.execPath, [ECHO_SERVER, String(ECHO_PORT)]);
      try {
        long.stdin!.write('before ');
        await until('the connection works', () => echoed.includes('before'));

        root.file(
          'var/lib/dpkg/status',
          readFileSync(join(root.path, 'var/lib/dpkg/status'), 'utf8').replace('5:6.0.15-1', '5:6.0.16-1+deb11u2'),
        );
        const { stdout } = await scan('upgrade');
        expect(stdout).toMatch(
          /^ {2}cve-2022-0543 +not needed .*\n {6}redis is 5:6\.0\.16-1\+deb11u2 now, was 5:6\.0\.15-1$/m,
        );
        const answer = await ask(service.control, { command: 'reload', force: false }, { limitMs: 60_000 });
        expect(answer).toMatchObject({ status: 'ok', result: { isChanged: true } });

        long.stdin!.write('behind');
        await until('the connection goes on', () => echoed.includes('behind'));
        expect(echoed).toBe('before behind');
        expect(await exchanges.play([redis, log4j])).toMatchObject([{ isWhole: true }, { isWhole: false }]);
        expect(await service.stop()).toBe(0);
      } finally {
        long.kill('SIGKILL');
        echo.kill('SIGKILL');
      }
    },
    LONG_MS,
  );
});

const ECHO_PORT = 7_777;

interface Way {
  readonly page: Page;
  readonly way: string;
  readonly exchange: Exchange;
}

function waysOf(page: Page, index: number): Way[] {
  const { transcript } = page;
  const chunked = inChunks(transcript.turns);
  const ways = [
    ...(transcript.transport === 'udp' ? [1460] : PIECES).map((bytes) => ({
      page,
      way: `in pieces of ${bytes} bytes`,
      exchange: exchangeOf(transcript, bytes),
    })),
    ...(chunked === null
      ? []
      : [{ page, way: 'in chunks', exchange: exchangeOf({ ...transcript, turns: chunked }, 1460) }]),
  ];
  return isWhole ? ways : [ways[index % ways.length]!];
}

const exchangeOf = ({ transport, port, turns }: Transcript, pieceBytes: number): Exchange => ({
  transport,
  port,
  turns,
  pieceBytes,
});

const pageNamed = (patch: string, name: string): Page =>
  pages.find((page) => page.patch === patch && page.name === name)!;
