import { type ChildProcess, execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
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
import { type Finished, until } from '../support/netns.ts';
import { programFile } from '../support/program-file.ts';
import { PROGRAM, VpatchProcess } from '../support/vpatch-process.ts';
import { describeWithWebServer } from '../support/web-bed.ts';
import { type FailingServiceSettings, WAYS_TO_FAIL } from './programs/failing-messages.ts';

// The rows of docs/failure.md, each under requests that go on all the time. What is printed is what the page tells.

/** The shortest queue, so that it is soon full. */
const SHORT_QUEUE = 'queue: { length: 16 }\n';

const SERVICE = programFile(
  new URL('./programs/failing-service-process.ts', import.meta.url),
  'test/inline/programs/failing-worker.ts',
  'src/service/policy-checker.ts',
);

describeWithWebServer('what fails which way', (bed) => {
  const services: ChildProcess[] = [];
  afterEach(() => {
    for (const service of services.splice(0)) service.kill('SIGKILL');
    for (const table of ['mangle', 'filter', 'security']) bed.testbed.run('server', 'iptables', ['-t', table, '-F']);
  });

  const get = (path: string): Promise<Finished> =>
    bed.testbed.finish('client', 'curl', ['-s', '-m', '1', '-o', '/dev/null', bed.url(path)]);
  const isInspected = async (): Promise<boolean> => (await get('/evil')).status === CURL_TIMEOUT;
  const start = (way: FailureMode, config = ''): Promise<VpatchProcess> => {
    const text = `state: { folder: ${join(bed.folder, 'state')} }\n${config}`;
    return VpatchProcess.start(bed.testbed, { rules: EVIL_RULE, args: ['-m', 'prevent', '--fail', way], config: text });
  };

  test.each(WAYS)(
    'start and stop, fail %s',
    async (way) => {
      const load = await startLoad(bed);
      const vpatch = await start(way);
      expect(await isInspected()).toBe(true);
      expect(await vpatch.stop()).toBe(0);
      const result = await load.stop();
      tell('start and stop', way, result);
      expectServed(result);
    },
    LONG_MS,
  );

  test.each(WAYS)(
    'the process is killed, and nobody listens, fail %s',
    async (way) => {
      const vpatch = await start(way);
      const load = await startLoad(bed);
      vpatch.signal('SIGKILL');
      await vpatch.exited;
      await pause(OUTAGE_MS);
      const next = await start(way);
      await until('it inspects again', isInspected);
      const result = await load.stop();
      tell('process killed', way, result);
      if (way === 'open') expectServed(result);
      else expectOutage(result);
      expect(await next.stop()).toBe(0);
    },
    LONG_MS,
  );

  test.each(WAYS)(
    'the process is stopped and its queue is full, fail %s',
    async (way) => {
      const vpatch = await start(way, SHORT_QUEUE);
      // More connections than the queue is long: what is sent again by few would not fill it.
      const load = await startLoad(bed, { clients: 40 });
      vpatch.signal('SIGSTOP');
      await pause(OUTAGE_MS);
      vpatch.signal('SIGCONT');
      await until('it inspects again', isInspected);
      const result = await load.stop();
      tell('queue full', way, result);
      const { queues, incidents } = await vpatch.status();
      if (way === 'open') {
        expect(result.longestGapMs).toBeLessThan(OUTAGE_MS / 2);
        expect(incidents.overflows).toBeGreaterThan(0);
      } else {
        expectOutage(result);
        expect(queues[0]?.overflowed).toBeGreaterThan(0);
      }
      expect(await vpatch.stop()).toBe(0);
    },
    LONG_MS,
  );

  describe.each(WAYS_TO_FAIL)('a worker %s', (wayToFail) => {
    test.each(WAYS)(
      'fail %s',
      async (way) => {
        const settings: FailingServiceSettings = { rules: EVIL_RULE, wayToFail, failure: way, folder: bed.folder };
        const service = bed.testbed.start('server', process.execPath, [SERVICE, JSON.stringify(settings)], {
          stdio: ['pipe', 'ignore', 'pipe'],
        });
        services.push(service);
        const ended = new Promise((resolve) => service.once('close', resolve));
        let log = '';
        service.stderr!.on('data', (chunk: Buffer) => {
          log += chunk.toString();
        });
        const logged = (text: string): Promise<void> => until(`"${text}" is logged`, () => log.includes(text), 20_000);
        await logged('ready: ');
        const load = await startLoad(bed);
        service.stdin!.write('fail\n');
        const failedAtMs = performance.now();
        await logged('error: ');
        const noticedMs = Math.round(performance.now() - failedAtMs);
        await logged('has a worker again');
        await until('it inspects', isInspected);
        const result = await load.stop();
        tell(`worker ${wayToFail}, noticed after ${noticedMs} ms`, way, result);
        // Fail closed, it lasts as long as the new worker takes to start, which depends on the machine.
        if (way === 'open' && wayToFail !== 'dies') expect(result.longestGapMs).toBeLessThan(NOTICED_MS + RESENT_MS);
        if (way === 'open' && wayToFail === 'dies') expectServed(result);
        service.stdin!.end();
        expect(await ended).toBe(0);
        expect(bed.testbed.run('server', 'iptables-save', []).output).not.toContain('VPATCH');
      },
      LONG_MS,
    );
  });

  test.each(WAYS)(
    'the disk of the events and of the history is full, fail %s',
    async (way) => {
      const small = join(bed.folder, `small-${way}`);
      mkdirSync(small);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'vpatch-test', small]);
      try {
        const alert =
          'alert http any any -> any any (msg:"page"; flow:established,to_server; http.method; content:"GET"; sid:2;)\n';
        const vpatch = await VpatchProcess.start(bed.testbed, {
          rules: EVIL_RULE + alert,
          args: ['-m', 'prevent', '--fail', way, '--eve', join(small, 'eve.json')],
          config:
            `state: { folder: ${join(small, 'state')} }\nhistory: { enabled: true }\n` +
            'events: { fold: false }\noutputs: { eve: { buffer: 64KiB } }\n',
        });
        const load = await startLoad(bed);
        await until('lines are lost', async () => (await vpatch.status()).events.lostLines > 0, 30_000);
        await until('the history says why', async () => (await vpatch.status()).history?.problem !== null, 30_000);
        expect(await isInspected()).toBe(true);
        const result = await load.stop();
        tell('disk full', way, result);
        expectServed(result);
        expect(vpatch.log).toContain('events cannot be written');
        expect(vpatch.log).toContain('cannot be written, and events are lost to it');
        expect(await vpatch.stop()).toBe(0);
        for (const line of readFileSync(join(small, 'eve.json'), 'utf8').split('\n').slice(0, -1)) JSON.parse(line);
      } finally {
        execFileSync('umount', ['-l', small]);
      }
    },
    LONG_MS,
  );

  test.each(WAYS)(
    'rules that are wrong at the start, fail %s: the others work',
    async (way) => {
      const load = await startLoad(bed);
      const vpatch = await VpatchProcess.start(bed.testbed, {
        rules: `${EVIL_RULE}drop tcp any any -> any any (nokeyword; sid:9;)\n`,
        args: ['-m', 'prevent', '--fail', way],
      });
      expect(vpatch.log).toContain('1 rule refused');
      expect(await isInspected()).toBe(true);
      expect(await vpatch.stop()).toBe(0);
      const result = await load.stop();
      tell('bad rules', way, result);
      expectServed(result);
    },
    LONG_MS,
  );

  test.each(WAYS)(
    'a configuration that is wrong, fail %s: nothing starts, nothing changes',
    async (way) => {
      const file = join(bed.folder, 'wrong.yaml');
      writeFileSync(file, 'mode: maybe\n');
      const load = await startLoad(bed);
      const args = [PROGRAM, 'run', '-c', file, '--fail', way, '--control', 'none'];
      const { status, error } = await bed.testbed.finish('server', process.execPath, args);
      expect({ status, error }).toMatchObject({ status: 2, error: expect.stringContaining('wrong.yaml:1:7: mode:') });
      expect(bed.testbed.run('server', 'iptables-save', []).output).not.toContain('VPATCH');
      const result = await load.stop();
      tell('bad configuration', way, result);
      expectServed(result);
    },
    LONG_MS,
  );

  test(
    'cleanup removes what a killed one left, but not of one that runs, nor what is to stay closed',
    async () => {
      const cleanup = (...args: string[]): Promise<Finished> =>
        bed.testbed.finish('server', process.execPath, [PROGRAM, 'cleanup', ...args]);
      const hasRules = (): boolean => bed.testbed.run('server', 'iptables-save', []).output.includes('VPATCH');
      const vpatch = await start('open');
      expect((await cleanup()).output).toContain(`process ${vpatch.pid}`);
      expect(hasRules()).toBe(true);
      vpatch.signal('SIGKILL');
      await vpatch.exited;
      const closed = join(bed.folder, 'closed.yaml');
      writeFileSync(closed, 'failure: { engine: closed }\n');
      expect((await cleanup('-c', closed)).output).toContain('the rules stay');
      expect(hasRules()).toBe(true);
      expect((await cleanup('-c', closed, '--force')).output).toContain('removed');
      expect(hasRules()).toBe(false);
      expect(await cleanup()).toMatchObject({ status: 0, output: 'nothing was left behind\n' });
    },
    LONG_MS,
  );

  test.each(WAYS)(
    'the interface goes down and comes back, fail %s',
    async (way) => {
      const vpatch = await start(way);
      const load = await startLoad(bed);
      const device = bed.testbed.interfaces.server;
      bed.testbed.run('server', 'ip', ['link', 'set', device, 'down']);
      await pause(OUTAGE_MS);
      bed.testbed.run('server', 'ip', ['link', 'set', device, 'up']);
      await until('it inspects again', isInspected, 20_000);
      const result = await load.stop();
      tell('interface down', way, result);
      expect((await vpatch.status()).incidents).toMatchObject({ restarts: 0, lostRules: 0 });
      expect(await vpatch.stop()).toBe(0);
    },
    LONG_MS,
  );

  test.each(WAYS)(
    'another tool flushes the firewall, fail %s',
    async (way) => {
      const vpatch = await start(way);
      const load = await startLoad(bed);
      bed.testbed.run('server', 'iptables', ['-t', 'mangle', '-F']);
      const flushedAtMs = performance.now();
      await until('the rules are back', async () => (await vpatch.status()).incidents.lostRules === 1);
      const backMs = Math.round(performance.now() - flushedAtMs);
      expect(await isInspected()).toBe(true);
      const result = await load.stop();
      tell(`firewall flushed, back after ${backMs} ms`, way, result);
      // Each client has had the same connection all the time.
      expectServed(result);
      expect(await vpatch.stop()).toBe(0);
    },
    LONG_MS,
  );
});

const CURL_TIMEOUT = 28;
/** What docs/failure.md promises, and what a test machine may add. */
const NOTICED_MS = 2_000;
/** TCP sends again after 0.2, 0.6, 1.4 and 3 s. */
const RESENT_MS = 3_500;
