import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Turn } from '../../src/patches/conversation.ts';
import type { Transcript } from '../../src/patches/transcript.ts';
import { type Testbed, until } from '../support/netns.ts';
import { programFile } from '../support/program-file.ts';
import type { ExchangeOrder } from './programs/exchange-process.ts';

const PROGRAM = programFile(new URL('./programs/exchange-process.ts', import.meta.url));

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
      testbed.start(side, process.execPath, [PROGRAM, side, server[4], ...ports], {
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
      const said = turns.map(({ direction, bytes }) => ({ direction, base64: Buffer.from(bytes).toString('base64') }));
      const order: ExchangeOrder = { transport, port, clientPort: ports[at]!, turns: said, pieceBytes };
      for (const side of this.#sides) side.stdin!.write(`${JSON.stringify(order)}\n`);
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
