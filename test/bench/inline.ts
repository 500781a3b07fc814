import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Testbed, until } from '../support/netns.ts';
import { VpatchProcess } from '../support/vpatch-process.ts';
import { HTTP_PORT, WebServer } from '../support/web-server.ts';

/** What is measured, with the unit in the name. More is better. */
export const MEASURES = [
  'bulkUpGbitPerSecond',
  'bulkDownGbitPerSecond',
  'keepAlivePerSecond',
  'connectionsPerSecond',
] as const;
export type Measure = (typeof MEASURES)[number];

/** One engine in one round. */
export interface Sample {
  readonly round: number;
  readonly engine: string;
  readonly values: Readonly<Record<Measure, number>>;
  /** After the load; null where nothing but the kernel was there. */
  readonly residentMib: number | null;
}

/** How traffic is inspected: not at all, or by `vpatch run` with these rules and arguments. */
export interface Engine {
  readonly name: string;
  readonly vpatch: { readonly ruleFiles: readonly string[]; readonly args: readonly string[] } | null;
}

const SECONDS = 3;
/** A service runs for weeks: what the compiler still has to learn in its first seconds is not what it costs. */
const WARM_UP_SECONDS = 3;
const HTTP_CONNECTIONS = 32;
/** A small page, served as a distribution's nginx does: from a file, with a line in the access log. */
const PAGE_NAME = 'page.html';
const PAGE_BYTES = 1024;

/**
 * Client and server in two namespaces with a cable between them. Engines take turns within each round, since the
 * machine's speed changes from minute to minute: only values of the same round can be compared.
 */
export async function measure(
  engines: readonly Engine[],
  rounds: number,
  onSample: (sample: Sample) => void,
): Promise<void> {
  const testbed = new Testbed();
  let server: WebServer | undefined;
  try {
    // A new connection for each request needs more ports than the default range has.
    testbed.run('client', 'sysctl', ['-qw', 'net.ipv4.ip_local_port_range=1024 65535', 'net.ipv4.tcp_tw_reuse=1']);
    server = await WebServer.start(testbed);
    writeFileSync(join(server.files, PAGE_NAME), 'x'.repeat(PAGE_BYTES));
    const sink = testbed.start('server', 'iperf3', ['-s'], { stdio: 'ignore' });
    const listens = (): boolean => testbed.run('server', 'ss', ['-Hltn', 'sport = :5201']).output !== '';
    await until('iperf3 listens', listens);
    for (let round = 1; round <= rounds; round++) {
      for (const engine of engines) onSample(await sample(testbed, engine, round));
    }
    sink.kill('SIGKILL');
  } finally {
    await VpatchProcess.killAll();
    server?.close();
    testbed.close();
  }
}

async function sample(testbed: Testbed, { name, vpatch: options }: Engine, round: number): Promise<Sample> {
  const vpatch = options === null ? null : await VpatchProcess.start(testbed, options);
  await requests(testbed, [], WARM_UP_SECONDS);
  const values: Record<Measure, number> = {
    bulkUpGbitPerSecond: await bulk(testbed, []),
    bulkDownGbitPerSecond: await bulk(testbed, ['-R']),
    keepAlivePerSecond: await requests(testbed, []),
    connectionsPerSecond: await requests(testbed, ['-H', 'Connection: close']),
  };
  const residentMib = vpatch === null ? null : vpatch.residentBytes / 2 ** 20;
  await vpatch?.stop();
  return { round, engine: name, values, residentMib };
}

async function bulk(testbed: Testbed, args: readonly string[]): Promise<number> {
  const all = ['-c', testbed.addresses.server[4], '-t', String(SECONDS), '-J', ...args];
  const { output, error } = await testbed.finish('client', 'iperf3', all);
  const result = JSON.parse(output) as { error?: string; end: { sum_received?: { bits_per_second: number } } };
  const bitsPerSecond = result.end.sum_received?.bits_per_second;
  if (bitsPerSecond === undefined) throw new Error(`iperf3: ${result.error ?? error}`);
  return bitsPerSecond / 1e9;
}

async function requests(testbed: Testbed, args: readonly string[], seconds = SECONDS): Promise<number> {
  const url = `http://${testbed.addresses.server[4]}:${HTTP_PORT}/files/${PAGE_NAME}`;
  const all = ['-t', '1', '-c', String(HTTP_CONNECTIONS), '-d', `${seconds}s`, ...args, url];
  const { output, error } = await testbed.finish('client', 'wrk', all);
  const perSecond = /^Requests\/sec:\s+([\d.]+)/m.exec(output)?.[1];
  if (perSecond === undefined) throw new Error(`wrk: ${output} ${error}`);
  return Number(perSecond);
}
