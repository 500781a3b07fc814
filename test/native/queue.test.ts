import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { QUEUE_COLUMN, QUEUE_FLAG, type QueueOptions, SKB_INFO } from '../../src/base/native/queue.ts';
import { programFile } from '../support/program-file.ts';
import { FLUSH, MARK, type Role } from './queue-process.ts';

const CLIENT = `vpn-c${process.pid}`;
const SERVER = `vpn-s${process.pid}`;
const SERVER_ADDRESS = '10.213.0.2';
const QUEUE = 3;
const PROGRAM = programFile(new URL('./queue-process.ts', import.meta.url));

const ip = (...words: string[]): string => execFileSync('ip', words, { stdio: ['ignore', 'pipe', 'pipe'] }).toString();
const inServer = (...command: string[]): string => ip('netns', 'exec', SERVER, ...command);

/** Null when everything is there; then the two namespaces exist, and the server's packets go to the queue. */
function setUp(): string | null {
  if (process.getuid?.() !== 0) return 'not root';
  try {
    for (const namespace of [CLIENT, SERVER]) ip('netns', 'add', namespace);
    ip('-n', CLIENT, 'link', 'add', 'veth0', 'type', 'veth', 'peer', 'name', 'veth0', 'netns', SERVER);
    ip('-n', CLIENT, 'address', 'add', '10.213.0.1/24', 'dev', 'veth0');
    ip('-n', SERVER, 'address', 'add', `${SERVER_ADDRESS}/24`, 'dev', 'veth0');
    for (const namespace of [CLIENT, SERVER]) ip('-n', namespace, 'link', 'set', 'veth0', 'up');
    inServer('iptables', '-t', 'mangle', '-A', 'INPUT', '-j', 'NFQUEUE', '--queue-num', String(QUEUE));
    inServer('iptables', '-A', 'INPUT', '-m', 'mark', '--mark', String(MARK), '-j', 'ACCEPT');
    return null;
  } catch (error) {
    tearDown();
    return String(error);
  }
}

function tearDown(): void {
  for (const namespace of [CLIENT, SERVER]) {
    try {
      ip('netns', 'delete', namespace);
    } catch {
      // It was never made.
    }
  }
}

const missing = setUp();
if (missing !== null) console.warn(`\n*** THE QUEUE IS NOT TESTED: ${missing} ***\n`);

describe.skipIf(missing !== null)('NfQueue, with the kernel', () => {
  const children: ChildProcess[] = [];

  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  afterAll(tearDown);

  function start(namespace: string, task: Role, prefix: string[] = []): ChildProcess {
    const program = [process.execPath, PROGRAM, 'task'];
    const child = spawn('ip', ['netns', 'exec', namespace, ...prefix, ...program], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    children.push(child);
    child.send(task);
    return child;
  }

  const message = <T>(child: ChildProcess): Promise<T> =>
    new Promise((resolve, reject) => {
      child.once('message', (value) => resolve(value as T));
      child.once('exit', (code) => reject(new Error(`the process ended with ${code} and said nothing`)));
    });

  interface Report {
    packets: number;
    largestBatch: number;
    largestPacket: number;
    largestWire: number;
    skbInfo: number;
    rows: number[][];
    lines: { queue: number; portId: number; waiting: number; queueDropped: number; userDropped: number }[];
    linesAfterClose: unknown[];
  }

  interface Running {
    portId: number;
    receiveBufferBytes: number;
    pid: number;
    stop(): Promise<Report>;
  }

  async function startQueue(options: Partial<QueueOptions> = {}): Promise<Running> {
    const child = start(SERVER, { role: 'queue', options });
    const { portId, receiveBufferBytes } = await message<{ portId: number; receiveBufferBytes: number }>(child);
    const stop = async (): Promise<Report> => {
      child.send('stop');
      const report = await message<Report>(child);
      expect(report.linesAfterClose).toEqual([]);
      return report;
    };
    return { portId, receiveBufferBytes, pid: child.pid!, stop };
  }

  async function startEcho(): Promise<void> {
    await message(start(SERVER, { role: 'echo' }));
  }

  async function exchange(texts: string[], burst = 1): Promise<string[]> {
    const task: Role = { role: 'datagrams', host: SERVER_ADDRESS, texts, burst };
    return (await message<{ echoed: string[] }>(start(CLIENT, task))).echoed;
  }

  test('accepts and drops by verdict, in one batch and in every mixture, and keeps the order', async () => {
    await startEcho();
    const queue = await startQueue();
    // The pattern has runs of one and of many, of both kinds.
    const texts = Array.from({ length: 600 }, (_, i) => {
      const kind = (i * i) % 7 < 3 || i % 50 > 40 ? 'drop' : i % 11 === 0 ? 'mark' : 'pass';
      return `${kind} ${i}`;
    });
    const echoed = await exchange(texts, 100);
    expect(echoed).toEqual(texts.filter((text) => !text.startsWith('drop')));

    const report = await queue.stop();
    expect(report.packets).toBeGreaterThanOrEqual(600);
    expect(report.largestBatch).toBeGreaterThan(1);
    expect(report.lines).toMatchObject([
      { queue: QUEUE, portId: queue.portId, waiting: 0, queueDropped: 0, userDropped: 0 },
    ]);
  });

  test('a row says what the kernel knows of the packet', async () => {
    await startEcho();
    const queue = await startQueue();
    expect(queue.receiveBufferBytes).toBe(2 * 16 * 1024 * 1024);
    await exchange(['hello']);
    const { rows } = await queue.stop();
    const interfaceIndex = Number(inServer('cat', '/sys/class/net/veth0/ifindex'));
    const row = rows.find((columns) => columns[QUEUE_COLUMN.BYTES] === 20 + 8 + 5)!;
    expect(row[QUEUE_COLUMN.ID]).toBeGreaterThan(0);
    expect(row[QUEUE_COLUMN.WIRE_BYTES]).toBe(33);
    expect(row[QUEUE_COLUMN.HOOK]).toBe(1);
    expect(row[QUEUE_COLUMN.IN_INTERFACE]).toBe(interfaceIndex);
    expect(row[QUEUE_COLUMN.OUT_INTERFACE]).toBe(0);
    expect(row[QUEUE_COLUMN.HW_PROTOCOL]).toBe(0x0800);
    expect(row[QUEUE_COLUMN.MARK]).toBe(0);
  });

  test('a mark reaches the rules behind the queue', async () => {
    await startEcho();
    inServer('iptables', '-Z', 'INPUT');
    const queue = await startQueue();
    expect(await exchange(['mark 1', 'pass', 'mark 2', 'mark 3', 'pass'], 5)).toHaveLength(5);
    await queue.stop();
    const counters = inServer('iptables', '-L', 'INPUT', '-v', '-n', '-x');
    expect(counters).toMatch(/^\s*3\s+\d+ ACCEPT .*mark match 0x42/m);
  });

  test('1,000 datagrams, and nothing is lost', async () => {
    await startEcho();
    const queue = await startQueue();
    const texts = Array.from({ length: 1000 }, (_, i) => `pass ${i}`);
    expect(await exchange(texts, 50)).toEqual(texts);
    const report = await queue.stop();
    expect(report.lines).toMatchObject([{ queueDropped: 0, userDropped: 0 }]);
  });

  test('with the GSO flag segments arrive joined, without it one by one; the stream is the same', async () => {
    await startEcho();
    const transfer = async (flags: number, copyBytes?: number): Promise<Report> => {
      const queue = await startQueue(copyBytes === undefined ? { flags } : { flags, copyBytes });
      const task: Role = { role: 'transfer', host: SERVER_ADDRESS, bytes: 3_000_000 };
      const { digest, expected } = await message<{ digest: string; expected: string }>(start(CLIENT, task));
      expect(digest).toBe(expected);
      return queue.stop();
    };
    const joined = await transfer(QUEUE_FLAG.GSO);
    expect(joined.largestPacket).toBeGreaterThan(10_000);
    expect(joined.largestWire).toBe(joined.largestPacket);
    expect(joined.skbInfo & SKB_INFO.GSO).not.toBe(0);

    const single = await transfer(0);
    expect(single.largestPacket).toBeLessThanOrEqual(1500);
    expect(single.skbInfo & SKB_INFO.GSO).toBe(0);

    const cut = await transfer(QUEUE_FLAG.GSO, 128);
    expect(cut.largestPacket).toBe(128);
    expect(cut.largestWire).toBeGreaterThan(10_000);
  });

  test('a packet that does not fit its slot is cut, and still gets its verdict', async () => {
    await startEcho();
    const queue = await startQueue({ slotBytes: 600 });
    expect(await exchange(['x'.repeat(1000), 'pass'])).toHaveLength(2);
    const report = await queue.stop();
    expect(report.largestPacket).toBeLessThan(600);
    expect(report.largestWire).toBe(1028);
  });

  test('behind a verdict for a packet that the kernel has flushed, the queue goes on', async () => {
    await startEcho();
    const queue = await startQueue();
    await exchange([FLUSH]);
    expect(await exchange(['pass'])).toEqual(['pass']);
    await queue.stop();
  });

  interface Refusal {
    name: string;
    message: string;
    code: string;
    step: string;
    owner: { pid: number } | null;
  }

  test('a queue that is taken: the message names the process', async () => {
    const queue = await startQueue();
    const refusal = await message<Refusal>(start(SERVER, { role: 'open' }));
    expect(refusal).toMatchObject({ name: 'QueueError', code: 'EBUSY', step: 'bind', owner: { pid: queue.pid } });
    expect(refusal.message).toContain(`NFQUEUE ${QUEUE} is already taken by process ${queue.pid} (node)`);
    await queue.stop();
    expect(await message(start(SERVER, { role: 'open' }))).toEqual({ opened: true });
  });

  test.each([
    ['without CAP_NET_ADMIN', ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin']],
    ['as another user', ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']],
  ])('%s: the message says what is needed', async (_, prefix) => {
    const refusal = await message<Refusal>(start(SERVER, { role: 'open' }, prefix));
    expect(refusal).toMatchObject({ name: 'QueueError', code: 'EPERM', step: 'bind', owner: null });
    expect(refusal.message).toContain('run as root or with the capability CAP_NET_ADMIN');
  });

  test('misuse is an error and no crash', async () => {
    const child = start(SERVER, { role: 'misuse' });
    const result = await message<{
      heard: Record<string, string>;
      waitedMs: number;
      owner: unknown;
      pid: number;
      portIds: number[];
    }>(child);
    expect(result.heard).toEqual({
      'negative timeout': expect.stringContaining('RangeError'),
      'NaN timeout': expect.stringContaining('RangeError'),
      poll: 'no error: 0',
      timeout: 'no error: 0',
      count: expect.stringContaining('RangeError'),
      'unknown flags': expect.stringContaining('does not know one of the queue flags'),
      detached: expect.stringContaining('detached'),
      closed: expect.stringContaining('closed'),
    });
    expect(result.waitedMs).toBeGreaterThan(90);
    expect(result.waitedMs).toBeLessThan(10_000);
    // The second socket of a process has a port id that is not its pid.
    expect(result.portIds[0]).toBe(result.pid);
    expect(result.portIds[1]).not.toBe(result.pid);
    expect(result.owner).toEqual({ code: 'EBUSY', portId: result.portIds[1], pid: result.pid, command: 'node' });
  });

  test('the next batch is not to be had before the last one is decided', async () => {
    const child = start(SERVER, { role: 'forgetful' });
    await message(child);
    start(CLIENT, { role: 'datagrams', host: SERVER_ADDRESS, texts: ['one'], burst: 1 });
    expect(await message(child)).toEqual({ heard: expect.stringContaining('not been decided') });
  });
});
