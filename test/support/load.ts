import type { LoadSettings } from './load-process.ts';
import type { Testbed } from './netns.ts';
import { programFile } from './program-file.ts';

const PROGRAM = programFile(new URL('./load-process.ts', import.meta.url));

/** What became of the requests of a load. */
export interface LoadResult {
  readonly requests: number;
  /** Each is one request that got no answer, or not the page. */
  readonly failures: readonly string[];
  /** The longest time without any answer. */
  readonly longestGapMs: number;
  /** The longest time between two pages of one client, which is that of its slowest request. */
  readonly slowestMs: number;
  /** The most that were answered within one second. */
  readonly mostPerSecond: number;
}

export interface LoadOptions {
  /** http, https, or of names that are asked for over UDP: `dns://SERVER/ZONE`. */
  readonly url: string;
  /** What every answer has to be: a page, or an address. */
  readonly page: string;
  /** At the same time, each one request after the other. */
  readonly clients?: number;
  /** A connection for each request, instead of one for all of a client. */
  readonly fresh?: boolean;
  /** What a request may take. */
  readonly limitMs?: number;
  /** Between two requests of a client. */
  readonly pauseMs?: number;
  /** Instead of pauses: so many are begun by all clients together, as far as the answers come in time. */
  readonly perSecond?: number;
}

/** Requests from the client's namespace, until `stop`. */
export class Load {
  readonly #stop: () => Promise<LoadResult>;

  private constructor(stop: () => Promise<LoadResult>) {
    this.#stop = stop;
  }

  /** Resolves when the first page is there. */
  static async start(testbed: Testbed, options: LoadOptions): Promise<Load> {
    const { clients = 4, fresh = false, limitMs = 5_000, pauseMs = 2 } = options;
    const settings: LoadSettings = { ...options, clients, fresh, limitMs, pauseMs };
    const child = testbed.start('client', process.execPath, [PROGRAM, JSON.stringify(settings)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let output = '';
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    await new Promise<void>((resolve) => {
      child.stdout?.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes('begun\n')) resolve();
      });
    });
    return new Load(async () => {
      child.stdin?.end();
      await ended;
      return JSON.parse(output.replace('begun\n', '')) as LoadResult;
    });
  }

  stop(): Promise<LoadResult> {
    return this.#stop();
  }
}
