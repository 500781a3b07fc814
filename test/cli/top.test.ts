import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ratesBetween, type TopSample, topLines } from '../../src/cli/top-view.ts';
import { failed } from '../../src/service/control-protocol.ts';
import { ControlServer } from '../../src/service/control-server.ts';
import { vpatch } from '../support/command-line.ts';
import { STATUS } from '../support/service-status.ts';
import { PROGRAM } from '../support/vpatch-process.ts';

const EVENTS = {
  seconds: 300,
  rules: [
    { label: '1:9000001 Log4Shell \u001b[31m', events: 1_200, blocked: 1_100 },
    { label: 'tcp.syn_fin', events: 7, blocked: 7 },
  ],
  sources: [{ label: '2001:0db8:0000:0000:0000:0000:0000:0001', events: 1_207, blocked: 1_107 }],
};
const BEFORE: TopSample = { timeMs: 1_000, status: STATUS, events: EVENTS };

/** Two seconds later. */
const after = (traffic: Partial<typeof STATUS.traffic>, more: Partial<typeof STATUS> = {}): TopSample => ({
  timeMs: 3_000,
  status: { ...STATUS, traffic: { ...STATUS.traffic, ...traffic }, ...more },
  events: EVENTS,
});

describe('the view', () => {
  test('shows what happened in each second, and how long packets waited then', () => {
    const { traffic, latency } = STATUS;
    const buckets = latency.buckets.map((bucket, at) => ({ ...bucket, packets: bucket.packets + [198, 0, 2][at]! }));
    const now = after(
      { packets: traffic.packets + 200, bytes: traffic.bytes + 250_000, dropped: traffic.dropped + 4 },
      { latency: { ...latency, buckets } },
    );
    const rates = ratesBetween(BEFORE, now);
    expect(rates).toMatchObject({ packets: 100, bits: 1_000_000, dropped: 2, alerts: 0, p50Ms: 0.064, p99Ms: 0.064 });
    const text = topLines(now, rates, { columns: 200, rows: null }).join('\n');
    expect(text).toContain('100 packets/s   1 Mbit/s');
    expect(text).toContain('99 % within 0.064 ms now');
    expect(text).toMatch(/^ {4}1,200 {4}1,100 {2}1:9000001 Log4Shell \\x1b\[31m$/m);
    expect(text).toMatch(/^ {4}1,207 {4}1,107 {2}2001:db8::1$/m);
    expect(text).toContain('LAST 5 MINUTES');
  });

  test('a service that was started again counts from its start', () => {
    const again = after({ packets: 50 }, { startedAt: '2026-11-22T11:00:00.000Z' });
    expect(ratesBetween(BEFORE, again).packets).toBe(25);
    expect(ratesBetween(BEFORE, after({ packets: 0 })).packets).toBe(0);
    expect(ratesBetween(BEFORE, after({})).p99Ms).toBeNull();
  });

  test('fits into the terminal', () => {
    const many = {
      ...EVENTS,
      rules: Array.from({ length: 100 }, (_, i) => ({ label: `1:${i} rule`, events: 1, blocked: 0 })),
    };
    const lines = topLines({ ...BEFORE, events: many }, ratesBetween(BEFORE, BEFORE), { columns: 60, rows: 40 });
    expect(lines.length).toBeLessThan(40);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
    expect(lines.filter((line) => line.includes(' rule')).length).toBeGreaterThan(10);
  });

  test('does not pass off what the kernel does not say as 0', () => {
    const unknown = { queue: 1, isInspecting: true, waiting: null, overflowed: null, beyondSocket: null };
    const now = after({}, { queues: [...STATUS.queues, unknown] });
    expect(topLines(now, ratesBetween(BEFORE, now), { columns: 200, rows: null }).join('\n')).toContain(
      '0: 2 waiting, 0 overflowed   1: the kernel says nothing of it',
    );
  });

  test('says when nothing is inspected', () => {
    const { interception } = STATUS;
    const blind = after({}, { interception: { ...interception, isActive: false } });
    expect(topLines(blind, ratesBetween(BEFORE, blind), { columns: 200, rows: null }).join('\n')).toContain(
      'NOT INSPECTING: traffic passes uninspected',
    );
  });
});

describe('vpatch top', () => {
  let folder: string;
  let path: string;
  let server: ControlServer | null = null;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vpatch-top-'));
    path = join(folder, 'control.sock');
  });
  afterEach(() => {
    server?.close();
    server = null;
    rmSync(folder, { recursive: true });
  });
  const serve = async (): Promise<void> => {
    server = await ControlServer.claim(path, pino({ level: 'silent' }));
    server.serve(async (request) =>
      request.command === 'top'
        ? { status: 'ok', result: { status: STATUS, events: EVENTS } }
        : failed('usage', 'what?'),
    );
  };
  const top = (...args: readonly string[]) => vpatch('top', '--control', path, '--interval', '250ms', ...args);

  test('prints one view where the output is no terminal', async () => {
    await serve();
    const { exitCode, stdout } = await top();
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^vpatch 1\.2\.3 {3}PREVENT mode/);
    expect(stdout).toContain('1:9000001 Log4Shell');
    expect(stdout).not.toContain('\u001b');
  });

  test('prints it as JSON', async () => {
    await serve();
    expect(JSON.parse((await top('--json')).stdout)).toMatchObject({
      rates: { packets: 0 },
      events: { sources: [{ events: 1_207 }] },
      status: { mode: 'prevent' },
    });
  });

  test('says that no service runs', async () => {
    expect(await top()).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('vpatch is not running') });
    expect((await vpatch('top', '--interval', '1')).exitCode).toBe(2);
  });

  /** Runs it in a terminal of its own, which python's standard library has and Node's has not. */
  const TERMINAL = `
import fcntl, os, pty, struct, sys, termios
pid, fd = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 100, 0, 0))
before = termios.tcgetattr(fd)
seen, keys, asked = b'', os.environ['KEYS'].encode(), False
while True:
    try: part = os.read(fd, 65536)
    except OSError: break
    if not part: break
    seen += part
    if b'SOURCES' in seen and not asked:
        asked = True
        raw = not termios.tcgetattr(fd)[3] & termios.ICANON
        os.write(fd, keys)
after = termios.tcgetattr(fd)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(repr((status, raw, after == before, seen.startswith(b'\\x1b[?1049h'), seen.endswith(b'\\x1b[?25h\\x1b[?1049l'))))
`;

  test.each([
    ['q', 'q'],
    ['Ctrl-C', '\u0003'],
  ])('at a terminal goes on until %s, and leaves it as it was', async (_, keys) => {
    await serve();
    const args = ['-c', TERMINAL, process.execPath, PROGRAM, 'top', '--control', path, '--interval', '250ms'];
    const child = spawn('python3', args, {
      env: { ...process.env, KEYS: keys, TERM: 'xterm' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    await once(child, 'close');
    await vi.waitFor(() => expect(printed).toBe('(0, True, True, True, True)\n'));
  });
});
