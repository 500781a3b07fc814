import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ask } from '../../src/service/control-client.ts';
import { type ControlAnswer, MAX_REQUEST_BYTES } from '../../src/service/control-protocol.ts';
import { ControlServer } from '../../src/service/control-server.ts';

const log = pino({ level: 'silent' });
const LIMIT = { limitMs: 5_000 };

let folder: string;
let path: string;
let server: ControlServer | null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-socket-'));
  path = join(folder, 'control.sock');
  server = null;
});
afterEach(() => {
  server?.close();
  rmSync(folder, { recursive: true });
});

/** Answers each request with itself. */
async function listen(): Promise<void> {
  server = await ControlServer.claim(path, log);
  server.serve(async (request) => ({ status: 'ok', result: request }));
}

/** What comes back for these bytes, until the server hangs up or a line is there. */
const answerTo = (bytes: string): Promise<ControlAnswer> =>
  new Promise((resolve) => {
    const socket = connect(path, () => socket.write(bytes));
    let text = '';
    socket.on('data', (part) => {
      text += part.toString();
      if (!text.includes('\n')) return;
      resolve(JSON.parse(text) as ControlAnswer);
      socket.destroy();
    });
  });

test('what fails in the service is an answer, and ends nothing', async () => {
  server = await ControlServer.claim(path, log);
  server.serve(async () => {
    throw new Error('a mistake');
  });
  const failure = { status: 'failed', kind: 'machine', lines: ['the service could not do it: a mistake'] };
  expect(await ask(path, { command: 'status' }, LIMIT)).toEqual(failure);
  expect(await ask(path, { command: 'status' }, LIMIT)).toEqual(failure);
});

test('a request is answered, and those that come before the service is ready wait', async () => {
  server = await ControlServer.claim(path, log);
  const answer = ask(path, { command: 'reload', force: true }, LIMIT);
  setTimeout(() => server?.serve(async (request, { uid }) => ({ status: 'ok', result: { request, uid } })), 50);
  expect(await answer).toEqual({
    status: 'ok',
    result: { request: { command: 'reload', force: true }, uid: process.geteuid?.() },
  });
});

test('a path that is too long for a socket is refused, and nothing is made at what it would be cut off to', async () => {
  const longest = join(folder, 'x'.repeat(107 - folder.length - 1));
  path = `${longest}y`;
  await expect(listen()).rejects.toThrow(`${path}: the path of a socket has at most 107 bytes`);
  expect(readdirSync(folder)).toEqual([]);
  path = longest;
  await listen();
  expect(await ask(path, { command: 'status' }, LIMIT)).toMatchObject({ status: 'ok' });
});

test("the socket is its owner's alone", async () => {
  await listen();
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test.each([
  ['no JSON', 'status\n'],
  ['nothing', '\n'],
  ['an unknown command', '{"command":"explode"}\n'],
  ['a wrong argument', '{"command":"mode","mode":"maybe"}\n'],
  ['an argument too many', '{"command":"status","file":"/etc/shadow"}\n'],
])('%s is told', async (_, bytes) => {
  await listen();
  expect(await answerTo(bytes)).toMatchObject({ status: 'failed', kind: 'usage' });
});

test('a request that is too long is told, and not kept', async () => {
  await listen();
  const answer = await answerTo('x'.repeat(MAX_REQUEST_BYTES + 1));
  expect(answer).toMatchObject({ status: 'failed', lines: [expect.stringContaining('65536 bytes')] });
});

test('several requests on one connection are answered in their order', async () => {
  await listen();
  const lines = await new Promise<string[]>((resolve) => {
    let text = '';
    const socket = connect(path, () => socket.write('{"command":"status"}\n{"command":"stop"}\n'));
    socket.on('data', (part) => {
      text += part.toString();
      if (text.split('\n').length < 3) return;
      socket.destroy();
      resolve(text.trim().split('\n'));
    });
  });
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { status: 'ok', result: { command: 'status' } },
    { status: 'ok', result: { command: 'stop' } },
  ]);
});

test('a socket that is served belongs to another instance', async () => {
  await listen();
  await expect(ControlServer.claim(path, log)).rejects.toThrow(`already running: process ${process.pid} answers at`);
  expect(await ask(path, { command: 'status' }, LIMIT)).toMatchObject({ status: 'ok' });
});

test('a socket that nobody serves any more is replaced', async () => {
  const dead = createServer();
  await new Promise<void>((resolve) => dead.listen(join(folder, 'dead'), resolve));
  const { linkSync } = await import('node:fs');
  linkSync(join(folder, 'dead'), path);
  await new Promise<void>((resolve) => void dead.close(() => resolve()));
  expect(await ask(path, { command: 'status' }, LIMIT)).toMatchObject({
    status: 'failed',
    kind: 'absent',
    lines: [expect.stringContaining('it ended without removing')],
  });
  await listen();
  expect(await ask(path, { command: 'status' }, LIMIT)).toMatchObject({ status: 'ok' });
});

test('a socket that somebody removes is made again, when its folder can be', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    await listen();
    rmSync(folder, { recursive: true });
    expect(await ask(path, { command: 'status' }, LIMIT)).toMatchObject({ kind: 'absent' });
    writeFileSync(folder, 'in its place');
    await vi.advanceTimersByTimeAsync(10_000);
    rmSync(folder);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await ask(path, { command: 'status' }, LIMIT)).toMatchObject({ status: 'ok' });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    server?.close();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    vi.useRealTimers();
  }
});

test('a file that is no socket stays', async () => {
  writeFileSync(path, 'mine');
  await expect(ControlServer.claim(path, log)).rejects.toThrow('is there and is no socket');
});

test('a folder in which others may write is not taken', async () => {
  chmodSync(folder, 0o777);
  await expect(ControlServer.claim(path, log)).rejects.toThrow('chmod 700');
});

test('nobody there, and no answer, are told', async () => {
  expect(await ask(path, { command: 'status' }, LIMIT)).toMatchObject({
    kind: 'absent',
    lines: [expect.stringContaining('not running')],
  });
  server = await ControlServer.claim(path, log);
  expect(await ask(path, { command: 'status' }, { limitMs: 50 })).toMatchObject({
    kind: 'absent',
    lines: [expect.stringContaining('did not answer')],
  });
});

test('the end of the service is seen by whoever waits for it', async () => {
  await listen();
  const stopped = ask(path, { command: 'stop' }, { ...LIMIT, untilClosed: true });
  setTimeout(() => server?.close(), 50);
  expect(await stopped).toEqual({ status: 'ok', result: { command: 'stop' } });
});
