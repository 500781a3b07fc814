import type { ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Testbed, until } from './netns.ts';

export const HTTP_PORT = 8080;
/** The same pages. */
export const SECOND_HTTP_PORT = 8081;
/** The same pages over TLS, where the server was given a certificate. */
export const HTTPS_PORT = 8443;
/** The same pages over HTTP/2 in the clear, and nothing else. */
export const HTTP2_PORT = 8086;
/** Every page says this, whatever its path: an attack that arrives gets it too. */
export const PAGE = 'an ordinary page\n';

export interface WebServerOptions {
  /** At the same time, of each process. */
  readonly maxConnections?: number;
  /** Several share the connections to `HTTP_PORT`. */
  readonly processes?: number;
  /** Files in PEM: TLS on `HTTPS_PORT`, with a full handshake for each connection. */
  readonly tls?: { readonly certificate: string; readonly key: string };
}

/**
 * nginx in the server's namespace: pages at every path, files in `files` (with an access log, as distributions set it
 * up), uploads by PUT below /upload.
 */
export class WebServer {
  /** What is put there is served at /files/NAME. */
  readonly files: string;
  readonly uploads: string;
  readonly #folder: string;
  readonly #process: ChildProcess;

  private constructor(testbed: Testbed, options: WebServerOptions) {
    this.#folder = mkdtempSync(join(tmpdir(), 'vpatch-nginx-'));
    chmodSync(this.#folder, 0o755);
    this.files = join(this.#folder, 'files');
    this.uploads = join(this.#folder, 'upload');
    for (const folder of [this.files, this.uploads, join(this.#folder, 'temporary')]) mkdirSync(folder);
    const configuration = join(this.#folder, 'nginx.conf');
    writeFileSync(configuration, configurationText(this.#folder, options));
    this.#process = testbed.start('server', 'nginx', ['-c', configuration, '-p', this.#folder], { stdio: 'ignore' });
  }

  static async start(testbed: Testbed, options: WebServerOptions = {}): Promise<WebServer> {
    await testbed.ready();
    const server = new WebServer(testbed, options);
    const url = `http://${testbed.addresses.server[4]}:${HTTP_PORT}/`;
    await until('nginx answers', async () => (await testbed.finish('client', 'curl', ['-sf', url])).status === 0);
    return server;
  }

  close(): void {
    this.#process.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Beside the connections: listening sockets, logs and the files that are served. */
const OTHER_FILES = 1024;

const configurationText = (folder: string, { maxConnections = 1024, processes = 1, tls }: WebServerOptions): string => `
user root;
daemon off;
worker_processes ${processes};
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
worker_rlimit_nofile ${2 * maxConnections + OTHER_FILES};
events { worker_connections ${maxConnections}; }
http {
  access_log off;
  client_max_body_size 0;
  client_body_temp_path ${folder}/temporary;
  proxy_temp_path ${folder}/temporary/proxy;
  fastcgi_temp_path ${folder}/temporary/fastcgi;
  scgi_temp_path ${folder}/temporary/scgi;
  uwsgi_temp_path ${folder}/temporary/uwsgi;
  keepalive_requests 1000000;
  keepalive_timeout 1h;
  client_header_timeout 1h;
  server {
    listen ${HTTP_PORT}${processes > 1 ? ' reuseport' : ''};
    listen [::]:${HTTP_PORT};
    listen ${SECOND_HTTP_PORT};
    listen ${HTTP2_PORT} http2;
    listen [::]:${HTTP2_PORT} http2;
${tls === undefined ? '' : tlsText(tls)}
    root ${folder};
    location / { return 200 "${PAGE.replace('\n', '\\n')}"; }
    location /files/ { access_log ${folder}/access.log; }
    location /upload/ { dav_methods PUT; }
  }
}
`;

const tlsText = ({ certificate, key }: NonNullable<WebServerOptions['tls']>): string => `
    listen ${HTTPS_PORT} ssl;
    ssl_certificate ${certificate};
    ssl_certificate_key ${key};
    ssl_session_cache off;
    ssl_session_tickets off;
`;
