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
    const pages = await bed.askOurs('http2-client', bed.address, `${HTTP2_PORT}`, '40');
    expect(pages.trim()).toBe(PAGE.repeat(40).trim());
  });

  test('downloads that are broken off', async () => {
    // curl minds its limit only now and then: too much to be there before it does.
    writeFileSync(join(nginx.files, 'huge'), Buffer.alloc(16 * FILE_BYTES));
    const url = `http://${bed.address}:${HTTP_PORT}/files/huge`;
    expect((await bed.finish('curl', '-s', '-m', '1', '--limit-rate', '100k', '-o', '/dev/null', url)).status).toBe(28);
    await bed.ask('sh', '-c', `curl -s --limit-rate 100k -o /dev/null ${url} & sleep 0.5; kill -9 $!`);
    // Closed with data unread: the kernel answers what still comes with resets.
    await bed.askOurs('broken-off-client', bed.address, `${HTTP_PORT}`);
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
    await bed.serveOurs('web-server', NODE_PORT);
    for (const address of [bed.address, bed.testbed.addresses.server[6]]) {
      expect(JSON.parse(await bed.askOurs('web-client', address, `${NODE_PORT}`))).toEqual({
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
      await bed.serveOurs('tls-server', TLS_PORT, key, certificate);
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
