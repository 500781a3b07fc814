import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Testbed, until } from '../support/netns.ts';

export const SERVERS = { nginx: 8080, apache: 8082, node: 8084 } as const;
export type ServerName = keyof typeof SERVERS;

/** What an application behind the server gets of one request. Text is one character for each byte. */
export interface Seen {
  readonly method: string;
  /** As the server has decoded it; of Node, which does not, as it was sent. */
  readonly path: string;
  readonly query: string;
  readonly host: string;
  readonly bodyBytes: string;
  /** Its first SHOWN_BYTES. */
  readonly body: string;
}

/** Header fields of answers are bounded. */
export const SHOWN_BYTES = 1000;

export interface Patience {
  /** After so long without a byte, no more is waited for. */
  readonly silenceMs: number;
  /** At the same time. */
  readonly connections: number;
}

/** How one server has answered a connection. */
export interface Answered {
  /** One for each final answer; null: the server has answered by itself, `status` says how. */
  readonly answers: readonly { readonly status: number; readonly seen: Seen | null }[];
  /** It goes on reading. */
  readonly isOpen: boolean;
}

/** nginx, Apache and Node in a namespace of their own. Each tells in its answers what it has understood. */
export class HttpServers {
  readonly #testbed = new Testbed();
  readonly #folder = mkdtempSync(join(tmpdir(), 'vpatch-servers-'));

  static async start(): Promise<HttpServers> {
    const servers = new HttpServers();
    try {
      await servers.#start();
      return servers;
    } catch (error) {
      servers.close();
      throw error;
    }
  }

  /** Sends each to the server on a connection of its own. */
  async ask(server: ServerName, requests: readonly Uint8Array[], patience: Patience): Promise<Answered[]> {
    const file = join(this.#folder, 'requests.json');
    writeFileSync(file, JSON.stringify(requests.map((bytes) => Buffer.from(bytes).toString('base64'))));
    const args = ['-e', CLIENT, file, ...[SERVERS[server], patience.silenceMs, patience.connections].map(String)];
    const { status, output, error } = await this.#testbed.finish('server', process.execPath, args);
    if (status !== 0) throw new Error(`the client ended with ${status}: ${error}`);
    const results = JSON.parse(output) as { received: string; isOpen: boolean }[];
    return results.map(({ received, isOpen }) => ({ answers: answersIn(received), isOpen }));
  }

  close(): void {
    this.#testbed.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const folder = this.#folder;
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, 'temporary'));
    const script = join(folder, 'seen.pl');
    const [nginx, apache] = [join(folder, 'nginx.conf'), join(folder, 'apache.conf')];
    writeFileSync(nginx, nginxConfiguration(folder));
    writeFileSync(script, CGI, { mode: 0o755 });
    writeFileSync(apache, apacheConfiguration(folder, script));
    const testbed = this.#testbed;
    const start = (program: string, ...args: string[]): void => {
      testbed.start('server', program, args, { stdio: 'ignore' });
    };
    start(process.execPath, '-e', NODE_SERVERS, join(folder, 'scgi.sock'), String(SERVERS.node));
    start('nginx', '-c', nginx, '-p', folder);
    start('apache2', '-X', '-f', apache);
    for (const [name, port] of Object.entries(SERVERS)) {
      const url = `http://127.0.0.1:${port}/`;
      await until(`${name} answers`, async () => {
        const { output } = await testbed.finish('server', 'curl', ['-sgiN', '-m', '2', url]);
        return output.includes('X-Saw');
      });
    }
  }
}

/** The answers in what came on one connection. One of HTTP/0.9 has no head: its content says the same as the field. */
function answersIn(received: string): Answered['answers'] {
  const answers = Array.from(
    received.matchAll(/^HTTP\/1\.[01] (\d{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/gm),
    ([, status, fields]) => ({ status: Number(status), seen: seenIn(/^X-Saw: (\S+)\r$/im.exec(fields!)?.[1]) }),
  ).filter(({ status }) => status >= 200);
  const [, old] = /SAW (\S+)\n/.exec(received) ?? [];
  return answers.length === 0 && old !== undefined ? [{ status: 200, seen: seenIn(old) }] : answers;
}

const seenIn = (text: string | undefined): Seen | null =>
  text === undefined
    ? null
    : (Object.fromEntries(
        ['method', 'path', 'query', 'host', 'bodyBytes', 'body'].map((name, index) => [
          name,
          Buffer.from(text.split('.')[index] ?? '', 'hex').toString('latin1'),
        ]),
      ) as unknown as Seen);

const CLIENT = `
  const [file, port, silenceMs, connections] = process.argv.slice(1);
  const requests = JSON.parse(require('fs').readFileSync(file, 'utf8'));
  const results = [];
  let next = 0;
  const ask = () => {
    if (next === requests.length) return;
    const index = next++;
    const chunks = [];
    let isOpen = true;
    const socket = require('net').connect(Number(port), '127.0.0.1', () => socket.write(Buffer.from(requests[index], 'base64')));
    socket.setNoDelay();
    socket.setTimeout(Number(silenceMs), () => socket.destroy());
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('end', () => { isOpen = false; });
    socket.on('error', () => { isOpen = false; });
    socket.on('close', () => {
      results[index] = { received: Buffer.concat(chunks).toString('latin1'), isOpen };
      ask();
    });
  };
  process.on('exit', () => require('fs').writeSync(1, JSON.stringify(results)));
  for (let i = 0; i < Number(connections); i++) ask();
`;

/** Node's own server, and the application behind nginx. */
const NODE_SERVERS = `
  const [path, port] = process.argv.slice(1);
  const told = (method, path, query, host, body) =>
    [method, path, query, host, String(body.length), body.slice(0, ${SHOWN_BYTES})]
      .map((part) => Buffer.from(part ?? '', 'latin1').toString('hex'))
      .join('.');
  require('http').createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url, headers } = request;
      const [, path, query] = /^([^?#]*)\\??([^#]*)/.exec(url);
      const seen = told(method, path, query, headers.host, Buffer.concat(chunks).toString('latin1'));
      response.setHeader('X-Saw', seen);
      response.end('SAW ' + seen + '\\n');
    });
  }).listen(Number(port), '127.0.0.1');
  require('net').createServer((socket) => {
    let received = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const colon = received.indexOf(':');
      const fieldsEnd = colon < 0 ? -1 : colon + 1 + Number(received.toString('latin1', 0, colon));
      if (fieldsEnd < 0 || received.length <= fieldsEnd) return;
      const parts = received.toString('latin1', colon + 1, fieldsEnd).split('\\0');
      const fields = {};
      for (let i = 0; i + 1 < parts.length; i += 2) fields[parts[i]] = parts[i + 1];
      const body = received.toString('latin1', fieldsEnd + 1);
      if (body.length < Number(fields.CONTENT_LENGTH || 0)) return;
      const seen = told(fields.METHOD, fields.URI, fields.ARGS, fields.HOST, body);
      const content = 'SAW ' + seen + '\\n';
      socket.end('Status: 200 OK\\r\\nX-Saw: ' + seen + '\\r\\nContent-Length: ' + content.length + '\\r\\n\\r\\n' + content);
    });
  }).listen(path);
`;

const nginxConfiguration = (folder: string): string => `
user root;
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  client_max_body_size 0;
  ${['client_body', 'proxy', 'fastcgi', 'scgi', 'uwsgi'].map((name) => `${name}_temp_path ${folder}/temporary/${name};`).join('\n  ')}
  server {
    listen 127.0.0.1:${SERVERS.nginx};
    location / {
      scgi_param CONTENT_LENGTH $content_length;
      scgi_param METHOD $request_method;
      scgi_param URI $uri;
      scgi_param ARGS $args;
      scgi_param HOST $host;
      scgi_buffer_size 64k;
      scgi_buffers 8 64k;
      scgi_busy_buffers_size 64k;
      scgi_pass unix:${folder}/scgi.sock;
    }
  }
}
`;

/** Perl, since Apache's modules for scripts cannot read a body in chunks. */
const CGI = `#!/usr/bin/perl
binmode STDIN;
local $/;
my $body = <STDIN> // '';
my $seen = join '.', map { unpack 'H*', $_ // '' }
  @ENV{'REQUEST_METHOD', 'PATH_INFO', 'QUERY_STRING', 'SERVER_NAME'}, length $body, substr($body, 0, ${SHOWN_BYTES});
print "X-Saw: $seen\\r\\nContent-Type: text/plain\\r\\n\\r\\nSAW $seen\\n";
`;

const apacheConfiguration = (folder: string, script: string): string => `
ServerRoot /usr/lib/apache2
ServerName localhost
PidFile ${folder}/apache.pid
ErrorLog ${folder}/apache-error.log
Listen 127.0.0.1:${SERVERS.apache}
User www-data
Group www-data
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule alias_module modules/mod_alias.so
LoadModule cgid_module modules/mod_cgid.so
ScriptSock ${folder}/cgid.sock
DocumentRoot ${folder}
AllowEncodedSlashes On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
ScriptAlias / ${script}/
<Directory />
  Require all granted
</Directory>
`;
