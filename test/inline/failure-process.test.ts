import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { FailureMode } from '../../src/config/config.ts';
import {
  EVIL_RULE,
  expectOutage,
  expectServed,
  LONG_MS,
  OUTAGE_MS,
  pause,
  startLoad,
  tell,
  WAYS,
} from '../support/failure-rows.ts';
import { KeptConnection } from '../support/kept-connection.ts';
import { type Finished, until } from '../support/netns.ts';
import { programFile } from '../support/program-file.ts';
import { VpatchProcess } from '../support/vpatch-process.ts';
import { describeWithWebServer } from '../support/web-bed.ts';
import { HTTP_PORT, PAGE } from '../support/web-server.ts';

// Rows of docs/failure.md: what becomes of the process as a whole, and what its host does to it.

/** Of the load under which the process is killed. */
const REQUESTS_PER_SECOND = 1_000;
const MANY_CLIENTS = 20;
const DAY_MS = 86_400_000;

describeWithWebServer('the process and its host', (bed) => {
  afterEach(() => {
    for (const tool of ['iptables', 'ip6tables']) bed.testbed.run('server', tool, ['-t', 'mangle', '-F']);
    bed.testbed.closeConnections();
  });

  const get = (path: string, ...more: string[]): Promise<Finished> =>
    bed.testbed.finish('client', 'curl', ['-s', '-m', '1', ...more, bed.url(path)]);
  const isInspected = async (): Promise<boolean> => (await get('/files/evil')).status === CURL_TIMEOUT;
  const accessLog = (): string => join(dirname(bed.server.files), 'access.log');
  /** What the server was asked for so far; below /files only. */
  const asked = (): string[] => readFileSync(accessLog(), 'utf8').split('\n');
  const hasArrived = (path: string): boolean => asked().some((line) => line.includes(path));
  const start = (way: FailureMode, wrapper: readonly string[] = []): Promise<VpatchProcess> =>
    VpatchProcess.start(bed.testbed, { rules: EVIL_RULE, args: ['-m', 'prevent', '--fail', way], wrapper });

  test.each(WAYS)(
    `the process is killed under ${REQUESTS_PER_SECOND} requests a second, and attacks, fail %s`,
    async (way) => {
      writeFileSync(join(bed.server.files, 'page'), PAGE);
      writeFileSync(accessLog(), '');
      const vpatch = await start(way);
      const load = await startLoad(bed, {
        url: bed.url('/files/page'),
        clients: MANY_CLIENTS,
        perSecond: REQUESTS_PER_SECOND,
      });
      const early = await KeptConnection.open(bed.testbed, '/');
      await pause(2_500);
      expect(await isInspected()).toBe(true);
      expect(hasArrived('evil')).toBe(false);
      vpatch.signal('SIGKILL');
      await vpatch.exited;
      await pause(500);
      const before = asked().length;
      const attack = await get('/files/evil');
      const laterAttack = await early.asksFor('/files/evil');
      await pause(OUTAGE_MS - 2_000);
      const after = asked().length;
      const next = await start(way);
      await until('it inspects again', isInspected);
      const result = await load.stop();
      tell(`killed at ${result.mostPerSecond} requests/s`, way, result);
      expect(result.mostPerSecond).toBeGreaterThan(REQUESTS_PER_SECOND / 2);
      if (way === 'open') {
        // Each client has one request in flight.
        expect(result.failures.length).toBeLessThanOrEqual(MANY_CLIENTS);
        expect(after).toBeGreaterThan(before);
      } else {
        expectOutage(result);
        expect([attack.status, laterAttack]).toEqual([CURL_TIMEOUT, false]);
        expect(after).toBe(before);
        expect(hasArrived('evil')).toBe(false);
      }
      early.close();
      expect(await next.stop()).toBe(0);
    },
    LONG_MS,
  );

  test.each(WAYS)(
    'a second signal ends it at once, fail %s: no rule is left, and connections go on',
    async (way) => {
      const vpatch = await start(way);
      const load = await startLoad(bed);
      vpatch.signal('SIGTERM');
      await pause(50);
      vpatch.signal('SIGTERM');
      expect(await vpatch.exited).toBe(0);
      const saved = bed.testbed.run('server', 'iptables-save', []).output;
      await pause(500);
      const result = await load.stop();
      tell('second signal', way, result);
      expect(saved).not.toContain('VPATCH');
      expectServed(result);
    },
    LONG_MS,
  );

  test.each(WAYS)(
    'the clock is set by a day, and back, fail %s',
    async (way) => {
      const offsetFile = join(bed.folder, `offset-${way}`);
      const shim = programFile(new URL('./programs/shifted-clock.ts', import.meta.url));
      writeFileSync(offsetFile, '0');
      const vpatch = await start(way, ['env', `OFFSET_FILE=${offsetFile}`, `NODE_OPTIONS=--import=file://${shim}`]);
      const load = await startLoad(bed);
      const kept = await Promise.all([1, 2, 3].map(() => KeptConnection.open(bed.testbed, '/')));
      for (const [at, offsetMs] of [DAY_MS, -DAY_MS, 0].entries()) {
        writeFileSync(offsetFile, String(offsetMs));
        await pause(1_000);
        // On a connection that was there before, and on a new one.
        expect(await kept[at]!.asksFor('/evil')).toBe(false);
        expect(await isInspected()).toBe(true);
        const told = Date.parse(vpatch.events('alert').at(-1)!.timestamp);
        expect(Math.abs(told - (Date.now() + offsetMs))).toBeLessThan(60_000);
      }
      const result = await load.stop();
      tell('clock set', way, result);
      expectServed(result);
      expect((await vpatch.status()).incidents).toMatchObject({ restarts: 0, lostRules: 0, failedPackets: 0 });
      for (const connection of kept) connection.close();
      expect(await vpatch.stop()).toBe(0);
    },
    LONG_MS,
  );

  test.each(WAYS)(
    'no ip6tables, fail %s: IPv4 is inspected, IPv6 passes, and a warning says so',
    async (way) => {
      const tools = join(bed.folder, `tools-${way}`);
      mkdirSync(tools);
      for (const tool of ['iptables', 'iptables-save', 'iptables-restore']) {
        copyFileSync(join(SYSTEM_TOOLS, tool), join(tools, tool));
      }
      const vpatch = await start(way, ['unshare', '--mount', 'sh', '-ec', WITH_TOOLS, tools]);
      const url = `http://[${bed.testbed.addresses.server[6]}]:${HTTP_PORT}/`;
      const loads = await Promise.all([bed.url(), url].map((url) => startLoad(bed, { url })));
      expect(vpatch.log).toContain('IPv6 is not inspected');
      expect(await isInspected()).toBe(true);
      const attack = await bed.testbed.finish('client', 'curl', ['-s', '-m', '1', `${url}evil`]);
      expect(attack.output).toBe(PAGE);
      for (const load of loads) {
        const result = await load.stop();
        tell('no ip6tables', way, result);
        expectServed(result);
      }
      expect(await vpatch.stop()).toBe(0);
    },
    LONG_MS,
  );
});

const CURL_TIMEOUT = 28;
const SYSTEM_TOOLS = '/usr/sbin';
/** Has a folder stand where the system's tools are, for one process. */
const WITH_TOOLS = `mount --bind "$0" ${SYSTEM_TOOLS}; exec "$@"`;
