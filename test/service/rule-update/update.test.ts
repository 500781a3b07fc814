import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { create } from 'tar';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { unpack } from '../../../src/service/rule-update/archive.ts';
import { download } from '../../../src/service/rule-update/download.ts';
import { vpatch } from '../../support/command-line.ts';

const rule = (sid: number, rev = 1, options = ''): string =>
  `alert tcp any any -> any 80 (msg:"rule ${sid}"; content:"pattern ${sid}"; ${options}sid:${sid}; rev:${rev};)`;

let directory: string;
const path = (...steps: readonly string[]): string => join(directory, ...steps);
let server: Server;
let base: string;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let requests: IncomingMessage[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vpatch-update-'));
  requests = [];
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true });
});

const serve = (body: string | Uint8Array, headers: Record<string, string> = {}): void => {
  answer = (_, response) => response.writeHead(200, headers).end(body);
};

function configure(source: string, more = ''): void {
  const control = `control: { socket: ${path('control.sock')} }`;
  writeFileSync(path('vpatch.yaml'), `${control}\nstate: { folder: . }\nrules:\n  sources: [${source}]\n${more}`);
}

const update = (...args: readonly string[]) => vpatch('rules', 'update', '-c', path('vpatch.yaml'), ...args);
const listed = async (...args: readonly string[]): Promise<string[]> =>
  (await vpatch('rules', 'list', '-c', path('vpatch.yaml'), ...args)).stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t', 1)[0]!);

/** A tar.gz of files by name. */
async function archive(files: Readonly<Record<string, string>>): Promise<Uint8Array> {
  const folder = path('packed');
  rmSync(folder, { recursive: true, force: true });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  await create({ gzip: true, file: path('packed.tar.gz'), cwd: folder }, readdirSync(folder));
  return readFileSync(path('packed.tar.gz'));
}

describe('rules update', () => {
  test('makes the rules of an archive live, and says what is new', async () => {
    serve(
      await archive({
        'rules/web.rules': `${rule(1)}\n#${rule(2)}\n`,
        'rules/x-deleted.rules': rule(9),
        LICENSE: 'free',
      }),
    );
    configure(`{ name: open, url: "${base}/%(__version__)s/rules.tar.gz" }`);
    const before = await vpatch('rules', 'list', '-c', path('vpatch.yaml'));
    expect(before).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('run "vpatch rules update"') });

    const { exitCode, stdout } = await update();
    expect(exitCode).toBe(0);
    expect(requests[0]!.url).toBe('/7.0.10/rules.tar.gz');
    expect(stdout).toMatch(
      /^open: \d+ KiB fetched \(by plain http, without a checksum\), 2 files, 2 rules\n2 new\n {2}1:1:1 rule 1\n {2}1:2:1 rule 2 \(disabled\)\n/,
    );
    expect(stdout).toContain(
      '1 rule loaded, 0 refused\nlive\nno running vpatch has taken it over: vpatch is not running',
    );
    expect(await listed('--all')).toEqual(['1:1:1', '1:2:1']);
  });

  test('tells what is another, and tries without doing', async () => {
    configure(`{ name: open, url: "${base}/all.rules" }`, '  files: [own.rules]\n  disable-file: disable.conf\n');
    writeFileSync(path('own.rules'), rule(100));
    writeFileSync(path('disable.conf'), '');
    serve([rule(1), rule(2), rule(3), `#${rule(4)}`, rule(6)].join('\n'));
    await update();
    serve([rule(1), rule(2, 2), rule(4), rule(5), rule(6)].join('\n'));
    writeFileSync(path('disable.conf'), '1\n');
    const trial = await update('--dry-run', '--json');
    const sids = (rules: { sid: number }[]): number[] => rules.map(({ sid }) => sid);
    const report = JSON.parse(trial.stdout);
    expect(sids(report.added)).toEqual([5]);
    expect(sids(report.changed)).toEqual([2]);
    expect(sids(report.removed)).toEqual([3]);
    expect(sids(report.enabled)).toEqual([4]);
    expect(report).toMatchObject({ loaded: 5, refused: 0, isLive: false });
    expect(await listed('--all', '--sid', '3')).toEqual(['1:3:1']);

    expect((await update()).stdout).toMatch(/\n1 removed\n {2}1:3:1 rule 3\n/);
    expect(await listed('--all', '--sid', '3')).toEqual([]);
    expect(readdirSync(path('rules', 'sets'))).toHaveLength(2);
    expect((await update()).stdout).toContain('no rule has changed');
    expect(readdirSync(path('rules', 'sets'))).toHaveLength(2);
  });

  test('asks with what the server said last time, and works offline with what came', async () => {
    answer = (request, response) =>
      request.headers['if-none-match'] === '"v1"'
        ? response.writeHead(304).end()
        : response.writeHead(200, { etag: '"v1"' }).end(rule(1));
    configure(`{ name: open, url: "${base}/a.rules", header: "X-Key: secret" }`);
    expect(await update('--offline')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('nothing was fetched'),
    });
    await update();
    writeFileSync(path('rules', 'sources.json'), '{"open"');
    expect((await update()).stdout).toContain('KiB fetched');
    expect((await update()).stdout).toContain('open: not changed, 1 file, 1 rule');
    expect(requests.at(-1)!.headers).toMatchObject({ 'if-none-match': '"v1"', 'x-key': 'secret' });
    const asked = requests.length;
    expect(await update('--offline')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('as fetched before'),
    });
    expect(requests).toHaveLength(asked);
  });

  test('keeps the old rules whatever goes wrong', async () => {
    configure(`{ name: open, url: "${base}/a.rules" }`);
    serve(rule(1));
    await update();
    const live = readlinkSync(path('rules', 'current'));
    const failures: readonly (readonly [() => void, string])[] = [
      [() => (answer = (_, response) => response.writeHead(404).end()), 'the server answers 404'],
      [() => serve('<html>come back later</html>'), 'open: no rules in it'],
      [() => serve(rule(1).replace('content', 'contnt')), 'none of the rules can be loaded'],
      [
        () => serve(`${rule(1)}\n${rule(2).replace('content', 'contnt')}`),
        '1 of 2 rules cannot be loaded; the first: there is no keyword',
      ],
      [() => serve(gzipSync(rule(1)).subarray(0, 30)), 'a.rules: unexpected end of file'],
      [() => serve('PK\x03\x04'), 'a zip archive'],
      [() => (answer = (_, response) => response.socket!.destroy()), '/a.rules: '],
    ];
    for (const [fail, message] of failures) {
      fail();
      const { exitCode, stderr } = await update();
      expect(exitCode).toBe(1);
      expect(stderr).toContain(message);
      expect(stderr).toContain('nothing was changed');
      expect(readlinkSync(path('rules', 'current'))).toBe(live);
    }
    expect(await listed()).toEqual(['1:1:1']);
    expect(readdirSync(path('rules', 'sets'))).toHaveLength(1);
  });

  test.each([
    ['md5', 'md5'],
    ['sha256', 'sha256'],
    ['sha512', 'sha512'],
  ])('compares a checksum of %s', async (_, algorithm) => {
    const digest = createHash(algorithm).update(rule(1)).digest('hex');
    answer = (request, response) =>
      response.end(request.url === '/a.rules' ? rule(1) : request.url === '/sum' ? `${digest}  a.rules\n` : '<html>');
    configure(`{ name: open, url: "${base}/a.rules", checksum: "${base}/sum" }`);
    expect((await update()).exitCode).toBe(0);
    configure(`{ name: open, url: "${base}/a.rules", checksum: "${digest}" }`);
    expect((await update()).exitCode).toBe(0);
    configure(`{ name: open, url: "${base}/a.rules", checksum: "${digest.replace(/./g, '0')}" }`);
    expect((await update()).stderr).toContain(`its ${algorithm} is ${digest}`);
    configure(`{ name: open, url: "${base}/a.rules", checksum: "${base}/none" }`);
    expect((await update()).stderr).toContain('has no checksum');
  });

  test('takes folders and archives of this machine, with the lists that come with them', async () => {
    mkdirSync(path('mine', 'deep'), { recursive: true });
    writeFileSync(path('mine', 'deep', 'a.rules'), rule(1, 1, 'classtype:ours; '));
    writeFileSync(path('mine', 'classification.config'), 'config classification: ours,Ours,1\n');
    writeFileSync(path('packed.tar.gz'), await archive({ 'b.rules': rule(2) }));
    configure('{ name: mine, path: mine }, { name: theirs, path: packed.tar.gz }');
    expect((await update()).exitCode).toBe(0);
    const { stdout } = await vpatch('rules', 'show', '1', '-c', path('vpatch.yaml'));
    expect(stdout).toContain('ours, priority 1: Ours');
    expect(await listed()).toEqual(['1:1:1', '1:2:1']);
    // What is live is a copy.
    rmSync(path('mine'), { recursive: true });
    expect(await listed()).toEqual(['1:1:1', '1:2:1']);
    expect((await update()).stderr).toMatch(/mine cannot be read: there is no such file/);
  });

  test('needs the files that rules name to come with them', async () => {
    serve(
      await archive({
        'a.rules': rule(1)
          .replace('sid:', 'dataset:isset,names,type string,load names.lst; sid:')
          .replace('content:"pattern 1"', 'content:"p"; http.host')
          .replace('tcp', 'http'),
        'names.lst': 'YWJj\n',
      }),
    );
    configure(`{ name: open, url: "${base}/a.tar.gz" }`);
    expect(await update()).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('lets no rule name a file of this host', async () => {
    writeFileSync(path('secret'), 'YWJj\n');
    const naming = (file: string, sid: number): string =>
      rule(sid).replace('content:', `http.host; dataset:isset,n${sid},type string,load ${file}; content:`);
    const sids = Array.from({ length: 20 }, (_, at) => rule(at + 10)).join('\n');
    serve(
      `${sids}\n${naming(path('secret'), 1)}\n${naming('../../../../secret', 2)}`.replaceAll('alert tcp', 'alert http'),
    );
    configure(`{ name: open, url: "${base}/a.rules" }`);
    expect((await update()).stdout).toContain('20 rules loaded, 2 refused');
  });

  test('a set that cannot be written, and a list of downloads that is damaged, leave nothing behind', async () => {
    mkdirSync(path('rules'));
    writeFileSync(path('rules', 'sources.json'), 'null');
    serve(await archive({ 'a.rules': rule(1) }));
    configure(`{ name: open, url: "${base}/a.tar.gz" }`);
    expect((await update()).exitCode).toBe(0);
    const sets = readdirSync(path('rules', 'sets'));
    serve(rule(1));
    configure(`{ name: open, url: "${base}/${'x'.repeat(300)}.rules" }`);
    expect((await update()).exitCode).toBe(1);
    expect(readdirSync(path('rules', 'sets'))).toEqual(sets);
  });

  test('one at a time, and a dead one does not count', async () => {
    serve(rule(1));
    configure(`{ name: open, url: "${base}/a.rules" }`);
    mkdirSync(path('rules'));
    writeFileSync(path('rules', 'lock'), String(process.ppid));
    expect((await update()).stderr).toContain(`another update is at work: process ${process.ppid}`);
    writeFileSync(path('rules', 'lock'), '4194305');
    expect((await update()).exitCode).toBe(0);
  });

  test('says what it cannot write or read', async () => {
    serve(rule(1));
    configure(`{ name: open, url: "${base}/a.rules" }`, '  disable-file: gone.conf\n');
    expect((await update()).stderr).toMatch(/gone\.conf: there is no such file\nvpatch: nothing was changed\n$/);
    expect(readdirSync(path('rules', 'sets'))).toEqual([]);
    writeFileSync(path('rules', 'sets', 'x'), '');
    rmSync(path('rules'), { recursive: true });
    writeFileSync(path('rules'), '');
    expect(await update()).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/rules.*\nvpatch: nothing was changed/),
    });
  });

  test('without sources is a wrong use', async () => {
    writeFileSync(path('vpatch.yaml'), '');
    expect(await update()).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('there are no sources') });
  });

  test.each([
    ['{ url: "http://x/" }', 'a name'],
    ['{ name: "../x", url: "http://x/" }', 'sources.0.name: expected a name'],
    ['{ name: a, url: "ftp://x/" }', 'sources.0.url: expected an address'],
    ['{ name: a }', 'either "url" or "path"'],
    ['{ name: a, url: "http://x/", path: x }', 'either "url" or "path"'],
    ['{ name: a, path: x }, { name: a, path: y }', 'each of them once'],
    ['{ name: a, pth: x }', 'did you mean path?'],
  ])('refuses the source %s', async (source, message) => {
    configure(source);
    expect(await update()).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(message) });
  });
});

describe('download', () => {
  test('follows redirections, and sends what is secret to nobody else', async () => {
    const other = createServer((request, response) => response.end(JSON.stringify(request.headers)));
    await new Promise<void>((listening) => other.listen(0, '127.0.0.1', listening));
    answer = (_, response) =>
      response.writeHead(302, { location: `http://127.0.0.1:${(other.address() as AddressInfo).port}/x` }).end();
    const got = await download(`${base}/a`, { header: 'Authorization: secret', etag: '"e"' });
    expect(got.status === 'fetched' && Buffer.from(got.bytes).toString()).not.toContain('secret');
    other.close();
    answer = (_, response) => response.writeHead(302, { location: '/again' }).end();
    await expect(download(`${base}/a`)).rejects.toThrow('more than 5 redirections');
    answer = (_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end();
    await expect(download(`${base}/a`)).rejects.toThrow('less safe');
  });

  test('ends at its bounds', async () => {
    serve('x'.repeat(2000));
    await expect(download(`${base}/a`, { maxBytes: 1999 })).rejects.toThrow('more than 1999 bytes');
    answer = () => {};
    await expect(download(`${base}/a`, { timeoutMs: 50 })).rejects.toThrow('not done within 0.05 s');
    answer = (_, response) => response.writeHead(200).write('begun');
    await expect(download(`${base}/a`, { timeoutMs: 50 })).rejects.toThrow('not done within 0.05 s');
  });
});

describe('an archive', () => {
  /** A header of POSIX tar, and the content. */
  function entry(name: string, content: string, type = '0', size = content.length): Uint8Array {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write('0000644\0', 100);
    header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
    header.write('        ', 148);
    header.write(type, 156);
    if (type === '2') header.write('/etc/passwd', 157);
    header.write('ustar\x0000', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return Buffer.concat([header, Buffer.from(content.padEnd(Math.ceil(content.length / 512) * 512, '\0'))]);
  }
  const tar = (...entries: readonly Uint8Array[]): Uint8Array => Buffer.concat([...entries, Buffer.alloc(1024)]);

  test('gives its files, without links and folders', async () => {
    const files = await unpack('x.tar', tar(entry('./a//b.rules', 'text'), entry('c', '', '2'), entry('d/', '', '5')));
    expect([...files].map(([name, bytes]) => [name, Buffer.from(bytes).toString()])).toEqual([['a/b.rules', 'text']]);
  });

  test.each(['../x.rules', 'a/../../x', '/etc/x.rules', 'a\nb', 'a\\..\\b'])(
    'with the path %j is refused',
    async (name) => {
      await expect(unpack('x.tar', tar(entry(name, 'text')))).rejects.toThrow('is not safe');
    },
  );

  test('that is too large is refused before it is unpacked', async () => {
    await expect(unpack('x.tar', tar(entry('a', '', '0', 2 ** 30)))).rejects.toThrow(/more than \d+ bytes/);
    await expect(unpack('x.gz', gzipSync(Buffer.alloc(2 ** 20)), 2 ** 19)).rejects.toThrow(/more than \d+ bytes/);
    await expect(unpack('x.gz', gzipSync(gzipSync('text')))).rejects.toThrow('compressed twice');
  });

  test('that is broken is refused', async () => {
    const whole = tar(entry('a.rules', 'x'.repeat(2000)));
    await expect(unpack('x.tar', whole.subarray(0, 1000))).rejects.toThrow('no sound tar archive');
    const wrong = Buffer.from(whole);
    wrong[0] = 0x41;
    await expect(unpack('x.tar', wrong)).rejects.toThrow('no sound tar archive');
  });

  test('a rule file alone is one file', async () => {
    expect([...(await unpack('http://h/x/y.rules?key=1', Buffer.from('text'))).keys()]).toEqual(['y.rules']);
    expect([...(await unpack('http://h/rules', Buffer.from('text'))).keys()]).toEqual(['rules.rules']);
    expect([...(await unpack('y.rules.gz', gzipSync('text'))).keys()]).toEqual(['y.rules']);
  });
});

test('a folder that links to files outside takes them, and no folder', async () => {
  mkdirSync(path('mine'));
  mkdirSync(path('outside'));
  writeFileSync(path('outside', 'a.rules'), rule(1));
  symlinkSync(path('outside', 'a.rules'), path('mine', 'a.rules'));
  symlinkSync(path('outside'), path('mine', 'folder'));
  configure('{ name: mine, path: mine }');
  expect((await update()).stdout).toContain('1 file, 1 rule');
});
