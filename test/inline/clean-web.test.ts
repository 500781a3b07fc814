import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HTTP_PORT, HTTP2_PORT, PAGE, WebServer } from '../support/web-server.ts';
import { CleanBed, describeWith } from './clean-bed.ts';

const FILE_BYTES = 5_000_000;
const APACHE_PORT = 8082;
const GIT_PORT = 8083;
const NODE_PORT = 8084;
const TLS_PORT = 8443;

describeWith(['nginx', 'curl'], 'ordinary web traffic arrives, and nothing about it is odd', () => {
  let bed: CleanBed;
  let nginx: WebServer;
  const content = randomBytes(FILE_BYTES);
  const digest = createHash('sha256').update(content).digest('hex');
  const here = (name: string): string => join(bed.folder, name);
  const digestOf = (name: string): string =>
    createHash('sha256')
      .update(readFileSync(here(name)))
      .digest('hex');

  beforeAll(async () => {
    bed = await CleanBed.start();
    nginx = await WebServer.start(bed.testbed);
    writeFileSync(join(nginx.files, 'large'), content);
    writeFileSync(here('large'), content);
  });
  afterAll(() => {
    nginx?.close();
    bed?.close();
  });

  test.each([4, 6] as const)('IPv%d: curl and nginx', async (version) => {
    const address = bed.testbed.addresses.server[version];
    const url = (path: string): string => `http://${version === 6 ? `[${address}]` : address}:${HTTP_PORT}${path}`;
    const curl = (...args: string[]): Promise<string> => bed.ask('curl', '-gsS', '-m', '20', ...args);

    expect(await curl(url('/'))).toBe(PAGE);
    expect(await curl(url('/one'), url('/two'), url('/three'))).toBe(PAGE.repeat(3));
    expect(await curl('-0', url('/'))).toBe(PAGE);
    expect(await curl('-I', url('/'))).toContain('200 OK');
    expect(await curl('--data', 'name=value&text=a+b%21', url('/form'))).toBe(PAGE);
    expect(await curl('-F', 'name=value', '-F', `file=@${here('large')};type=application/zip`, url('/form'))).toBe(
      PAGE,
    );
    expect(await curl('-H', 'Content-Type: application/json', '--data', '{"a":[1,{"b":"\\u3042"}]}', url('/'))).toBe(
      PAGE,
    );
    expect(await curl('-b', `session=${'x'.repeat(3000)}`, '-A', 'Mozilla/5.0 (X11; Linux)', url('/'))).toBe(PAGE);
    expect(await curl(url(`/search?q=${'word+'.repeat(800)}&page=2`))).toBe(PAGE);
    // As browsers send them: a space, UTF-8, Shift-JIS, EUC-JP, and what is no escape at all.
    for (const path of ['/a%20b', '/%E3%81%82', '/?q=%82%A0%82%A2', '/?q=%A4%A2', '/?discount=50%', '/~user/;id=1']) {
      expect(await curl(url(path)), path).toBe(PAGE);
    }
    await curl('-T', here('large'), url('/upload/whole'));
    await curl('-T', here('large'), '-H', 'Transfer-Encoding: chunked', url('/upload/chunked'));
    await curl('-T', here('large'), '-H', 'Expect: 100-continue', url('/upload/expected'));
    for (const name of ['whole', 'chunked', 'expected']) {
      expect(readFileSync(join(nginx.uploads, name)).equals(content), name).toBe(true);
    }
    await curl('-o', here('copy'), url('/files/large'));
    expect(digestOf('copy')).toBe(digest);
    await curl('-r', '1000-1999', '-o', here('part'), url('/files/large'));
    expect(readFileSync(here('part')).equals(content.subarray(1000, 2000))).toBe(true);
  });

  test('curl and Node with HTTP/2 in the clear', async () => {
    const url = (path: string): string => `http://${bed.address}:${HTTP2_PORT}${path}`;
    const curl = (...args: string[]): Promise<string> =>
      bed.ask('curl', '-gsS', '-m', '20', '--http2-prior-knowledge', ...args);

    expect(await curl(url('/one'))).toBe(PAGE);
    expect(await curl('-I', url('/'))).toContain('HTTP/2 200');
    expect(await curl('--data', 'name=value', url('/form'))).toBe(PAGE);
    expect(await curl('-b', `session=${'x'.repeat(3000)}`, url(`/search?q=${'word+'.repeat(800)}`))).toBe(PAGE);
    await curl('-o', here('second'), url('/files/large'));
    expect(digestOf('second')).toBe(digest);
    // Node's client, forty requests at a time.
    const pages = await bed.askNode(`
      const session = require('http2').connect('http://' + ADDRESS + ':${HTTP2_PORT}');
      const fetched = (i) => new Promise((resolve, reject) => {
        let text = '';
        session.request({ ':path': '/' + i }).on('data', (data) => { text += data; }).on('end', () => resolve(text)).on('error', reject);
      });
      Promise.all(Array.from({ length: 40 }, (_, i) => fetched(i))).then((texts) => {
        console.log(texts.join(''));
        session.close();
      });`);
    expect(pages.trim()).toBe(PAGE.repeat(40).trim());
  });

  test('downloads that are broken off', async () => {
    // curl minds its limit only now and then: too much to be there before it does.
    writeFileSync(join(nginx.files, 'huge'), Buffer.alloc(16 * FILE_BYTES));
    const url = `http://${bed.address}:${HTTP_PORT}/files/huge`;
    expect((await bed.finish('curl', '-s', '-m', '1', '--limit-rate', '100k', '-o', '/dev/null', url)).status).toBe(28);
    await bed.ask('sh', '-c', `curl -s --limit-rate 100k -o /dev/null ${url} & sleep 0.5; kill -9 $!`);
    // Closed with data unread: the kernel answers what still comes with resets.
    await bed.askNode(`
      const socket = require('net').connect(${HTTP_PORT}, ADDRESS, () => {
        socket.write('GET /files/huge HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n');
        socket.once('data', () => { socket.pause(); setTimeout(() => socket.destroy(), 100); });
      });`);
  });

  describeWith(['wget', 'wrk'], 'other clients', () => {
    test('wget resumes a download', async () => {
      writeFileSync(here('resumed'), content.subarray(0, 100_000));
      await bed.ask('wget', '-q', '-c', '-O', here('resumed'), `http://${bed.address}:${HTTP_PORT}/files/large`);
      expect(digestOf('resumed')).toBe(digest);
    });

    test('wrk keeps connections busy, and makes new ones', async () => {
      const url = `http://${bed.address}:${HTTP_PORT}/`;
      for (const more of [[], ['-H', 'Connection: close']]) {
        expect(await bed.ask('wrk', '-t1', '-c20', '-d1', ...more, url)).not.toMatch(/Socket errors|Non-2xx/);
      }
    });
  });

  describeWith(['apache2', 'git'], 'Apache', () => {
    beforeAll(async () => {
      const repository = here('repository.git');
      for (const args of [
        ['init', '-q', '--bare', repository],
        ['-C', repository, 'config', 'http.receivepack', 'true'],
      ]) {
        expect(bed.testbed.run('server', 'git', args).error).toBe('');
      }
      bed.testbed.run('server', 'chown', ['-R', 'www-data', repository]);
      bed.testbed.run('server', 'chmod', ['755', bed.folder]);
      const configuration = here('apache.conf');
      writeFileSync(configuration, apacheConfiguration(bed.folder));
      await bed.serve(APACHE_PORT, 'apache2', '-X', '-f', configuration);
    });

    test('pages, compressed ones too', async () => {
      const url = `http://${bed.address}:${APACHE_PORT}/large`;
      expect(await bed.ask('curl', '-sS', '-o', here('plain'), '-w', '%{http_code}', url)).toBe('200');
      expect(digestOf('plain')).toBe(digest);
      await bed.ask('curl', '-sS', '--compressed', '-o', here('compressed'), url);
      expect(digestOf('compressed')).toBe(digest);
    });

    test('git pushes and clones over HTTP', async () => {
      const url = `http://${bed.address}:${GIT_PORT}/repository.git`;
      const [mine, theirs] = [here('mine'), here('theirs')];
      const git = (...args: string[]): Promise<string> =>
        bed.ask('git', '-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args);
      await git('init', '-q', mine);
      writeFileSync(join(mine, 'large'), content);
      await git('-C', mine, 'add', '.');
      await git('-C', mine, 'commit', '-qm', 'large');
      await git('-C', mine, 'push', '-q', url, 'HEAD:main');
      await git('clone', '-q', '-b', 'main', url, theirs);
      expect(readFileSync(join(theirs, 'large')).equals(content)).toBe(true);
    });
  });

  test("Node's own HTTP: keep-alive, pipelining, streams of events, upgrades, half-closed connections", async () => {
    await bed.serveNode(NODE_PORT, NODE_SERVER);
    const script = `const PORT = ${NODE_PORT};${NODE_CLIENT}`;
    for (const address of [bed.address, bed.testbed.addresses.server[6]]) {
      expect(JSON.parse(await bed.askNode(script, address))).toEqual({
        'keep-alive': 30,
        pipelined: 20,
        'stream of events': 'data: 0,data: 1,data: 2,data: 3',
        'after a long poll': 'at last',
        'chunked with trailers': 'a little and more;sum=7',
        websocket: 'echo of hello,echo of 70000 bytes',
        'half-closed': '200 OK',
        'request broken off': 'closed',
      });
    }
  });

  describeWith(['openssl'], 'TLS', () => {
    test('curl with HTTP/1.1 and HTTP/2, and openssl with old and new versions', async () => {
      const [key, certificate] = [here('key.pem'), here('certificate.pem')];
      const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
      await bed.ask('openssl', ...made, '-subj', '/CN=shop.example', '-keyout', key, '-out', certificate);
      await bed.serveNode(
        TLS_PORT,
        `const { readFileSync } = require('fs');
         const options = { key: readFileSync('${key}'), cert: readFileSync('${certificate}'), allowHTTP1: true };
         require('http2').createSecureServer(options, (_, response) => response.end('in secret')).listen(PORT, '::');`,
      );
      const curl = ['-sS', '--cacert', certificate, '--resolve', `shop.example:${TLS_PORT}:${bed.address}`];
      for (const version of ['--http1.1', '--http2']) {
        expect(await bed.ask('curl', ...curl, version, `https://shop.example:${TLS_PORT}/a`)).toBe('in secret');
      }
      for (const version of ['-tls1_2', '-tls1_3']) {
        const client = `printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -ign_eof -quiet ${version} -servername shop.example`;
        expect(await bed.ask('sh', '-c', `${client} -connect ${bed.address}:${TLS_PORT} 2>&1`)).toContain('in secret');
      }
    });
  });

  test('nothing was dropped, and nothing is odd but what is', () =>
    bed.expectClean([
      // Behind the upgrade to a WebSocket there is no HTTP any more, and a message of 70,000 bytes is over its limit.
      'http.tunnel',
      'websocket.skip_end_of_payload',
      // "50%" is not an escape.
      'http.uri_invalid_percent_encoding',
    ]));
});

const apacheConfiguration = (folder: string): string => `
ServerRoot /usr/lib/apache2
ServerName localhost
PidFile ${folder}/apache.pid
ErrorLog ${folder}/apache-error.log
Listen ${APACHE_PORT}
Listen ${GIT_PORT}
User www-data
Group www-data
LoadModule mpm_prefork_module modules/mod_mpm_prefork.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule env_module modules/mod_env.so
LoadModule alias_module modules/mod_alias.so
LoadModule cgi_module modules/mod_cgi.so
LoadModule filter_module modules/mod_filter.so
LoadModule deflate_module modules/mod_deflate.so
DocumentRoot ${folder}
SetOutputFilter DEFLATE
<Directory />
  Require all granted
</Directory>
<VirtualHost *:${GIT_PORT}>
  SetEnv GIT_PROJECT_ROOT ${folder}
  SetEnv GIT_HTTP_EXPORT_ALL 1
  ScriptAlias / /usr/lib/git-core/git-http-backend/
  SetEnv no-gzip 1
</VirtualHost>
`;

const NODE_SERVER = `
  const http = require('http');
  const { createHash } = require('crypto');
  const server = http.createServer((request, response) => {
    switch (request.url) {
      case '/events': {
        response.writeHead(200, { 'Content-Type': 'text/event-stream' });
        let count = 0;
        const timer = setInterval(() => {
          response.write('data: ' + count++ + '\\n\\n');
          if (count === 4) { clearInterval(timer); response.end(); }
        }, 100);
        return;
      }
      case '/poll':
        setTimeout(() => response.end('at last'), 1500);
        return;
      case '/trailers':
        response.writeHead(200, { Trailer: 'Sum' });
        response.write('a little');
        response.write(' and more');
        response.addTrailers({ Sum: '7' });
        response.end();
        return;
      default:
        request.resume().on('end', () => response.end('x'.repeat(request.url.length * 50)));
    }
  });
  server.httpAllowHalfOpen = true;
  server.on('upgrade', (request, socket) => {
    const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11');
    socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n' +
      'Sec-WebSocket-Accept: ' + accept.digest('base64') + '\\r\\n\\r\\n');
    let kept = Buffer.alloc(0);
    socket.on('data', (data) => {
      kept = Buffer.concat([kept, data]);
      for (;;) {
        if (kept.length < 2) return;
        const isLong = (kept[1] & 127) === 127;
        const length = isLong ? (kept.length < 10 ? Infinity : kept.readUInt32BE(6)) : kept[1] & 127;
        const start = (isLong ? 10 : 2) + 4;
        if (kept.length < start + length) return;
        const text = Buffer.from(kept.subarray(start, start + length).map((b, i) => b ^ kept[start - 4 + (i & 3)]));
        const answer = Buffer.from('echo of ' + (isLong ? length + ' bytes' : text));
        socket.write(Buffer.concat([Buffer.from([0x81, answer.length]), answer]));
        kept = kept.subarray(start + length);
      }
    }).on('end', () => socket.end()).on('error', () => {});
  });
  server.listen(PORT, '::');`;

const NODE_CLIENT = `
  const http = require('http');
  const net = require('net');
  const got = {};
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (path, options = {}, body = '') => new Promise((resolve, reject) => {
    http.request({ host: ADDRESS, port: PORT, path, agent, ...options }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (data) => { text += data; })
        .on('end', () => resolve({ text, trailers: response.trailers }));
    }).on('error', reject).end(body);
  });
  const raw = (text, onData) => new Promise((resolve, reject) => {
    const socket = net.connect({ host: ADDRESS, port: PORT, allowHalfOpen: true }, () => socket.write(text));
    let kept = Buffer.alloc(0);
    socket.on('data', (data) => { kept = Buffer.concat([kept, data]); onData(kept, socket); })
      .on('error', reject).on('close', () => resolve(kept)).on('end', () => socket.end());
  });
  const request = (path, more = '') => 'GET ' + path + ' HTTP/1.1\\r\\nHost: shop.example\\r\\n' + more + '\\r\\n';
  const frame = (data) => {
    const mask = Buffer.from([1, 2, 3, 4]);
    const head = data.length < 126 ? Buffer.from([0x81, 0x80 | data.length]) : Buffer.alloc(10);
    if (data.length >= 126) { head[0] = 0x82; head[1] = 0xff; head.writeUInt32BE(data.length, 6); }
    return Buffer.concat([head, mask, Buffer.from(data.map((b, i) => b ^ mask[i & 3]))]);
  };
  (async () => {
    let count = 0;
    for (let i = 0; i < 30; i++) {
      const body = 'b'.repeat(i * 100);
      const { text } = await ask('/' + 'p'.repeat(i), { method: i % 2 ? 'POST' : 'GET' }, i % 2 ? body : '');
      if (text.length === (i + 1) * 50) count++;
    }
    got['keep-alive'] = count;
    const many = await raw(Array.from({ length: 20 }, (_, i) => request('/' + i)).join(''), (kept, socket) => {
      if (kept.toString().split('200 OK').length === 21 && kept.toString().endsWith('x')) socket.end();
    });
    got.pipelined = many.toString().split('200 OK').length - 1;
    got['stream of events'] = (await ask('/events')).text.trim().split('\\n\\n').join();
    got['after a long poll'] = (await ask('/poll')).text;
    const { text, trailers } = await ask('/trailers');
    got['chunked with trailers'] = text + ';sum=' + trailers.sum;
    const upgrade = 'Connection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Version: 13\\r\\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n';
    let sent = 0;
    const spoken = await raw(request('/socket', upgrade), (kept, socket) => {
      const answers = kept.toString('latin1').split('echo of ').length - 1;
      if (sent === 0) { sent = 1; socket.write(frame(Buffer.from('hello'))); }
      if (answers === 1 && sent === 1) { sent = 2; socket.write(frame(Buffer.alloc(70000, 7))); }
      if (answers === 2) socket.end();
    });
    got.websocket = spoken.toString('latin1').match(/echo of [ -~]+/g).join();
    const half = await new Promise((resolve, reject) => {
      const socket = net.connect({ host: ADDRESS, port: PORT, allowHalfOpen: true }, () => socket.end(request('/poll')));
      let said = '';
      socket.on('data', (data) => { said += data; }).on('end', () => resolve(said)).on('error', reject);
    });
    got['half-closed'] = half.match(/200 OK/)[0];
    got['request broken off'] = await new Promise((resolve) => {
      const start = 'POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 100000\\r\\n\\r\\n' + 'x'.repeat(5000);
      const socket = net.connect(PORT, ADDRESS, () => socket.write(start, () => setTimeout(() => socket.resetAndDestroy(), 100)));
      socket.on('close', () => resolve('closed')).on('error', () => {});
    });
    agent.destroy();
    console.log(JSON.stringify(got));
  })();`;
