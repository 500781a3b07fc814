import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Testbed, until } from '../support/netns.ts';
import { programFile } from '../support/program-file.ts';
import type { Received, RequestsToSend } from './programs/http-client-process.ts';

const CLIENT = programFile(new URL('./programs/http-client-process.ts', import.meta.url));
const NODE_SERVERS = programFile(new URL('./programs/http-server-process.ts', import.meta.url));

export const SERVERS = { nginx: 8080, apache: 8082, node: 8084, python: 8086, java: 8088 } as const;
export type ServerName = keyof typeof SERVERS;

/** Without Java, the others. */
export const serversHere = (): ServerName[] =>
  (Object.keys(SERVERS) as ServerName[]).filter((name) => name !== 'java' || spawnSync('which', ['java']).status === 0);

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

/** Java compiles its server first. */
const START_LIMIT_MS = 50_000;

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

/**
 * nginx, Apache, Node, Python and Java in a namespace of their own. Each tells in its answers what it has understood.
 */
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
    const texts = requests.map((bytes) => Buffer.from(bytes).toString('base64'));
    writeFileSync(
      file,
      JSON.stringify({ port: SERVERS[server], requests: texts, ...patience } satisfies RequestsToSend),
    );
    const { status, output, error } = await this.#testbed.finish('server', process.execPath, [CLIENT, file]);
    if (status !== 0) throw new Error(`the client ended with ${status}: ${error}`);
    const results = JSON.parse(output) as Received[];
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
    const [python, java] = [join(folder, 'server.py'), join(folder, 'Seen.java')];
    writeFileSync(python, PYTHON_SERVER);
    writeFileSync(java, JAVA_SERVER);
    writeFileSync(nginx, nginxConfiguration(folder));
    writeFileSync(script, CGI, { mode: 0o755 });
    writeFileSync(apache, apacheConfiguration(folder, script));
    const testbed = this.#testbed;
    const start = (program: string, ...args: string[]): void => {
      testbed.start('server', program, args, { stdio: 'ignore' });
    };
    start(process.execPath, NODE_SERVERS, join(folder, 'scgi.sock'), String(SERVERS.node), String(SHOWN_BYTES));
    start('nginx', '-c', nginx, '-p', folder);
    start('apache2', '-X', '-f', apache);
    if (serversHere().includes('java')) start('java', java, String(SERVERS.java));
    start('python3', python, String(SERVERS.python));
    for (const name of serversHere()) {
      const url = `http://127.0.0.1:${SERVERS[name]}/`;
      await until(
        `${name} answers`,
        async () => {
          const { output } = await testbed.finish('server', 'curl', ['-sgiN', '-m', '2', url]);
          return output.includes('SAW ');
        },
        START_LIMIT_MS,
      );
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

/** Python's own web server with persistent connections, as the development servers of Python's frameworks have it. */
const PYTHON_SERVER = `
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

def chunked(stream):
    body = b''
    while True:
        size = int(stream.readline().split(b';')[0], 16)
        if size == 0:
            break
        body += stream.read(size)
        stream.readline()
    while stream.readline().strip():
        pass
    return body

class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def answer(self):
        length = self.headers['Content-Length']
        if self.headers.get('Transfer-Encoding', '').strip().lower() == 'chunked':
            body = chunked(self.rfile)
        else:
            body = self.rfile.read(int(length)) if length else b''
        path, _, query = self.path.partition('#')[0].partition('?')
        host = (self.headers['Host'] or '').strip()
        parts = [self.command, path, query, host, str(len(body)), body[:${SHOWN_BYTES}]]
        seen = '.'.join((part if isinstance(part, bytes) else part.encode('latin-1')).hex() for part in parts)
        content = ('SAW ' + seen + '\\n').encode()
        self.send_response(200)
        self.send_header('X-Saw', seen)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = do_PROPFIND = answer

    def log_message(self, *arguments):
        pass

ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
`;

/** The web server of Java's own library. Behind an odd method, only a version makes a line one of HTTP for us. */
const JAVA_SERVER = `
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.concurrent.Executors;

public class Seen {
  static String hex(String text) {
    return text == null ? "" : hex(text.getBytes(StandardCharsets.ISO_8859_1));
  }

  static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  public static void main(String[] arguments) throws Exception {
    HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 128);
    server.setExecutor(Executors.newCachedThreadPool());
    server.createContext("/", exchange -> {
      byte[] body = exchange.getRequestBody().readAllBytes();
      if (!exchange.getProtocol().matches("HTTP/[0-9].*")) {
        exchange.getResponseHeaders().set("Connection", "close");
        exchange.sendResponseHeaders(505, -1);
        return;
      }
      URI target = exchange.getRequestURI();
      String host = exchange.getRequestHeaders().getFirst("Host");
      String seen = String.join(".", hex(exchange.getRequestMethod().strip()), hex(target.getRawPath()),
          hex(target.getRawQuery()), hex(host), hex("" + body.length),
          hex(Arrays.copyOf(body, Math.min(body.length, ${SHOWN_BYTES}))));
      byte[] content = ("SAW " + seen + "\\n").getBytes();
      exchange.getResponseHeaders().set("X-Saw", seen);
      exchange.sendResponseHeaders(200, exchange.getRequestMethod().equals("HEAD") ? -1 : content.length);
      exchange.getResponseBody().write(content);
      exchange.close();
    });
    server.start();
  }
}
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
