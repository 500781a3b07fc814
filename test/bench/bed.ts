import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Finished, Testbed, until } from '../support/netns.ts';
import { HTTP_PORT, HTTPS_PORT, WebServer } from '../support/web-server.ts';
import type { Engine } from './engine.ts';
import { processesFor } from './held-connections.ts';
import { type Inspector, startInspector, UNINSPECTED } from './inspector.ts';
import { isInstalled } from './programs.ts';

/** A small page, served as a distribution's nginx does: from a file, with a line in the access log. */
export const PAGE_PATH = '/files/page.html';
export const LARGE_PATH = '/files/large.bin';
export const DNS_ZONE = 'bench.example';
const PAGE_BYTES = 1024;
const LARGE_BYTES = 100 * 1024;
/** Of each process of the server: more than its share of those that are held open, beside those of other loads. */
const MAX_SERVER_CONNECTIONS = 16_000;

/** Without these there is no bed; what single loads need is theirs to say. */
export const NEEDED_PROGRAMS = ['nginx', 'curl', 'wrk', 'openssl', 'ss'];

/**
 * An engine in namespaces of its own: a client, a server with nginx, iperf3 and a DNS server, a cable between them, and
 * what inspects. `close` ends all of it; folders are in the temporary one, which the caller removes.
 */
export class Bed {
  readonly engine: Engine;
  /** At the same time: no limit of server or engine is below. */
  readonly connections: number;
  readonly testbed = new Testbed();
  readonly folder = mkdtempSync(join(tmpdir(), 'bed-'));
  inspector: Inspector = UNINSPECTED;
  #server: WebServer | null = null;

  private constructor(engine: Engine, connections: number) {
    this.engine = engine;
    this.connections = connections;
  }

  static async make(engine: Engine, connections: number): Promise<Bed> {
    const bed = new Bed(engine, connections);
    try {
      await bed.#start();
    } catch (error) {
      bed.close();
      throw error;
    }
    return bed;
  }

  get serverAddress(): string {
    return this.testbed.addresses.server[4];
  }

  http(path: string): string {
    return `http://${this.serverAddress}:${HTTP_PORT}${path}`;
  }

  https(path: string): string {
    return `https://${this.serverAddress}:${HTTPS_PORT}${path}`;
  }

  /** Where `http` leads, for clients that connect by themselves. */
  get httpPort(): number {
    return HTTP_PORT;
  }

  /** The content of the small page. */
  get page(): string {
    return 'x'.repeat(PAGE_BYTES);
  }

  /** Runs a program of the client to its end, and returns what it has printed. */
  async client(program: string, args: readonly string[]): Promise<string> {
    const { status, output, error }: Finished = await this.testbed.finish('client', program, args);
    if (status !== 0) throw new Error(`${program} ended with ${status}: ${error}${output.slice(-500)}`);
    return output;
  }

  close(): void {
    this.#server?.close();
    this.testbed.close();
  }

  async #start(): Promise<void> {
    const { testbed } = this;
    // A new connection for each request needs more ports than the default range has.
    testbed.run('client', 'sysctl', ['-qw', 'net.ipv4.ip_local_port_range=1024 65535', 'net.ipv4.tcp_tw_reuse=1']);
    this.#server = await WebServer.start(testbed, {
      processes: processesFor(this.connections),
      maxConnections: MAX_SERVER_CONNECTIONS,
      tls: makeCertificate(this.folder),
    });
    writeFileSync(join(this.#server.files, 'page.html'), this.page);
    writeFileSync(join(this.#server.files, 'large.bin'), 'x'.repeat(LARGE_BYTES));
    const servers = [
      { program: 'iperf3', args: ['-s'], listens: /:5201\s/ },
      { program: 'dnsmasq', args: dnsServerArgs(this.serverAddress), listens: /:53\s/ },
    ].filter(({ program }) => isInstalled(program));
    for (const { program, args } of servers) testbed.start('server', program, args, { stdio: 'ignore' });
    await until('the servers listen', () => {
      const { output } = testbed.run('server', 'ss', ['-Hltun']);
      return servers.every(({ listens }) => listens.test(output));
    });
    this.inspector = await startInspector(this.engine.inspection, testbed, this.folder, this.connections);
  }
}

/** Answers every name of one zone by itself. */
const dnsServerArgs = (address: string): string[] => [
  ...['--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--user=root', '--no-resolv', '--no-hosts'],
  ...[`--listen-address=${address}`, '--bind-interfaces', `--address=/${DNS_ZONE}/${address}`],
];

/** As most sites have one now: ECDSA with P-256. */
function makeCertificate(folder: string): { certificate: string; key: string } {
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  const about = ['-subj', `/CN=${DNS_ZONE}`, '-days', '2', '-keyout', key, '-out', certificate];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  execFileSync('openssl', ['req', '-x509', '-nodes', ...curve, ...about], { stdio: 'pipe' });
  return { certificate, key };
}
