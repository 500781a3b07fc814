import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Turn } from '../../src/patches/conversation.ts';
import type { Transcript } from '../../src/patches/transcript.ts';
import { type Testbed, until } from '../support/netns.ts';

/** What both sides say over one connection of the kernel's, in pieces of so many bytes. */
export interface Exchange {
  readonly transport: Transcript['transport'];
  readonly port: number;
  readonly turns: readonly Turn[];
  readonly pieceBytes: number;
}

export interface Exchanged {
  /** The client's port: what events call the connection by. */
  readonly clientPort: number;
  /** Each side has heard all that the other had to say. */
  readonly isWhole: boolean;
}

/**
 * When nobody has heard anything for so long, what is not whole will not be: longer than the kernel waits to send
 * again.
 */
const QUIET_MS = 2_500;
const FIRST_CLIENT_PORT = 20_000;

/** Runs exchanges between programs in both namespaces, which use ordinary sockets. */
export class Exchanges {
  readonly #testbed: Testbed;
  readonly #sides: readonly ChildProcess[];
  readonly #heard = new Map<string, number>();
  #isListening = false;
  #lastHeardMs = 0;
  #nextPort = FIRST_CLIENT_PORT;

  private constructor(testbed: Testbed, ports: readonly string[]) {
    this.#testbed = testbed;
    const { server } = testbed.addresses;
    this.#sides = (['server', 'client'] as const).map((side) =>
      testbed.start(side, process.execPath, ['-e', SCRIPT, side, server[4], ...ports], {
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );
    for (const side of this.#sides) createInterface({ input: side.stdout! }).on('line', (line) => this.#onLine(line));
  }

  /** With a server on each of the ports, such as `tcp 80`. */
  static async start(testbed: Testbed, ports: Iterable<string>): Promise<Exchanges> {
    await testbed.ready();
    const exchanges = new Exchanges(testbed, [...new Set(ports)]);
    await until('the servers listen', () => exchanges.#isListening);
    return exchanges;
  }

  /** All at once; results are in the order of the exchanges. */
  async play(list: readonly Exchange[]): Promise<Exchanged[]> {
    const ports = list.map(() => this.#nextPort++);
    this.#heard.clear();
    for (const [at, { transport, port, turns, pieceBytes }] of list.entries()) {
      const said = turns.map(({ direction, bytes }) => [direction, Buffer.from(bytes).toString('base64')]);
      const order = JSON.stringify({ transport, port, clientPort: ports[at], turns: said, pieceBytes });
      for (const side of this.#sides) side.stdin!.write(`${order}\n`);
    }
    const isWhole = ({ turns }: Exchange, at: number): boolean =>
      ([0, 1] as const).every((direction) => {
        const said = turns.reduce((sum, turn) => sum + (turn.direction === direction ? turn.bytes.length : 0), 0);
        return said === 0 || this.#heard.get(`${ports[at]} ${direction}`) === said;
      });
    this.#lastHeardMs = performance.now();
    const isOver = (): boolean => list.every(isWhole) || performance.now() - this.#lastHeardMs > QUIET_MS;
    await until('the exchanges are over', isOver, MAX_PLAY_MS);
    const results = list.map((exchange, at) => ({ clientPort: ports[at]!, isWhole: isWhole(exchange, at) }));
    for (const side of this.#sides) side.stdin!.write('end\n');
    this.#testbed.closeConnections();
    return results;
  }

  close(): void {
    for (const side of this.#sides) side.kill('SIGKILL');
  }

  /** `heard PORT DIRECTION BYTES`, counted from the beginning of the exchange. */
  #onLine(line: string): void {
    const [what, port = '', direction = '', bytes = ''] = line.split(' ');
    if (what === 'listening') this.#isListening = true;
    if (what !== 'heard') return;
    this.#heard.set(`${port} ${direction}`, Number(bytes));
    this.#lastHeardMs = performance.now();
  }
}

const MAX_PLAY_MS = 60_000;

/** Both sides: each says its turns once it has heard what comes before them. The client begins. */
const SCRIPT = `
  const [side, address, ...ports] = process.argv.slice(1);
  const { createServer, connect } = require('net');
  const { createSocket } = require('dgram');
  const mine = side === 'client' ? 0 : 1;
  const orders = new Map();
  const waiting = new Map();
  const open = new Set();

  class Talk {
    constructor(order, send) {
      this.turns = order.turns.map(([direction, text]) => ({ direction, bytes: Buffer.from(text, 'base64') }));
      Object.assign(this, { order, send, heard: 0, expected: 0 });
      void this.go();
    }
    async go() {
      for (; this.turns.length > 0; this.turns.shift()) {
        const { direction, bytes } = this.turns[0];
        if (direction !== mine) {
          if (this.heard < this.expected + bytes.length) return;
          this.expected += bytes.length;
          continue;
        }
        const step = this.order.transport === 'udp' ? bytes.length : this.order.pieceBytes;
        for (let at = 0; at < bytes.length; at += step) {
          this.send(bytes.subarray(at, at + step));
          await new Promise(setImmediate);
        }
      }
    }
    hear(data) {
      this.heard += data.length;
      process.stdout.write('heard ' + this.order.clientPort + ' ' + (1 - mine) + ' ' + this.heard + '\\n');
      if (this.turns.length > 0 && this.turns[0].direction !== mine) void this.go();
    }
  }

  function over(socket, order) {
    open.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
    const talk = new Talk(order, (bytes) => socket.write(bytes));
    socket.on('data', (data) => talk.hear(data));
  }

  function order(order) {
    const { transport, port, clientPort } = order;
    if (side === 'server') {
      orders.set(clientPort, order);
      waiting.get(clientPort)?.();
    } else if (transport === 'tcp') {
      const socket = connect({ host: address, port, localPort: clientPort });
      socket.on('error', () => {});
      socket.once('connect', () => over(socket, order));
    } else {
      const socket = createSocket('udp4');
      open.add({ destroy: () => socket.close() });
      socket.bind(clientPort, () => {
        const talk = new Talk(order, (bytes) => socket.send(bytes, port, address));
        socket.on('message', (data) => talk.hear(data));
      });
    }
  }

  function known(clientPort, then) {
    if (orders.has(clientPort)) then(orders.get(clientPort));
    else waiting.set(clientPort, () => then(orders.get(clientPort)));
  }

  function listen(place, done) {
    const [transport, port] = place.split(' ');
    if (transport === 'tcp') {
      createServer((socket) => known(socket.remotePort, (order) => over(socket, order))).listen(port, address, done);
      return;
    }
    const socket = createSocket('udp4');
    const talks = new Map();
    socket.on('message', (data, { port: clientPort, address: from }) => known(clientPort, (order) => {
      if (!talks.has(clientPort)) talks.set(clientPort, new Talk(order, (bytes) => socket.send(bytes, clientPort, from)));
      talks.get(clientPort).hear(data);
    }));
    socket.bind(port, address, done);
  }

  let left = side === 'server' ? ports.length : 0;
  if (side === 'server') for (const place of ports) listen(place, () => --left === 0 && process.stdout.write('listening\\n'));
  require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
    if (line !== 'end') return order(JSON.parse(line));
    for (const socket of open) socket.destroy();
    open.clear();
    orders.clear();
    waiting.clear();
  }).on('close', () => process.exit());`;
