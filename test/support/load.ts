import type { Testbed } from './netns.ts';

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
  readonly url: string;
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
    const settings = JSON.stringify({ ...options, clients, fresh, limitMs, pauseMs });
    const child = testbed.start('client', process.execPath, ['-e', SCRIPT, settings], {
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

const SCRIPT = `
const http = require('node:http');
const { url, page, clients, fresh, limitMs, pauseMs, perSecond } = JSON.parse(process.argv[1]);
const failures = [];
const periodMs = perSecond === undefined ? 0 : (1000 * clients) / perSecond;
let requests = 0, longestGapMs = 0, slowestMs = 0, lastMs = performance.now(), isOver = false;
let mostPerSecond = 0, requestsBefore = 0;
setInterval(() => {
  mostPerSecond = Math.max(mostPerSecond, requests - requestsBefore);
  requestsBefore = requests;
}, 1000).unref();
process.stdin.on('end', () => { isOver = true; }).resume();
const get = (agent) => new Promise((resolve) => {
  const request = http.get(url, { agent, timeout: limitMs }, (response) => {
    let text = '';
    response.on('data', (part) => { text += part; });
    response.on('end', () => resolve(text === page ? null : 'status ' + response.statusCode));
    response.on('error', (error) => resolve(error.message));
  });
  request.on('timeout', () => request.destroy(new Error('no answer')));
  request.on('error', (error) => resolve(error.message));
});
const client = async () => {
  const agent = fresh ? false : new http.Agent({ keepAlive: true, maxSockets: 1 });
  while (!isOver) {
    const begunMs = performance.now();
    const failure = await get(agent);
    const nowMs = performance.now();
    slowestMs = Math.max(slowestMs, nowMs - begunMs);
    if (failure === null) {
      longestGapMs = Math.max(longestGapMs, nowMs - lastMs);
      lastMs = nowMs;
      if (requests === 0) console.log('begun');
      requests++;
    } else failures.push(failure);
    const restMs = periodMs === 0 ? pauseMs : Math.max(0, begunMs + periodMs - performance.now());
    await new Promise((resolve) => setTimeout(resolve, failure === null ? restMs : 20));
  }
};
Promise.all(Array.from({ length: clients }, client)).then(() => {
  longestGapMs = Math.max(longestGapMs, performance.now() - lastMs);
  console.log(JSON.stringify({ requests, failures, longestGapMs, slowestMs, mostPerSecond }));
  process.exit(0);
});
`;
