import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DatagramOutput } from '../../src/output/datagram-output.ts';
import { EveLines } from '../../src/output/eve-lines.ts';
import { StreamOutput } from '../../src/output/stream-output.ts';

let folder: string;
let path: string;
let errors: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-socket-'));
  path = join(folder, 'events.sock');
  errors = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const onError = (error: Error): void => void errors.push(error.message);
const line = (n: number, bytes = 0): string => `{"event_type":"alert","n":${n},"x":"${'x'.repeat(bytes)}"}\n`;
const numbersIn = (text: string): number[] => Array.from(text.matchAll(/"n":(\d+)/g), ([, n]) => Number(n));

describe('a stream', () => {
  let server: Server | null = null;
  let readers: Socket[] = [];
  let received = '';
  const listen = async (isReading = true): Promise<void> => {
    received = '';
    readers = [];
    server = createServer((socket) => {
      readers.push(socket);
      socket.setEncoding('utf8').on('error', () => {});
      if (isReading) socket.on('data', (text: string) => (received += text));
    });
    server.listen(path);
    await once(server, 'listening');
  };
  const hangUp = async (): Promise<void> => {
    for (const reader of readers) reader.destroy();
    await new Promise((resolve) => server?.close(resolve));
    server = null;
  };
  afterEach(() => hangUp());

  test('carries lines in order, and those that came before its reader', async () => {
    const output = new StreamOutput({ socket: path, onError });
    output.write(line(1) + line(2));
    await vi.waitFor(() => expect(errors).toEqual([expect.stringContaining('ENOENT')]));
    await listen();
    await vi.waitFor(() => expect(numbersIn(received)).toEqual([1, 2]), 5_000);
    output.write(line(3));
    await output.close();
    await vi.waitFor(() => expect(numbersIn(received)).toEqual([1, 2, 3]));
    expect(output.lostLines).toBe(0);
  });

  test('a reader that is gone and back gets whole lines, and what is missing is counted', async () => {
    await listen();
    const output = new StreamOutput({ socket: path, onError });
    output.write(line(1));
    await vi.waitFor(() => expect(numbersIn(received)).toEqual([1]));
    await hangUp();
    await listen();
    for (let n = 2; n < 50; n++) output.write(line(n));
    await vi.waitFor(() => expect(numbersIn(received)).toContain(49), 5_000);
    await output.close();
    expect(received.startsWith('{')).toBe(true);
    expect(numbersIn(received).length + output.lostLines).toBe(48);
  });

  test('a reader that does not read costs lines and nothing else', async () => {
    await listen(false);
    const output = new StreamOutput({ socket: path, onError });
    await vi.waitFor(() => expect(readers).toHaveLength(1));
    for (let n = 0; n < 100; n++) output.write(line(n, 100_000));
    expect(output.lostLines).toBeGreaterThan(50);
    await output.close();
    const lost = output.lostLines;
    output.write(line(100));
    expect(output.lostLines).toBe(lost + 1);
  });
});

describe('datagrams', () => {
  const failure = (errno: number): Error => Object.assign(new Error(`errno ${errno}`), { errno });

  test('carry one line each to a real socket', async () => {
    const script =
      'import socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\ns.bind(sys.argv[1])\n' +
      'print("ready",flush=True)\nfor _ in range(3): print(repr(s.recv(65536)),flush=True)';
    const receiver = spawn('python3', ['-c', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    receiver.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
    await vi.waitFor(() => expect(printed).toBe('ready\n'), 10_000);
    const output = new DatagramOutput({ socket: path, onError });
    output.write(new EveLines(line(1) + line(2)));
    output.write(new EveLines(line(3)));
    await once(receiver, 'exit');
    expect(printed.split('\n').slice(1, 4)).toEqual([1, 2, 3].map((n) => `b'${line(n).trimEnd()}\\n'`));
    expect(output.lostLines).toBe(0);
    await output.close();
  });

  test('wait for a receiver that is full or away, within a bound', async () => {
    vi.useFakeTimers();
    const sent: string[] = [];
    let problem: Error | null = failure(constants.errno.ENOENT);
    const send = (_: string, text: string): void => {
      if (problem !== null) throw problem;
      sent.push(text);
    };
    const output = new DatagramOutput({ socket: path, onError, send });
    for (let n = 0; n < 20; n++) output.write(new EveLines(line(n, 100_000)));
    expect(output.lostLines).toBe(10);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(errors).toEqual([expect.stringContaining('errno')]);
    problem = failure(constants.errno.EAGAIN);
    await vi.advanceTimersByTimeAsync(3_000);
    problem = null;
    await vi.advanceTimersByTimeAsync(3_000);
    expect(sent.map((text) => numbersIn(text)[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(errors).toHaveLength(1);
    output.write(new EveLines(line(20)));
    await output.close();
    expect(sent).toHaveLength(11);
    expect(output.lostLines).toBe(10);
    vi.useRealTimers();
  });

  test('one that is too large is lost alone', async () => {
    const sent: string[] = [];
    const send = (_: string, text: string): void => {
      if (text.length > 1000) throw failure(constants.errno.EMSGSIZE);
      sent.push(text);
    };
    const output = new DatagramOutput({ socket: path, onError, send });
    output.write(new EveLines(line(1) + line(2, 1000) + line(3)));
    await vi.waitFor(() => expect(sent).toEqual([line(1), line(3)]));
    expect(output.lostLines).toBe(1);
    await output.close();
  });

  test('the system says why it refuses one', async () => {
    const output = new DatagramOutput({ socket: join(folder, 'absent.sock'), onError });
    output.write(new EveLines(line(1)));
    await vi.waitFor(() => expect(errors).toEqual(['No such file or directory']));
    await output.close();
    expect(output.lostLines).toBe(1);
  });
});
