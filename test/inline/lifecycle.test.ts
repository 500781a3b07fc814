import { createHash, randomFillSync } from 'node:crypto';
import { createReadStream, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { EVIL_RULE } from '../support/failure-rows.ts';
import { type Finished, until } from '../support/netns.ts';
import { programFile } from '../support/program-file.ts';
import { PROGRAM, VpatchProcess } from '../support/vpatch-process.ts';
import { describeWithWebServer } from '../support/web-bed.ts';
import { HTTP_PORT, PAGE, SECOND_HTTP_PORT } from '../support/web-server.ts';

const MIB = 2 ** 20;
const CURL_TIMEOUT = 28;
const LARGE_BYTES = 200 * MIB;

describeWithWebServer('start, stop and everything that can go wrong between', (bed) => {
  let large: { file: string; digest: string };

  beforeAll(() => {
    const content = randomFillSync(Buffer.allocUnsafe(LARGE_BYTES));
    large = { file: join(bed.server.files, 'large'), digest: createHash('sha256').update(content).digest('hex') };
    writeFileSync(large.file, content);
  });

  const page = (port = HTTP_PORT): Promise<Finished> =>
    bed.testbed.finish('client', 'curl', ['-s', '-m', '2', bed.url('/', port)]);
  const download = (name: string, ...more: string[]): Promise<Finished> =>
    bed.testbed.finish('client', 'curl', ['-s', '-o', join(bed.folder, name), ...more, bed.url('/files/large')]);
  const savedRules = (): string =>
    ['iptables-save', 'ip6tables-save'].map((tool) => bed.testbed.run('server', tool, []).output).join('');
  const queues = (): string => bed.testbed.run('server', 'cat', ['/proc/net/netfilter/nfnetlink_queue']).output;

  const expectNothingLeft = (): void => {
    expect(savedRules()).not.toContain('VPATCH');
    expect(bed.testbed.run('server', 'nft', ['list', 'tables']).output).not.toContain('vpatch');
    expect(queues()).toBe('');
  };

  describe('200 MB arrive as they were sent, in packets of up to 64 KiB', () => {
    test('download', async () => {
      const vpatch = await VpatchProcess.start(bed.testbed);
      expect((await download('down')).status).toBe(0);
      expect(await digestOf(join(bed.folder, 'down'))).toBe(large.digest);
      await vpatch.stop();
      const { packets, bytes } = traffic(vpatch);
      expect(bytes).toBeGreaterThan(LARGE_BYTES);
      // One packet for each segment of 1,448 bytes would be 145,000 of them, and as many acknowledgements again.
      expect(packets).toBeLessThan(80_000);
    });

    test('upload', async () => {
      const vpatch = await VpatchProcess.start(bed.testbed);
      const sent = await bed.testbed.finish('client', 'curl', ['-sf', '-T', large.file, bed.url('/upload/large')]);
      expect(sent.status).toBe(0);
      expect(await digestOf(join(bed.server.uploads, 'large'))).toBe(large.digest);
      await vpatch.stop();
      expect(traffic(vpatch).bytes).toBeGreaterThan(LARGE_BYTES);
    });
  });

  describe('queue.priority is the nice value of the worker threads', () => {
    /** Column 19 of /proc/PID/task/TID/stat (proc_pid_stat(5)); the name before it may contain anything. */
    const niceValues = (vpatch: VpatchProcess): number[] => {
      const tasks = `/proc/${vpatch.pid}/task`;
      const stats = readdirSync(tasks).map((task) => readFileSync(join(tasks, task, 'stat'), 'utf8'));
      return stats.map((stat) => Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]));
    };
    const withPriority = (value: number): string =>
      `state: { folder: ${join(bed.folder, 'state')} }\nqueue: { priority: ${value} }\n`;

    test('and of no other thread', async () => {
      const vpatch = await VpatchProcess.start(bed.testbed, { args: ['--queues', '2'], config: withPriority(-7) });
      const values = niceValues(vpatch);
      expect(values.filter((value) => value === -7)).toHaveLength(2);
      expect(new Set(values)).toEqual(new Set([0, -7]));
      expect(await vpatch.stop()).toBe(0);
    });

    test('where the system refuses it, that is said, and packets are inspected', async () => {
      const wrapper = ['setpriv', '--bounding-set=-sys_nice'];
      const config = withPriority(-7);
      const vpatch = await VpatchProcess.start(bed.testbed, {
        wrapper,
        config,
        rules: EVIL_RULE,
        args: ['-m', 'prevent'],
      });
      await until('it is said', () => vpatch.log.includes('queue.priority'));
      expect(new Set(niceValues(vpatch))).toEqual(new Set([0]));
      expect((await page()).output).toBe(PAGE);
      const attack = await bed.testbed.finish('client', 'curl', ['-s', '-m', '1', bed.url('/evil')]);
      expect(attack.status).toBe(CURL_TIMEOUT);
      expect(await vpatch.stop()).toBe(0);
    });
  });

  test('SIGTERM: a download goes on, no rule and no queue is left', async () => {
    const vpatch = await VpatchProcess.start(bed.testbed);
    expect(savedRules()).toContain('VPATCH-IN');
    const running = download('survivor', '--limit-rate', '60M');
    await pause(1000);
    expect(await vpatch.stop()).toBe(0);
    expectNothingLeft();
    expect(traffic(vpatch).bytes).toBeGreaterThan(20 * MIB);
    expect(traffic(vpatch).bytes).toBeLessThan(LARGE_BYTES);
    expect((await running).status).toBe(0);
    expect(await digestOf(join(bed.folder, 'survivor'))).toBe(large.digest);
  });

  test('fail open, killed under load: connections go on, and the next start cleans up', async () => {
    const vpatch = await VpatchProcess.start(bed.testbed);
    const running = download('killed', '--limit-rate', '60M');
    await pause(1000);
    vpatch.signal('SIGKILL');
    await vpatch.exited;
    expect(savedRules()).toContain('--queue-bypass');
    expect((await page()).output).toBe(PAGE);
    expect((await running).status).toBe(0);
    expect(await digestOf(join(bed.folder, 'killed'))).toBe(large.digest);

    const next = await VpatchProcess.start(bed.testbed);
    expect(next.log).toContain('ended without cleaning up');
    expect(savedRules().match(/-A INPUT -j VPATCH-IN/g)).toHaveLength(2);
    expect((await page()).output).toBe(PAGE);
    expect(await next.stop()).toBe(0);
    expectNothingLeft();
  });

  test('fail closed, killed: nothing passes but the management port, until it runs again', async () => {
    const args = ['--fail', 'closed', '--management-port', String(SECOND_HTTP_PORT)];
    const vpatch = await VpatchProcess.start(bed.testbed, { args });
    expect((await page()).output).toBe(PAGE);
    vpatch.signal('SIGKILL');
    await vpatch.exited;
    expect((await page()).status).toBe(CURL_TIMEOUT);
    expect((await page(SECOND_HTTP_PORT)).output).toBe(PAGE);

    const next = await VpatchProcess.start(bed.testbed, { args });
    expect((await page()).output).toBe(PAGE);
    expect(await next.stop()).toBe(0);
    expectNothingLeft();
    expect((await page()).output).toBe(PAGE);
  });

  test('rules that somebody else flushed come back, and a warning tells', async () => {
    const vpatch = await VpatchProcess.start(bed.testbed);
    bed.testbed.run('server', 'iptables', ['-t', 'mangle', '-F']);
    expect(savedRules()).not.toContain('-A INPUT -j VPATCH-IN\n-A VPATCH-IN');
    await until('the rules are back', () => savedRules().match(/-A INPUT -j VPATCH-IN/g)?.length === 2);
    expect(vpatch.log).toContain('somebody else');
    expect((await page()).output).toBe(PAGE);
    expect(await vpatch.stop()).toBe(0);
    expectNothingLeft();
  });

  test("the user's own rules stay as they are", async () => {
    for (const table of ['mangle', 'filter']) {
      bed.testbed.run('server', 'iptables', ['-t', table, '-A', 'INPUT', '-p', 'udp', '--dport', '9', '-j', 'DROP']);
    }
    const before = withoutCounters(savedRules());
    const vpatch = await VpatchProcess.start(bed.testbed);
    expect(withoutCounters(savedRules())).not.toBe(before);
    expect(await vpatch.stop()).toBe(0);
    expect(withoutCounters(savedRules())).toBe(before);
    for (const table of ['mangle', 'filter']) bed.testbed.run('server', 'iptables', ['-t', table, '-F']);
  });

  describe('refusals: exit code 3, and one line that says what to do', () => {
    const refused = async (...command: string[]): Promise<string[]> => {
      const { status, error } = await bed.testbed.finish('server', command[0]!, command.slice(1));
      expect({ status, error }).toMatchObject({ status: 3 });
      const lines = error.split('\n').filter((line) => line !== '' && !/^\{"level":"(?:info|warn)"/.test(line));
      expect(lines).toHaveLength(1);
      return lines;
    };

    test('without the capability', async () => {
      const [line] = await refused(
        'setpriv',
        '--bounding-set=-net_admin',
        process.execPath,
        PROGRAM,
        'run',
        '--control',
        'none',
      );
      expect(line).toContain('CAP_NET_ADMIN');
      expect(line).toContain('sudo');
    });

    test('while another vpatch runs, which is left alone', async () => {
      const vpatch = await VpatchProcess.start(bed.testbed);
      const rules = withoutCounters(savedRules());
      const [line] = await refused(process.execPath, PROGRAM, 'run', '--control', 'none');
      expect(line).toContain(`process ${vpatch.pid} `);
      expect(withoutCounters(savedRules())).toBe(rules);
      expect((await page()).output).toBe(PAGE);
      expect(await vpatch.stop()).toBe(0);
    });

    test('a queue that another program holds: it is named, and no rule is installed', async () => {
      const program = programFile(new URL('./programs/queue-holder-process.ts', import.meta.url));
      const holder = bed.testbed.start('server', process.execPath, [program, '4']);
      await new Promise((bound) => holder.stdout?.once('data', bound));
      const [line] = await refused(
        process.execPath,
        PROGRAM,
        'run',
        '--control',
        'none',
        '--queue-start',
        '3',
        '--queues',
        '3',
      );
      expect(line).toContain('NFQUEUE 4');
      expect(line).toContain(`process ${holder.pid} `);
      expect(savedRules()).not.toContain('VPATCH');
      holder.kill('SIGKILL');
      await until('the queue is free', () => queues() === '');
    });
  });

  test('one worker, as on two processors, needs at most 120 MB with a few rules', async () => {
    const vpatch = await VpatchProcess.start(bed.testbed, { args: ['--queues', '1'] });
    expect((await download('memory')).status).toBe(0);
    expect(vpatch.residentBytes).toBeLessThan(120e6);
    expect(await vpatch.stop()).toBe(0);
  });

  test('doctor finds the leftovers of a crash, and touches nothing', async () => {
    const vpatch = await VpatchProcess.start(bed.testbed);
    const findings = async (): Promise<{ check: string; status: string; detail: string }[]> => {
      const { status, output } = await bed.testbed.finish('server', process.execPath, [PROGRAM, 'doctor', '--json']);
      expect(status).toBe(0);
      return (JSON.parse(output) as { findings: { check: string; status: string; detail: string }[] }).findings;
    };
    expect((await findings()).find(({ check }) => check === 'rules')).toMatchObject({ status: 'ok' });
    expect((await findings()).find(({ check }) => check === 'queue')?.detail).toContain(`process ${vpatch.pid} `);
    vpatch.signal('SIGKILL');
    await vpatch.exited;
    const before = withoutCounters(savedRules());
    expect((await findings()).find(({ check }) => check === 'rules')).toMatchObject({ status: 'warning' });
    expect(withoutCounters(savedRules())).toBe(before);
    const next = await VpatchProcess.start(bed.testbed);
    expect(await next.stop()).toBe(0);
  });
});

const pause = (durationMs: number): Promise<void> => new Promise((done) => setTimeout(done, durationMs));

/** From the last `stats` event, which is written at the end. */
function traffic(vpatch: VpatchProcess): { packets: number; bytes: number } {
  const decoder = vpatch.events('stats').at(-1)?.stats?.decoder as { pkts: number; bytes: number };
  return { packets: decoder.pkts, bytes: decoder.bytes };
}

const withoutCounters = (saved: string): string => saved.replaceAll(/^#.*\n/gm, '').replaceAll(/\[\d+:\d+\]/g, '');

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
