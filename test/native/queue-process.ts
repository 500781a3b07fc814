/**
 * A process for a network namespace of its own; `queue.test.ts` starts it there and talks to it by messages. The first
 * argument is its role: `queue` answers packets by what they say, `echo` is the server behind, `client` sends.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  MAX_COPY_BYTES,
  NF_ACCEPT,
  NF_DROP,
  NfQueue,
  QUEUE_COLUMN,
  QUEUE_COLUMNS,
  QueueError,
  type QueueOptions,
  SLOT_OVERHEAD_BYTES,
} from '../../src/base/native/queue.ts';
import { readQueueStatistics } from '../../src/base/native/queue-statistics.ts';

const PORT = 7777;
/** What the packets of a datagram that begins with "mark" are marked with. */
export const MARK = 0x42;
/** A datagram that begins with it makes the queue's process flush the kernel's queue before the verdict. */
export const FLUSH = 'flush';

const CAPACITY = 64;
const SLOT_BYTES = MAX_COPY_BYTES + SLOT_OVERHEAD_BYTES;
const IP_BYTES = 20;
const UDP_BYTES = 8;
const PROTOCOL = 9;
const UDP = 17;

function queueOptions(changes: Partial<QueueOptions>): QueueOptions {
  return {
    queue: 3,
    maxLength: 8192,
    copyBytes: MAX_COPY_BYTES,
    receiveBufferBytes: 16 * 1024 * 1024,
    flags: 0,
    capacity: CAPACITY,
    slotBytes: SLOT_BYTES,
    bytes: new Uint8Array(CAPACITY * SLOT_BYTES),
    rows: new Uint32Array(CAPACITY * QUEUE_COLUMNS),
    verdicts: new Uint8Array(CAPACITY),
    marks: new Uint32Array(CAPACITY),
    ...changes,
  };
}

const send = (message: unknown): void => {
  process.send!(message);
};
/** The last words of the process: it ends when they are out. */
const sendLast = (message: unknown): void => {
  process.send!(message, () => process.exit());
};

/** Answers until it is told to stop; then reports what it has seen. */
async function runQueue(changes: Partial<QueueOptions>): Promise<void> {
  const options = queueOptions(changes);
  const queue = new NfQueue(options);
  let isStopped = false;
  process.on('message', () => {
    isStopped = true;
  });
  send({ ready: true, portId: queue.portId, receiveBufferBytes: queue.receiveBufferBytes });

  const seen = { packets: 0, largestBatch: 0, largestPacket: 0, largestWire: 0, skbInfo: 0, rows: [] as number[][] };
  while (!isStopped) {
    const count = queue.receive(20);
    for (let row = 0; row < count; row++) {
      const columns = options.rows.subarray(row * QUEUE_COLUMNS, (row + 1) * QUEUE_COLUMNS);
      seen.largestPacket = Math.max(seen.largestPacket, columns[QUEUE_COLUMN.BYTES]!);
      seen.largestWire = Math.max(seen.largestWire, columns[QUEUE_COLUMN.WIRE_BYTES]!);
      seen.skbInfo |= columns[QUEUE_COLUMN.SKB_INFO]!;
      if (seen.rows.length < 4) seen.rows.push([...columns]);
      answer(options, row, textOf(options.bytes, columns));
    }
    seen.packets += count;
    seen.largestBatch = Math.max(seen.largestBatch, count);
    queue.decide(count);
    // Blocking is the point; but let the message to stop come in.
    await sleep(0);
  }
  const lines = readQueueStatistics();
  queue.close();
  queue.close();
  sendLast({ ...seen, lines, linesAfterClose: readQueueStatistics() });
}

function textOf(bytes: Uint8Array, columns: Uint32Array): string {
  const start = columns[QUEUE_COLUMN.START]!;
  if (bytes[start + PROTOCOL] !== UDP) return '';
  return Buffer.from(bytes.subarray(start + IP_BYTES + UDP_BYTES, start + columns[QUEUE_COLUMN.BYTES]!)).toString();
}

function answer(options: QueueOptions, row: number, text: string): void {
  options.verdicts[row] = text.startsWith('drop') ? NF_DROP : NF_ACCEPT;
  options.marks[row] = text.startsWith('mark') ? MARK : 0;
  // The kernel drops what waits when the device goes down.
  if (text.startsWith(FLUSH)) {
    execFileSync('ip', ['link', 'set', 'dev', 'veth0', 'down']);
    execFileSync('ip', ['link', 'set', 'dev', 'veth0', 'up']);
  }
}

/** What a program of ours must not do, and what it hears when it does. */
function misuse(): void {
  const heard: Record<string, string> = {};
  const listen = (name: string, act: () => unknown): void => {
    try {
      heard[name] = `no error: ${act()}`;
    } catch (error) {
      heard[name] = String(error);
    }
  };
  const first = new NfQueue(queueOptions({ queue: 10 }));
  const options = queueOptions({ queue: 11 });
  const second = new NfQueue(options);
  listen('negative timeout', () => second.receive(-1));
  listen('NaN timeout', () => second.receive(Number.NaN));
  listen('poll', () => second.receive(0));
  const started = performance.now();
  listen('timeout', () => second.receive(100));
  const waitedMs = performance.now() - started;
  listen('count', () => second.decide(1));
  listen('unknown flags', () => new NfQueue(queueOptions({ queue: 12, flags: 1 << 20 })));
  let owner: unknown = null;
  try {
    new NfQueue(queueOptions({ queue: 11 }));
  } catch (error) {
    owner = error instanceof QueueError ? { code: error.code, ...error.owner } : String(error);
  }
  structuredClone(null, { transfer: [options.rows.buffer as ArrayBuffer] });
  listen('detached', () => second.receive(0));
  second.close();
  listen('closed', () => second.receive(0));
  const free = new NfQueue(queueOptions({ queue: 11 }));
  sendLast({ heard, waitedMs, owner, pid: process.pid, portIds: [first.portId, second.portId, free.portId] });
}

/** Opens the queue, tells how that went, and ends. */
function tryOpen(changes: Partial<QueueOptions>): void {
  try {
    new NfQueue(queueOptions(changes));
    sendLast({ opened: true });
  } catch (error) {
    const { name, message, code, step, owner } = error as QueueError;
    sendLast({ name, message, code, step, owner });
  }
}

/** Packets that wait in the socket are more than one batch; nobody may ask for the next before this one is decided. */
async function runForgetful(): Promise<void> {
  const options = queueOptions({});
  const queue = new NfQueue(options);
  send({ ready: true });
  while (queue.receive(20) === 0) await sleep(0);
  let heard = '';
  try {
    queue.receive(0);
  } catch (error) {
    heard = String(error);
  }
  sendLast({ heard });
}

function runEcho(): void {
  const udp = createSocket('udp4');
  udp.on('message', (message, from) => udp.send(message, from.port, from.address));
  const tcp = createServer((socket) => {
    const hash = createHash('sha256');
    socket.on('data', (chunk) => hash.update(chunk));
    socket.on('end', () => socket.end(hash.digest('hex')));
  });
  udp.bind(PORT, () => tcp.listen(PORT, () => send({ ready: true })));
}

/** On a busy machine a datagram may take its time; one that nobody dropped is waited for as long. */
const PATIENCE_MS = 5000;
/** Then, for those that should not come. */
const QUIET_MS = 150;
const POLL_MS = 10;
/** A socket's buffer holds some 250 small datagrams; more on their way would be lost there, and not by the queue. */
const MAX_ON_THEIR_WAY = 120;

/** Sends the datagrams `burst` at a time, and reports those that came back. Those named `drop` will not. */
async function runDatagrams(host: string, texts: string[], burst: number): Promise<void> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
  const echoed: string[] = [];
  socket.on('message', (message) => echoed.push(message.toString()));
  let expected = 0;
  const waitFor = async (count: number): Promise<void> => {
    for (let waitedMs = 0; echoed.length < count && waitedMs < PATIENCE_MS; waitedMs += POLL_MS) await sleep(POLL_MS);
  };
  for (let at = 0; at < texts.length; at += burst) {
    await waitFor(expected - MAX_ON_THEIR_WAY);
    for (const text of texts.slice(at, at + burst)) {
      socket.send(text, PORT, host);
      if (!text.startsWith('drop') && text !== FLUSH) expected++;
    }
    await sleep(1);
  }
  await waitFor(expected);
  await sleep(QUIET_MS);
  socket.close();
  sendLast({ echoed });
}

function runTransfer(host: string, bytes: number): void {
  const content = Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => (i * i) >>> 7));
  const socket = connect(PORT, host, () => socket.end(content));
  let digest = '';
  socket.on('data', (chunk) => {
    digest += chunk;
  });
  socket.on('close', () => {
    sendLast({ digest, expected: createHash('sha256').update(content).digest('hex') });
  });
}

export type Role =
  | { role: 'queue' | 'open'; options?: Partial<QueueOptions> }
  | { role: 'misuse' | 'forgetful' | 'echo' }
  | { role: 'datagrams'; host: string; texts: string[]; burst: number }
  | { role: 'transfer'; host: string; bytes: number };

function run(task: Role): void | Promise<void> {
  switch (task.role) {
    case 'queue':
      return runQueue(task.options ?? {});
    case 'open':
      return tryOpen(task.options ?? {});
    case 'misuse':
      return misuse();
    case 'forgetful':
      return runForgetful();
    case 'echo':
      return runEcho();
    case 'datagrams':
      return runDatagrams(task.host, task.texts, task.burst);
    case 'transfer':
      return runTransfer(task.host, task.bytes);
  }
}

// The test imports this file for its types and constants; only a child with a channel gets a task.
if (process.argv[2] === 'task') process.once('message', (task) => void run(task as Role));
