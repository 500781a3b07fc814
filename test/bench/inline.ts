import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Testbed, until } from '../support/netns.ts';
import { VpatchProcess } from '../support/vpatch-process.ts';
import { HTTP_PORT, WebServer } from '../support/web-server.ts';

/** What is measured, with the unit in the name. More is better, save for milliseconds. */
export const MEASURES = [
  'bulkUpGbitPerSecond',
  'bulkDownGbitPerSecond',
  'keepAlivePerSecond',
  'connectionsPerSecond',
  'largeObjectsPerSecond',
  'singleRequestMs',
  'loadedP99Ms',
] as const;
export type Measure = (typeof MEASURES)[number];

/** One engine in one round. */
export interface Sample {
  readonly round: number;
  readonly engine: string;
  readonly values: Readonly<Record<Measure, number>>;
  /** After the load; null where nothing but the kernel was there. */
  readonly residentMib: number | null;
  /** From the start of the process until it inspects; null as above. */
  readonly startMs: number | null;
}

/** How traffic is inspected: not at all, taken from the queue and accepted unseen, or by `vpatch run` with these. */
export interface Engine {
  readonly name: string;
  readonly inspection:
    | 'none'
    | 'accept all'
    | { readonly ruleFiles: readonly string[]; readonly args: readonly string[] };
}

/** Short, so that the engines take turns before the machine's speed has changed. */
const SECONDS = 1;
/** A service runs for weeks: what the compiler still has to learn in its first seconds is not what it costs. */
const WARM_UP_SECONDS = 3;
const HTTP_CONNECTIONS = 32;
/** A small page, served as a distribution's nginx does: from a file, with a line in the access log. */
const PAGE_NAME = 'page.html';
const PAGE_BYTES = 1024;
const LARGE_NAME = 'large.bin';
const LARGE_BYTES = 100 * 1024;
const ACCEPT_ALL = fileURLToPath(new URL('./accept-all.js', import.meta.url));

/**
 * Each engine has a client and a server of its own, in two namespaces with a cable between them, and all of them run.
 * One load after the other is put on the engines in turn, since the machine's speed changes from minute to minute: only
 * values of the same round can be compared.
 */
export async function measure(
  engines: readonly Engine[],
  rounds: number,
  onSample: (sample: Sample) => void,
): Promise<void> {
  const beds: Bed[] = [];
  try {
    for (const engine of engines) beds.push(await Bed.make(engine));
    for (let round = 1; round <= rounds; round++) {
      const values = beds.map(() => ({}) as Record<Measure, number>);
      for (const name of MEASURES) {
        for (const [i, bed] of beds.entries()) values[i]![name] = await bed.load(name);
      }
      for (const [i, { engine, residentMib, startMs }] of beds.entries()) {
        onSample({ round, engine: engine.name, values: values[i]!, residentMib, startMs });
      }
    }
    for (const bed of beds) await bed.stop();
  } finally {
    await VpatchProcess.killAll();
    for (const bed of beds) bed.close();
  }
}

class Bed {
  readonly engine: Engine;
  startMs: number | null = null;
  readonly #testbed = new Testbed();
  #server: WebServer | null = null;
  #vpatch: VpatchProcess | null = null;
  readonly #helpers: ChildProcess[] = [];

  private constructor(engine: Engine) {
    this.engine = engine;
  }

  static async make(engine: Engine): Promise<Bed> {
    const bed = new Bed(engine);
    try {
      await bed.#start();
    } catch (error) {
      bed.close();
      throw error;
    }
    return bed;
  }

  async load(name: Measure): Promise<number> {
    switch (name) {
      case 'bulkUpGbitPerSecond':
        return this.#bulk([]);
      case 'bulkDownGbitPerSecond':
        return this.#bulk(['-R']);
      case 'keepAlivePerSecond':
        return (await this.#requests([], SECONDS)).perSecond;
      case 'connectionsPerSecond':
        return (await this.#requests(['-H', 'Connection: close'], SECONDS)).perSecond;
      case 'largeObjectsPerSecond':
        return (await this.#requests([], SECONDS, { file: LARGE_NAME })).perSecond;
      case 'singleRequestMs':
        return (await this.#requests([], SECONDS, { connections: 1 })).medianMs;
      case 'loadedP99Ms':
        return (await this.#requests([], SECONDS)).p99Ms;
      default:
        return name satisfies never;
    }
  }

  /** Of the inspecting process; null where that is the kernel alone, or nothing that anybody would install. */
  get residentMib(): number | null {
    return this.#vpatch === null ? null : this.#vpatch.residentBytes / 2 ** 20;
  }

  async stop(): Promise<void> {
    await this.#vpatch?.stop();
  }

  close(): void {
    for (const helper of this.#helpers) helper.kill('SIGKILL');
    this.#server?.close();
    this.#testbed.close();
  }

  async #start(): Promise<void> {
    const testbed = this.#testbed;
    // A new connection for each request needs more ports than the default range has.
    testbed.run('client', 'sysctl', ['-qw', 'net.ipv4.ip_local_port_range=1024 65535', 'net.ipv4.tcp_tw_reuse=1']);
    this.#server = await WebServer.start(testbed);
    writeFileSync(join(this.#server.files, PAGE_NAME), 'x'.repeat(PAGE_BYTES));
    writeFileSync(join(this.#server.files, LARGE_NAME), 'x'.repeat(LARGE_BYTES));
    this.#helpers.push(testbed.start('server', 'iperf3', ['-s'], { stdio: 'ignore' }));
    await until('iperf3 listens', () => testbed.run('server', 'ss', ['-Hltn', 'sport = :5201']).output !== '');

    const { inspection } = this.engine;
    if (inspection === 'accept all') await this.#startAcceptAll();
    else if (inspection !== 'none') {
      const startedAtMs = performance.now();
      this.#vpatch = await VpatchProcess.start(testbed, inspection);
      this.startMs = performance.now() - startedAtMs;
    }
    await this.#requests([], WARM_UP_SECONDS);
  }

  async #startAcceptAll(): Promise<void> {
    const acceptor = this.#testbed.start('server', process.execPath, [ACCEPT_ALL]);
    this.#helpers.push(acceptor);
    let said = '';
    acceptor.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await until('packets are accepted unseen', () => {
      if (acceptor.exitCode !== null) throw new Error(`it ended: ${said}`);
      return said.includes('ready');
    });
  }

  async #bulk(args: readonly string[]): Promise<number> {
    const all = ['-c', this.#testbed.addresses.server[4], '-t', String(SECONDS), '-J', ...args];
    const { output, error } = await this.#testbed.finish('client', 'iperf3', all);
    const result = JSON.parse(output) as { error?: string; end: { sum_received?: { bits_per_second: number } } };
    const bitsPerSecond = result.end.sum_received?.bits_per_second;
    if (bitsPerSecond === undefined) throw new Error(`iperf3: ${result.error ?? error}`);
    return bitsPerSecond / 1e9;
  }

  async #requests(
    args: readonly string[],
    seconds: number,
    { file = PAGE_NAME, connections = HTTP_CONNECTIONS } = {},
  ): Promise<Requests> {
    const url = `http://${this.#testbed.addresses.server[4]}:${HTTP_PORT}/files/${file}`;
    const all = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--latency', ...args, url];
    const { output, error } = await this.#testbed.finish('client', 'wrk', all);
    const perSecond = /^Requests\/sec:\s+([\d.]+)/m.exec(output)?.[1];
    const medianMs = millisecondsOf(/^\s+50%\s+(\S+)$/m.exec(output)?.[1]);
    const p99Ms = millisecondsOf(/^\s+99%\s+(\S+)$/m.exec(output)?.[1]);
    if (perSecond === undefined || medianMs === null || p99Ms === null) throw new Error(`wrk: ${output} ${error}`);
    return { perSecond: Number(perSecond), medianMs, p99Ms };
  }
}

/** What wrk says of them. */
interface Requests {
  readonly perSecond: number;
  readonly medianMs: number;
  readonly p99Ms: number;
}

const UNIT_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

/** `250.00us`, as wrk writes times. */
function millisecondsOf(text: string | undefined): number | null {
  const [, amount, unit] = /^([\d.]+)(us|ms|s|m)$/.exec(text ?? '') ?? [];
  return amount === undefined ? null : Number(amount) * UNIT_MS[unit!]!;
}
