import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { FailureMode } from '../../src/config/config.ts';
import { EVIL_RULE, expectServed, LONG_MS, startLoad, tell, WAYS } from '../support/failure-rows.ts';
import { type Finished, until } from '../support/netns.ts';
import { VpatchProcess } from '../support/vpatch-process.ts';
import { describeWithWebServer } from '../support/web-bed.ts';
import { HTTP_PORT } from '../support/web-server.ts';

// Rows of docs/failure.md: what others change on the host, or what is found damaged, while requests go on.

describeWithWebServer('what changes on the host', (bed) => {
  afterEach(() => {
    for (const table of ['mangle', 'filter', 'security']) bed.testbed.run('server', 'iptables', ['-t', table, '-F']);
    bed.testbed.closeConnections();
  });

  const get = (url: string): Promise<Finished> => bed.testbed.finish('client', 'curl', ['-s', '-m', '1', url]);
  const start = (way: FailureMode, rules: string, config = ''): Promise<VpatchProcess> =>
    VpatchProcess.start(bed.testbed, {
      rules,
      args: ['-m', 'prevent', '--fail', way],
      config: `state: { folder: ${join(bed.folder, `state-${way}`)} }\n${config}`,
    });

  test.each(WAYS)(
    'another tool flushes only the table that rejects, fail %s: what is blocked stays so, without an answer',
    async (way) => {
      const vpatch = await start(way, EVIL_RULE.replace('drop', 'reject'));
      const load = await startLoad(bed);
      const attack = async (): Promise<number | null> => (await get(bed.url('/evil'))).status;
      expect(await attack()).toBe(CURL_RESET);
      bed.testbed.run('server', 'iptables', ['-t', 'filter', '-F']);
      const flushedAtMs = performance.now();
      expect(await attack()).toBe(CURL_TIMEOUT);
      await until('the rules are back', async () => (await vpatch.status()).incidents.lostRules === 1);
      const backMs = Math.round(performance.now() - flushedAtMs);
      expect(await attack()).toBe(CURL_RESET);
      const result = await load.stop();
      tell(`filter flushed, back after ${backMs} ms`, way, result);
      expectServed(result);
      expect(await vpatch.stop()).toBe(0);
    },
    LONG_MS,
  );

  test.each(WAYS)(
    'the host gets a new address, fail %s: rules for $HOME_NET protect it some seconds later',
    async (way) => {
      const address = way === 'open' ? '10.77.0.8' : '10.77.0.9';
      const vpatch = await start(way, EVIL_RULE.replace('-> any', '-> $HOME_NET'));
      const load = await startLoad(bed);
      const device = bed.testbed.interfaces.server;
      bed.testbed.run('server', 'ip', ['addr', 'add', `${address}/24`, 'dev', device]);
      const addedAtMs = performance.now();
      const attacked = `http://${address}:${HTTP_PORT}/evil`;
      await until('it is protected', async () => (await get(attacked)).status === CURL_TIMEOUT, 30_000);
      const protectedMs = Math.round(performance.now() - addedAtMs);
      const result = await load.stop();
      tell(`new address, protected within ${protectedMs} ms`, way, result);
      expectServed(result);
      expect(await vpatch.stop()).toBe(0);
    },
    LONG_MS,
  );

  test.each(WAYS)(
    'the history is damaged, fail %s: it begins anew beside the damaged file',
    async (way) => {
      const file = join(bed.folder, `state-${way}`, 'history.db');
      mkdirSync(join(file, '..'), { recursive: true });
      writeFileSync(file, 'this is no database\n'.repeat(1_000));
      const load = await startLoad(bed);
      const vpatch = await start(way, EVIL_RULE, 'history: { enabled: true }\n');
      expect((await get(bed.url('/evil'))).status).toBe(CURL_TIMEOUT);
      expect(existsSync(`${file}.damaged`)).toBe(true);
      expect((await vpatch.status()).history).toMatchObject({ file, lostEvents: 0, problem: null });
      const result = await load.stop();
      tell('history damaged', way, result);
      expectServed(result);
      expect(await vpatch.stop()).toBe(0);
    },
    LONG_MS,
  );
});

const CURL_TIMEOUT = 28;
/** The connection was reset. */
const CURL_RESET = 56;
