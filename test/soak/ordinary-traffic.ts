import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Load, type LoadOptions, type LoadResult } from '../support/load.ts';
import { type Testbed, until } from '../support/netns.ts';
import { HTTP_PORT, HTTPS_PORT, PAGE, WebServer } from '../support/web-server.ts';

export const NEEDED_PROGRAMS = ['nginx', 'curl', 'openssl', 'dnsmasq', 'ss'];

const REQUEST_LIMIT_MS = 5_000;
const LARGE_FILE_BYTES = 100_000;
const ZONE = 'soak.example';

/** What one kind of harmless traffic has come to. */
export interface KindResult extends LoadResult {
  readonly kind: string;
}

interface KindOfLoad {
  readonly kind: string;
  readonly load: Load;
}

/** Harmless traffic of several kinds at the same time, each from clients of its own, to servers of the host. */
export class OrdinaryTraffic {
  readonly #web: WebServer;
  readonly #loads: readonly KindOfLoad[];

  private constructor(web: WebServer, loads: readonly KindOfLoad[]) {
    this.#web = web;
    this.#loads = loads;
  }

  /** Starts servers and clients. `folder`: for what the servers need. Resolves when all kinds have had an answer. */
  static async start(testbed: Testbed, folder: string): Promise<OrdinaryTraffic> {
    const web = await WebServer.start(testbed, { tls: makeCertificate(folder) });
    const large = 'x'.repeat(LARGE_FILE_BYTES);
    writeFileSync(join(web.files, 'large'), large);
    await startNameServer(testbed);
    const { 4: address, 6: address6 } = testbed.addresses.server;
    const [site, site6] = [`http://${address}:${HTTP_PORT}`, `http://[${address6}]:${HTTP_PORT}`];
    const kinds: Readonly<Record<string, LoadOptions>> = {
      'kept connections': { url: `${site}/`, page: PAGE, clients: 4, pauseMs: 5 },
      'new connections': { url: `${site}/`, page: PAGE, clients: 2, fresh: true, pauseMs: 10 },
      'kept connections, IPv6': { url: `${site6}/`, page: PAGE, clients: 1, pauseMs: 5 },
      'new connections, IPv6': { url: `${site6}/`, page: PAGE, clients: 1, fresh: true, pauseMs: 10 },
      'objects of 100 KB': { url: `${site}/files/large`, page: large, clients: 1, pauseMs: 50 },
      'HTTPS, kept connections': { url: `https://${address}:${HTTPS_PORT}/`, page: PAGE, clients: 1, pauseMs: 10 },
      'HTTPS, new connections': {
        url: `https://${address}:${HTTPS_PORT}/`,
        page: PAGE,
        clients: 1,
        fresh: true,
        pauseMs: 50,
      },
      'DNS over UDP': { url: `dns://${address}/${ZONE}`, page: address, clients: 2, pauseMs: 10 },
    };
    const loads = await Promise.all(
      Object.entries(kinds).map(async ([kind, options]) => ({
        kind,
        load: await Load.start(testbed, { ...options, limitMs: REQUEST_LIMIT_MS }),
      })),
    );
    return new OrdinaryTraffic(web, loads);
  }

  stop(): Promise<KindResult[]> {
    return Promise.all(this.#loads.map(async ({ kind, load }) => ({ kind, ...(await load.stop()) })));
  }

  /** Ends the web server; the clients and the name server end with their namespaces. */
  close(): void {
    this.#web.close();
  }
}

function makeCertificate(folder: string): { certificate: string; key: string } {
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
  const about = ['-subj', `/CN=${ZONE}`, '-days', '2', '-keyout', key, '-out', certificate];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  execFileSync('openssl', ['req', '-x509', '-nodes', ...curve, ...about], { stdio: 'pipe' });
  return { certificate, key };
}

/** It answers every name of the zone by itself. */
async function startNameServer(testbed: Testbed): Promise<void> {
  const address = testbed.addresses.server[4];
  const alone = [
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--pid-file=',
    '--user=root',
    '--no-resolv',
    '--no-hosts',
  ];
  const zone = [`--listen-address=${address}`, '--bind-interfaces', `--address=/${ZONE}/${address}`];
  testbed.start('server', 'dnsmasq', [...alone, ...zone], { stdio: 'ignore' });
  await until('the name server listens', () => /:53\s/.test(testbed.run('server', 'ss', ['-Huln']).output));
}
