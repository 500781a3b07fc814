/**
 * Opens many connections to a web server, each with a request, and keeps them. Started by `make bench` in the client's
 * namespace with its settings as JSON; says `open` when all are. For each line of its input it asks on every tenth of
 * them again and again, and prints what it has measured. It closes when its input ends.
 */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

export interface HolderSettings {
  /** The client's address, of which it may have several; null: the usual one. */
  readonly source: string | null;
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
}

/** What `make bench` reads. */
export interface OpenConnectionsResult {
  readonly perSecond: number;
  readonly p99Ms: number;
}

/** Fewer than the server's backlog. */
const OPENED_AT_A_TIME = 128;
const ASKED_SHARE = 10;
/** Requests under way, on as many connections in turn. */
const ASKED_AT_A_TIME = 32;

const settings = JSON.parse(process.argv[2]!) as HolderSettings;
const request = `GET ${settings.path} HTTP/1.1\r\nHost: ${settings.host}\r\n\r\n`;
const from = settings.source === null ? {} : { localAddress: settings.source };
let answerBytes = 0;

await main();

async function main(): Promise<void> {
  const sockets: Socket[] = [];
  const opening = async (): Promise<void> => {
    while (sockets.length < settings.connections) {
      const socket = connect({ port: settings.port, host: settings.host, ...from });
      sockets.push(socket);
      await ask(socket);
    }
  };
  await opening();
  await Promise.all(Array.from({ length: OPENED_AT_A_TIME }, opening));
  console.log('open');
  for await (const _ of createInterface({ input: process.stdin })) console.log(JSON.stringify(await askAgain(sockets)));
  // With a FIN, ports of the client would stay in use for a minute.
  for (const socket of sockets) socket.resetAndDestroy();
  await new Promise(setImmediate);
  process.exit(0);
}

async function askAgain(sockets: readonly Socket[]): Promise<OpenConnectionsResult> {
  const asked = sockets.filter((_, at) => at % ASKED_SHARE === 0);
  const timesMs: number[] = [];
  const endMs = performance.now() + settings.seconds * 1000;
  let next = 0;
  const asking = async (): Promise<void> => {
    while (performance.now() < endMs) {
      const socket = asked[next++ % asked.length]!;
      const startMs = performance.now();
      await ask(socket);
      timesMs.push(performance.now() - startMs);
    }
  };
  await Promise.all(Array.from({ length: Math.min(ASKED_AT_A_TIME, asked.length) }, asking));
  timesMs.sort((a, b) => a - b);
  return {
    perSecond: timesMs.length / settings.seconds,
    p99Ms: timesMs[Math.floor(timesMs.length * 0.99)] ?? 0,
  };
}

/** One request and its answer. All answers have as many bytes as the first one, which is looked at more closely. */
function ask(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = '';
    let receivedBytes = 0;
    const done = (error: Error | null): void => {
      socket.removeAllListeners();
      socket.on('error', () => {});
      if (error === null) resolve();
      else reject(error);
    };
    socket.on('data', (chunk: Buffer) => {
      receivedBytes += chunk.length;
      if (answerBytes === 0) {
        received += chunk.toString('latin1');
        answerBytes = wholeBytes(received);
      }
      if (receivedBytes === answerBytes) done(null);
    });
    socket.on('error', done);
    socket.on('close', () => done(new Error('the server closed a connection')));
    socket.write(request);
  });
}

/** Of an answer whose head is there; else 0. */
function wholeBytes(answer: string): number {
  const headEnd = answer.indexOf('\r\n\r\n');
  const length = /^content-length: (\d+)/im.exec(answer)?.[1];
  return headEnd < 0 || length === undefined ? 0 : headEnd + 4 + Number(length);
}
