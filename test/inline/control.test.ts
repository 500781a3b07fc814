import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { ask } from '../../src/service/control-client.ts';
import type { ControlRequest } from '../../src/service/control-protocol.ts';
import { Load } from '../support/load.ts';
import { type Finished, until } from '../support/netns.ts';
import { PROGRAM, VpatchProcess } from '../support/vpatch-process.ts';
import { describeWithWebServer } from '../support/web-bed.ts';
import { PAGE } from '../support/web-server.ts';

const RELOADS = 50;
const RELOADS_PER_MODE = 2;
/** A machine that does other things too. */
const LONG_MS = 120_000;

const rule = (word: string, sid: number): string =>
  `drop http any any -> any any (msg:"${word}"; flow:established,to_server; http.uri; content:"/${word}"; sid:${sid};)\n`;

describeWithWebServer('the running service is asked and changed', (bed) => {
  let rules: string;

  beforeAll(() => {
    rules = join(bed.folder, 'own.rules');
  });

  const get = (path: string): Promise<Finished> =>
    bed.testbed.finish('client', 'curl', ['-s', '-m', '1', '-o', '/dev/null', bed.url(path)]);
  const start = (text: string, ...args: string[]): Promise<VpatchProcess> => {
    writeFileSync(rules, text);
    return VpatchProcess.start(bed.testbed, { ruleFiles: [rules], args });
  };
  const tell = (vpatch: VpatchProcess, ...args: string[]): Promise<Finished> =>
    bed.testbed.finish('server', process.execPath, [PROGRAM, ...args, '--control', vpatch.control]);
  /** Without a process for each request. */
  const order = async (vpatch: VpatchProcess, request: ControlRequest): Promise<unknown> => {
    const answer = await ask(vpatch.control, request, { limitMs: 60_000 });
    return answer.status === 'ok' ? answer.result : answer;
  };

  test('the mode is switched without a restart, in every worker', async () => {
    const vpatch = await start(rule('evil', 1), '--queues', '2');
    expect((await get('/evil')).status).toBe(0);
    expect(await tell(vpatch, 'mode', 'prevent')).toMatchObject({ status: 0, output: 'prevent mode, was detect\n' });
    expect((await get('/evil')).status).toBe(CURL_TIMEOUT);
    await tell(vpatch, 'mode', 'detect');
    expect((await get('/evil')).status).toBe(0);
    const status = await vpatch.status();
    expect(status).toMatchObject({
      mode: 'detect',
      pid: vpatch.pid,
      ruleset: { rules: { loaded: 1, drop: 1, refused: 0 } },
      interception: { isActive: true, failure: 'open' },
      queues: [{ isInspecting: true }, { isInspecting: true }],
    });
    expect(status.traffic.dropped).toBeGreaterThan(0);
    expect(status.traffic.dropsByReason).toHaveProperty('rules');
    expect(status.latency.packets).toBe(status.traffic.packets);
    expect(status.latency.maxMs).toBeGreaterThan(0);
    expect(status.pauses.longestWorkMs).toBeLessThanOrEqual(status.pauses.longestMs);
    expect(await vpatch.stop()).toBe(0);
  });

  test(
    'new rules are taken over, on connections that are there; broken ones change nothing',
    async () => {
      const vpatch = await start(rule('evil', 1), '-m', 'prevent');
      const before = await vpatch.status();
      const load = await Load.start(bed.testbed, { url: bed.url(), page: PAGE, clients: 1 });

      appendFileSync(rules, rule('worse', 2));
      expect(await tell(vpatch, 'reload')).toMatchObject({ status: 0, output: expect.stringContaining('2 rules') });
      expect((await get('/worse')).status).toBe(CURL_TIMEOUT);
      expect((await vpatch.status()).ruleset.version).not.toBe(before.ruleset.version);

      writeFileSync(rules, rule('other', 3) + rule('broken', 4).replace('http.uri', 'http.urii'));
      const refused = await tell(vpatch, 'reload');
      expect(refused).toMatchObject({ status: 1, error: expect.stringContaining('own.rules:2:') });
      expect((await get('/worse')).status).toBe(CURL_TIMEOUT);
      expect((await get('/other')).status).toBe(0);

      expect((await tell(vpatch, 'reload', '--force')).status).toBe(0);
      expect((await get('/worse')).status).toBe(0);
      expect((await get('/other')).status).toBe(CURL_TIMEOUT);

      rmSync(rules);
      expect(await tell(vpatch, 'reload')).toMatchObject({ status: 1, error: expect.stringContaining('own.rules') });
      expect((await get('/other')).status).toBe(CURL_TIMEOUT);
      expect((await load.stop()).failures).toEqual([]);
      expect(await vpatch.stop()).toBe(0);
    },
    LONG_MS,
  );

  test(
    `${RELOADS} reloads and ${RELOADS / RELOADS_PER_MODE} changes of mode under requests: none fails`,
    async () => {
      const vpatch = await start(rule('evil', 1), '--queues', '2');
      const load = await Load.start(bed.testbed, { url: bed.url(), page: PAGE });
      const fresh = await Load.start(bed.testbed, { url: bed.url(), page: PAGE, fresh: true, clients: 2 });
      for (let i = 0; i < RELOADS; i++) {
        writeFileSync(rules, rule('evil', 1) + rule(`evil${i}`, 2));
        expect(await order(vpatch, { command: 'reload', force: false })).toMatchObject({
          status: 'ok',
          isChanged: true,
        });
        if (i % RELOADS_PER_MODE === 0) {
          const mode = i % (2 * RELOADS_PER_MODE) === 0 ? 'prevent' : 'detect';
          expect(await order(vpatch, { command: 'mode', mode })).toMatchObject({ mode });
        }
      }
      for (const result of [await load.stop(), await fresh.stop()]) {
        expect(result.failures).toEqual([]);
        expect(result.requests).toBeGreaterThan(100);
      }
      const status = await vpatch.status();
      expect(status.incidents).toMatchObject({ restarts: 0, failedPackets: 0 });
      expect(status.queues.map(({ overflowed }) => overflowed)).toEqual([0, 0]);
      expect(await vpatch.stop()).toBe(0);
    },
    LONG_MS,
  );

  test(
    'an exception holds at once, and over a restart, until it is removed',
    async () => {
      const config = `state: { folder: ${join(bed.folder, 'state')} }\n`;
      const restart = (): Promise<VpatchProcess> =>
        VpatchProcess.start(bed.testbed, { rules: rule('evil', 1), args: ['-m', 'prevent'], config });
      let vpatch = await restart();
      expect((await get('/evil')).status).toBe(CURL_TIMEOUT);
      const added = await tell(vpatch, 'except', 'add', '--sid', '1', '--path', '/evil*', '--reason', 'ours');
      expect(added).toMatchObject({ status: 0, output: 'exception 1: sid 1, path /evil*, for good (ours)\n' });
      expect((await get('/evil')).status).toBe(0);
      await until('it is counted', async () => (await vpatch.status()).traffic.excepted > 0);
      expect(await vpatch.stop()).toBe(0);

      vpatch = await restart();
      expect((await get('/evil')).status).toBe(0);
      expect(vpatch.events('alert')).toEqual([]);
      expect((await tell(vpatch, 'except', 'remove', '1')).status).toBe(0);
      expect((await get('/evil')).status).toBe(CURL_TIMEOUT);
      const event = JSON.stringify(vpatch.events('alert')[0]);
      const explained = await bed.testbed.finish('client', process.execPath, [PROGRAM, 'explain', event]);
      expect(explained.output).toContain('http.uri: /evil (at 0)');
      expect(explained.output).toContain(`vpatch except add --sid 1 --source ${bed.testbed.addresses.client[4]}`);
      expect(await vpatch.stop()).toBe(0);
    },
    LONG_MS,
  );

  test('SIGHUP reloads', async () => {
    const vpatch = await start(rule('evil', 1));
    writeFileSync(rules, rule('evil', 1) + rule('worse', 2));
    vpatch.signal('SIGHUP');
    await until('the second rule is there', async () => (await vpatch.status()).ruleset.rules.loaded === 2);
    expect(await vpatch.stop()).toBe(0);
  });

  test('stop returns when the service is gone', async () => {
    const vpatch = await start('');
    expect(await tell(vpatch, 'stop')).toMatchObject({ status: 0, output: `stopped (process ${vpatch.pid})\n` });
    expect(await vpatch.exited).toBe(0);
    expect(bed.testbed.run('server', 'iptables-save', []).output).not.toContain('VPATCH');
    expect(await tell(vpatch, 'status')).toMatchObject({ status: 3, error: expect.stringContaining('not running') });
  });

  test(
    'whoever started it is told that it is ready, alive, what it does, and that it stops',
    async () => {
      const socket = join(bed.folder, 'notify.sock');
      const listener = bed.testbed.start('server', 'python3', ['-u', '-c', LISTENER, socket]);
      let heard = '';
      listener.stdout?.on('data', (chunk: Buffer) => {
        heard += chunk.toString();
      });
      await until('it listens', () => heard.includes('bound'));
      const control = join(bed.folder, 'notified.sock');
      const config = join(bed.folder, 'notified.yaml');
      writeFileSync(config, '');
      const environment = [`NOTIFY_SOCKET=${socket}`, 'WATCHDOG_USEC=600000'];
      const command = [process.execPath, PROGRAM, 'run', '-c', config, '--control', control];
      const service = bed.testbed.start('server', 'env', [...environment, ...command]);
      const ended = new Promise((resolve) => service.once('close', resolve));
      await until('it is ready', () => heard.includes('READY=1\nSTATUS=detect mode, 0 rules'), 30_000);
      await until('it is alive', () => heard.includes('WATCHDOG=1'));
      await ask(control, { command: 'mode', mode: 'prevent' }, { limitMs: 10_000 });
      await until('the mode is told', () => heard.includes('STATUS=prevent mode'));
      service.kill('SIGTERM');
      await ended;
      expect(heard).toContain('STOPPING=1');
      listener.kill('SIGKILL');
    },
    LONG_MS,
  );

  test('nobody but root is heard', async () => {
    const vpatch = await start('');
    const args = [
      '--reuid',
      '65534',
      '--clear-groups',
      process.execPath,
      PROGRAM,
      'status',
      '--control',
      vpatch.control,
    ];
    const { status, error } = await bed.testbed.finish('server', 'setpriv', args);
    expect({ status, error }).toMatchObject({ status: 3, error: expect.stringContaining('sudo') });
    expect(await vpatch.stop()).toBe(0);
  });

  test('SIGUSR1 does not open the debugger', async () => {
    const vpatch = await start('');
    vpatch.signal('SIGUSR1');
    expect((await vpatch.status()).pid).toBe(vpatch.pid);
    expect(vpatch.log).not.toContain('Debugger');
    expect(bed.testbed.run('server', 'ss', ['-ltn']).output).not.toContain(':9229');
    expect(await vpatch.stop()).toBe(0);
  });
});

const CURL_TIMEOUT = 28;

const LISTENER = `
import socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
print('bound')
while True: print(listener.recv(4096).decode())
`;
