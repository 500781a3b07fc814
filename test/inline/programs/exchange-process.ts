/**
 * One side of exchanges, which come as lines of JSON on standard input: each side says its turns once it has heard what
 * comes before them. The client begins. What was heard is told on standard output; `end` forgets all that is open.
 */
import { createSocket } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../../src/base/direction.ts';
import type { Exchange } from '../exchanges.ts';

export interface ExchangeOrder extends Pick<Exchange, 'transport' | 'port' | 'pieceBytes'> {
  readonly clientPort: number;
  readonly turns: readonly { readonly direction: Direction; readonly base64: string }[];
}

const [side, address = '', ...places] = process.argv.slice(2);
const MINE: Direction = side === 'client' ? TO_SERVER : TO_CLIENT;
/** Exchanges by the client's port; the connection of one may be there before its order. */
const orders = new Map<number, ExchangeOrder>();
const waiting = new Map<number, () => void>();
const open = new Set<{ destroy(): void }>();

/** This side of one exchange. */
class Talk {
  readonly #order: ExchangeOrder;
  readonly #send: (bytes: Buffer) => void;
  readonly #turns: { readonly direction: Direction; readonly bytes: Buffer }[];
  #heardBytes = 0;
  #expectedBytes = 0;

  constructor(order: ExchangeOrder, send: (bytes: Buffer) => void) {
    this.#order = order;
    this.#send = send;
    this.#turns = order.turns.map(({ direction, base64 }) => ({ direction, bytes: Buffer.from(base64, 'base64') }));
    void this.#goOn();
  }

  hear(data: Buffer): void {
    this.#heardBytes += data.length;
    process.stdout.write(`heard ${this.#order.clientPort} ${1 - MINE} ${this.#heardBytes}\n`);
    const [next] = this.#turns;
    if (next !== undefined && next.direction !== MINE) void this.#goOn();
  }

  async #goOn(): Promise<void> {
    for (let [turn] = this.#turns; turn !== undefined; this.#turns.shift(), [turn] = this.#turns) {
      const { direction, bytes } = turn;
      if (direction !== MINE) {
        if (this.#heardBytes < this.#expectedBytes + bytes.length) return;
        this.#expectedBytes += bytes.length;
        continue;
      }
      const stepBytes = this.#order.transport === 'udp' ? bytes.length : this.#order.pieceBytes;
      for (let at = 0; at < bytes.length; at += stepBytes) {
        this.#send(bytes.subarray(at, at + stepBytes));
        await nextTurn();
      }
    }
  }
}

function talkOver(socket: Socket, order: ExchangeOrder): void {
  open.add(socket);
  socket.setNoDelay(true);
  socket.on('error', () => {}).on('close', () => open.delete(socket));
  const talk = new Talk(order, (bytes) => socket.write(bytes));
  socket.on('data', (data) => talk.hear(data));
}

function begin(order: ExchangeOrder): void {
  const { transport, port, clientPort } = order;
  if (transport === 'tcp') {
    const socket = connect({ host: address, port, localPort: clientPort });
    socket.on('error', () => {});
    socket.once('connect', () => talkOver(socket, order));
    return;
  }
  const socket = createSocket('udp4');
  open.add({ destroy: () => socket.close() });
  socket.bind(clientPort, () => {
    const talk = new Talk(order, (bytes) => socket.send(bytes, port, address));
    socket.on('message', (data) => talk.hear(data));
  });
}

function whenOrdered(clientPort: number, act: (order: ExchangeOrder) => void): void {
  const order = orders.get(clientPort);
  if (order !== undefined) act(order);
  else waiting.set(clientPort, () => act(orders.get(clientPort)!));
}

function listen(transport: string, port: number, done: () => void): void {
  if (transport === 'tcp') {
    createServer((socket) => whenOrdered(socket.remotePort!, (order) => talkOver(socket, order))).listen(
      port,
      address,
      done,
    );
    return;
  }
  const socket = createSocket('udp4');
  const talks = new Map<number, Talk>();
  socket.on('message', (data, { port: clientPort, address: client }) =>
    whenOrdered(clientPort, (order) => {
      const talk = talks.get(clientPort) ?? new Talk(order, (bytes) => socket.send(bytes, clientPort, client));
      talks.set(clientPort, talk);
      talk.hear(data);
    }),
  );
  socket.bind(port, address, done);
}

if (side === 'server') {
  let left = places.length;
  for (const place of places) {
    const [transport = '', port] = place.split(' ');
    listen(transport, Number(port), () => --left === 0 && process.stdout.write('listening\n'));
  }
}
createInterface({ input: process.stdin })
  .on('line', (line) => {
    if (line === 'end') {
      for (const socket of open) socket.destroy();
      open.clear();
      orders.clear();
      waiting.clear();
      return;
    }
    const order = JSON.parse(line) as ExchangeOrder;
    if (side === 'client') {
      begin(order);
      return;
    }
    orders.set(order.clientPort, order);
    waiting.get(order.clientPort)?.();
  })
  .on('close', () => process.exit());
