import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Testbed } from '../support/netns.ts';
import type { HolderSettings, OpenConnectionsResult } from './open-connections.ts';

/** How many files a process may open is limited, often to 20,000 and also for root; an address has 64,000 ports. */
const MAX_OF_PROCESS = 12_000;

/** Between them, as many processes of client or server have so many connections. */
export const processesFor = (connections: number): number => Math.ceil(connections / MAX_OF_PROCESS);

/** Connections that client processes hold open, each process from an address of its own where there are several. */
export class HeldConnections {
  readonly #holders: Holder[] = [];

  /** Resolves when all are open, and each has had an answer. */
  static async open(testbed: Testbed, connections: number, settings: HolderAim): Promise<HeldConnections> {
    const held = new HeldConnections();
    const processes = processesFor(connections);
    for (let n = 0; n < processes; n++) {
      const source = processes === 1 ? null : testbed.addClientAddress(n);
      const share = Math.floor((connections * (n + 1)) / processes) - Math.floor((connections * n) / processes);
      held.#holders.push(new Holder(testbed, { ...settings, connections: share, source }));
    }
    await Promise.all(held.#holders.map((holder) => holder.line()));
    return held;
  }

  /** Requests on every tenth of them, in turn. */
  async ask(): Promise<OpenConnectionsResult> {
    const results = await Promise.all(this.#holders.map((holder) => holder.ask()));
    return {
      perSecond: results.reduce((all, { perSecond }) => all + perSecond, 0),
      p99Ms: Math.max(...results.map(({ p99Ms }) => p99Ms)),
    };
  }

  /** Ends all of them. */
  async close(): Promise<void> {
    await Promise.all(this.#holders.map((holder) => holder.close()));
  }
}

/** What all of them share. */
export type HolderAim = Pick<HolderSettings, 'host' | 'port' | 'path' | 'seconds'>;

class Holder {
  readonly #settings: HolderSettings;
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;
  #problem = '';

  constructor(testbed: Testbed, settings: HolderSettings) {
    this.#settings = settings;
    const stdio = { stdio: ['pipe', 'pipe', 'pipe'] as ['pipe', 'pipe', 'pipe'] };
    this.#process = testbed.start('client', process.execPath, [HOLDER, JSON.stringify(settings)], stdio);
    this.#process.stderr!.on('data', (chunk: Buffer) => {
      this.#problem += chunk.toString();
    });
    this.#ended = new Promise((resolve) => this.#process.once('close', resolve));
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done !== true) return value;
    throw new Error(`not all of ${this.#settings.connections} connections were served: ${this.#problem}`);
  }

  async ask(): Promise<OpenConnectionsResult> {
    this.#process.stdin!.write('\n');
    return JSON.parse(await this.line()) as OpenConnectionsResult;
  }

  async close(): Promise<void> {
    this.#process.stdin!.end();
    await this.#ended;
  }
}

const HOLDER = fileURLToPath(new URL('./open-connections.js', import.meta.url));
