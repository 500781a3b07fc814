import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type MetricsOptions, MetricsServer } from '../../../src/service/metrics/metrics-server.ts';
import { until } from '../../support/netns.ts';

let port: number;
let server: MetricsServer | null;
let logged: string;
const log = pino(
  { level: 'info' },
  {
    write(line) {
      logged += line;
    },
  },
);

beforeEach(async () => {
  server = null;
  logged = '';
  port = await freePort();
});
afterEach(() => server?.close());

async function listen(options: Partial<MetricsOptions> = {}): Promise<void> {
  server = new MetricsServer({ listen: { address: '127.0.0.1', port }, log, text: () => 'm 1\n', ...options });
  server.open();
  await until('it listens', () => logged.includes('metrics are at'));
}

const get = (path: string, init: RequestInit = {}): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`, init);

/** All that comes back for these bytes, until the server hangs up. */
const answerTo = (bytes: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.on('data', (part) => {
      text += part.toString();
    });
    // Whoever is hung up on may hear of it by a reset.
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });

test('GET /metrics is answered in the format that its type says', async () => {
  await listen();
  const response = await get('/metrics');
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(response.headers.get('connection')).toBe('close');
  expect(await response.text()).toBe('m 1\n');
  expect((await get('/metrics?name=m')).status).toBe(200);
});

test('nothing else is there', async () => {
  await listen();
  for (const path of ['/', '/metrics/', '/metricsx', '/../metrics%00']) expect((await get(path)).status).toBe(404);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD']) {
    const response = await get('/metrics', { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET']);
  }
});

test.each([
  ['a head over 8 KiB', `GET /metrics HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(9_000)}\r\n\r\n`, ' 431 '],
  ['what is no HTTP', '\x16\x03\x01\x00\xa5\x01\r\n\r\n', ' 400 '],
])('%s is refused', async (_, bytes, status) => {
  await listen();
  expect(await answerTo(bytes)).toContain(status);
  expect((await get('/metrics')).status).toBe(200);
});

test('who says nothing, or never comes to the end, is let go', async () => {
  await listen({ requestLimitMs: 100 });
  expect(await answerTo('')).not.toContain('200');
  expect(await answerTo('GET /metrics HTTP/1.1\r\nHost:')).not.toContain('200');
});

test('more than a few connections are hung up on, and places become free again', async () => {
  await listen({ requestLimitMs: 1_000 });
  const silent = await Promise.all(Array.from({ length: 40 }, () => answerTo('')));
  // The others never had a place.
  expect(silent.filter((answer) => answer.includes(' 408 '))).toHaveLength(8);
  expect((await get('/metrics')).status).toBe(200);
});

test('many who ask at once get one and the same text', async () => {
  let made = 0;
  let nowMs = 0;
  await listen({ nowMs: () => nowMs, text: () => `m ${++made}\n` });
  const texts = await Promise.all([0, 1, 2].map(async () => (await get('/metrics')).text()));
  expect(texts).toEqual(['m 1\n', 'm 1\n', 'm 1\n']);
  nowMs = 501;
  expect(await (await get('/metrics')).text()).toBe('m 2\n');
});

test('a mistake of ours is told and ends nothing', async () => {
  await listen({
    text: () => {
      throw new Error('a mistake');
    },
  });
  expect((await get('/metrics')).status).toBe(500);
  expect((await get('/metrics')).status).toBe(500);
  expect(logged).toContain('metrics cannot be told');
});

test('a port that somebody holds is told, and tried again', async () => {
  const other = createServer();
  await new Promise<void>((done) => other.listen(port, '127.0.0.1', done));
  server = new MetricsServer({ listen: { address: '127.0.0.1', port }, log, text: () => 'm 1\n', retryMs: 20 });
  server.open();
  await until('it is told', () => logged.includes(`no metrics yet: 127.0.0.1:${port}`));
  await closed(other);
  await until('it listens', () => logged.includes('metrics are at'));
  expect((await get('/metrics')).status).toBe(200);
  expect(logged.match(/no metrics yet/g)).toHaveLength(1);
});

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((done) => probe.listen(0, '127.0.0.1', done));
  const { port: free } = probe.address() as AddressInfo;
  await closed(probe);
  return free;
}

const closed = (one: Server): Promise<void> => new Promise((done) => void one.close(() => done()));
