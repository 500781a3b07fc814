import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fromLatin1 } from '../../../src/base/bytes.ts';
import { TO_SERVER } from '../../../src/base/direction.ts';
import { vpatch } from '../../support/command-line.ts';
import { writePcap } from '../../support/packets.ts';
import { conversation } from '../../support/play.ts';

const RULES = `
drop http $EXTERNAL_NET any -> any 80 (msg:"Shell"; flow:established,to_server; http.uri; content:"/CGI-bin/"; nocase; content:"shell|00|"; distance:1; within:20; fast_pattern; http.method; content:"POST"; pcre:"/P/"; flowbits:set,seen; reference:cve,2021-44228; classtype:web-application-attack; metadata:owner me; sid:1; rev:3;)
alert tcp any any -> any [1:1024,!80] (msg:"Old"; content:"abc"; offset:4; depth:10; flowbits:isset,seen; sid:2;)
# alert dns any any -> any any (msg:"Names CVE_2019_1234"; dns.query; content:"x.example"; sid:3;)
alert tcp any any -> any any (msg:"Refused"; nonsense; sid:4;)
alert tcp any any -> any any (msg:"Later"; requires: version >= 9; content:"x"; sid:5;)
pass ip 10.0.0.1 any <> any any (msg:"Friend"; sid:6;)
`;

let directory: string;
const path = (name: string): string => join(directory, name);
const rules = (command: string, ...args: readonly string[]) => vpatch('rules', command, ...args);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'vpatch-list-'));
  writeFileSync(path('web.rules'), RULES);
  writeFileSync(path('disable.conf'), '2\n');
  writeFileSync(path('drop.conf'), '2\n');
  writeFileSync(path('vpatch.yaml'), 'rules: { files: [web.rules], lists-folder: . }\n');
});
afterAll(() => rmSync(directory, { recursive: true }));

describe('rules list', () => {
  const listed = async (...args: readonly string[]): Promise<string[]> =>
    (await rules('list', path('web.rules'), ...args)).stdout.split('\n').filter((line) => line !== '');
  const sids = async (...args: readonly string[]): Promise<number[]> =>
    (await listed('--all', ...args)).map((line) => Number(line.split(':')[1]));

  test('has one line for each loaded rule', async () => {
    expect(await listed()).toEqual([
      expect.stringMatching(/^1:1:3\tdrop\tShell\t.*web\.rules:2$/),
      expect.stringMatching(/^1:2:0\talert\tOld\t.*web\.rules:3$/),
      expect.stringMatching(/^1:6:0\tpass\tFriend\t/),
    ]);
  });

  test.each([
    [['--sid', '3'], [3]],
    [['--sid', '1:1'], [1]],
    [['--sid', '2:1'], []],
    [['--cve', 'cve-2021-44228'], [1]],
    [['--cve', '2019-1234'], [3]],
    [['--cve', '2021-4422'], []],
    [['--text', 'CGI-BIN'], [1]],
    [['--classtype', 'web-application-attack'], [1]],
    [
      ['--keyword', 'flowbits'],
      [1, 2],
    ],
    [['--keyword', 'flowbits', '--protocol', 'tcp'], [2]],
    [['--protocol', 'http'], [1]],
    [['--action', 'pass'], [6]],
    [
      ['--file', 'web'],
      [1, 2, 3, 4, 5, 6],
    ],
    [['--file', 'dns'], []],
  ] as const)('%j of all are %j', async (args, expected) => {
    expect(await sids(...args)).toEqual(expected);
  });

  test('says why others are not loaded', async () => {
    expect(await listed('--disabled')).toEqual([expect.stringMatching(/^1:3:.*disabled: a comment in its file$/)]);
    expect(await listed('--refused')).toEqual([
      expect.stringMatching(/^1:4:.*refused: there is no keyword "nonsense"/),
      expect.stringMatching(/^1:5:.*left out: what its "requires" asks for/),
    ]);
    const { stdout } = await rules('list', '-c', path('vpatch.yaml'), '--disabled', '--sid', '2', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      sid: 2,
      state: 'disabled',
      reason: expect.stringContaining('disable.conf:1: 2'),
    });
  });

  test('of a rule set, in JSON', async () => {
    expect(JSON.parse((await listed('--json', '--sid', '1'))[0]!)).toEqual({
      action: 'drop',
      gid: 1,
      sid: 1,
      rev: 3,
      message: 'Shell',
      protocol: 'http',
      file: path('web.rules'),
      line: 2,
      state: 'loaded',
      reason: null,
      priority: 1,
      classtype: 'web-application-attack',
      references: [{ type: 'cve', id: '2021-44228' }],
    });
  });

  test('refuses what is no sid and no CVE', async () => {
    expect((await rules('list', path('web.rules'), '--sid', 'x')).exitCode).toBe(2);
    expect((await rules('list', path('web.rules'), '--cve', 'log4shell')).exitCode).toBe(2);
  });
});

describe('rules show', () => {
  test('explains a rule', async () => {
    const { exitCode, stdout } = await rules('show', '1', path('web.rules'));
    expect(exitCode).toBe(0);
    for (const words of [
      '1:1, revision 3: Shell\n',
      'web.rules:2, loaded\n',
      '  http from $EXTERNAL_NET, port any to any, port 80\n  what the client sends\n  in established connections\n',
      '  $EXTERNAL_NET is !$HOME_NET\n',
      '    has "/CGI-bin/", in upper or lower case\n' +
        '    has "shell|00|", at least 1 byte behind the match before it, and ending within 20 bytes of there (the fast pattern)\n',
      '    has "POST"\n    a match of "/P/"\n',
      'Then\n  blocked in prevent mode, an alert\n  marks the flow: seen\n',
      'Found by\n  "shell|00|" in http.uri: it says fast_pattern\n  judged on transactions, found by the search of http.uri\n',
      '  web-application-attack, priority 1: Web Application Attack\n',
      'name=2021-44228\n  owner: me\n',
    ]) {
      expect(stdout).toContain(words);
    }
    expect(stdout.indexOf('http.uri: ')).toBeLessThan(stdout.indexOf('http.method: '));
  });

  test('one on streams, that a list has put out of force', async () => {
    const { stdout } = await rules('show', '2', '-c', path('vpatch.yaml'));
    expect(stdout).toMatch(
      /web\.rules:3, disabled: .*disable\.conf:1: 2\n {2}dropped by .*drop\.conf:1: 2\nLooks at\n/,
    );
    expect(stdout).toContain('has "abc", within 10 bytes from byte 4 on (the fast pattern)');
    expect(stdout).toContain('carries the mark seen');
    expect(stdout).toContain('in the port table under any -> 1-79,81-1024');
  });

  test('one without anything to search for', async () => {
    const { stdout } = await rules('show', '6', path('web.rules'));
    expect(stdout).toContain('ip between 10.0.0.1, port any and anywhere');
    expect(stdout).toContain('no other rule is applied to what matches, no alert');
    expect(stdout).toContain('none: it looks into no payload');
    expect(stdout).toContain('judged once for each flow and direction, by addresses and ports');
  });

  test('one whose header names no application, and whose expression names a buffer', async () => {
    writeFileSync(
      path('old.rules'),
      'alert tcp any any -> any any (msg:"m"; content:"/x"; http_uri; pcre:!"/y/U"; isdataat:9; sid:1; rev:1;)',
    );
    const { stdout } = await rules('show', '1', path('old.rules'));
    expect(stdout).toContain('  tcp from anywhere to anywhere\n  where it is http or http2\n');
    expect(stdout).toMatch(/ {2}http\.uri: .*\n {4}has "\/x" \(the fast pattern\)\n {4}no match of "\/y\/U"\n/);
    expect(stdout).toMatch(/ {2}payload\n {4}isdataat:9 \(/);
  });

  test('one that cannot be loaded', async () => {
    const { stdout, exitCode } = await rules('show', '4', path('web.rules'));
    expect(exitCode).toBe(0);
    expect(stdout).toContain('refused: there is no keyword "nonsense"');
    expect(stdout).not.toContain('Looks at');
  });

  test('tells programs in JSON', async () => {
    const { stdout } = await rules('show', '1:2', path('web.rules'), '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      sid: 2,
      state: 'loaded',
      conditions: [
        { where: 'payload', what: 'has "abc", within 10 bytes from byte 4 on (the fast pattern)' },
        { where: 'flow', what: 'carries the mark seen' },
      ],
    });
  });

  test('of a sid that there is not is 1', async () => {
    expect(await rules('show', '99', path('web.rules'))).toMatchObject({
      exitCode: 1,
      stderr: 'vpatch: no rule has the sid 99\n',
    });
  });
});

test('rules stats counts', async () => {
  const { stdout } = await rules('stats', path('web.rules'), '--json');
  expect(JSON.parse(stdout)).toMatchObject({
    states: { loaded: 3, disabled: 1, refused: 1, 'left out': 1 },
    actions: { drop: 1, alert: 1, pass: 1 },
    protocols: { http: 1, tcp: 1, ip: 1 },
    classtypes: { 'web-application-attack': 1, none: 2 },
    buffers: { 'http.uri': 1, 'http.method': 1, payload: 1 },
    keywords: { content: 2, flowbits: 2, sid: 3 },
    fastPatterns: { '3': 1, '5-8': 1, '1': 0 },
    withoutFastPattern: 1,
  });
  const text = (await rules('stats', path('web.rules'))).stdout;
  expect(text).toMatch(/^rules\n {8}3 {2}loaded$/m);
  expect(text).toMatch(/bytes of the fast pattern\n(.*\n)* {8}1 {2}none\n/);
});

describe('rules profile', () => {
  beforeAll(() => {
    const bytes = fromLatin1('POST /cgi-bin/x.shell%00 HTTP/1.1\r\nHost: h\r\n\r\n');
    writePcap(path('traffic.pcap'), conversation([{ direction: TO_SERVER, bytes }]));
    const options = 'content:"shell|00|"; sid:1;) alert';
    writeFileSync(
      path('cost.rules'),
      [
        `alert http any any -> any any (msg:"hit"; http.uri; ${options.replace(' alert', '')}`,
        'alert http any any -> any any (msg:"near"; http.uri; content:"shell"; content:"none"; sid:2;)',
        'alert http any any -> any any (msg:"far"; http.uri; content:"elsewhere"; sid:3;)',
      ].join('\n'),
    );
  });
  const profile = (...args: readonly string[]) =>
    rules('profile', '-S', path('cost.rules'), path('traffic.pcap'), ...args);

  test('counts what was held against the traffic, and what matched', async () => {
    const { exitCode, stdout } = await profile('--json', '--rounds', '2');
    expect(exitCode).toBe(0);
    const costs = stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
    expect(costs.sort((a, b) => a.sid - b.sid)).toEqual([
      {
        gid: 1,
        sid: 1,
        message: 'hit',
        checks: 1,
        matches: 1,
        totalMs: expect.any(Number),
        longestMs: expect.any(Number),
      },
      expect.objectContaining({ sid: 2, matches: 0, checks: expect.any(Number) }),
    ]);
  });

  test('prints the dearest as a table', async () => {
    const { stdout } = await profile('--top', '1');
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/ms +share +checks +matches +us\/check +us most {2}rule$/),
      expect.stringMatching(/1:[12] (hit|near)$/),
      expect.stringMatching(/^2 rules checked, [\d.]+ ms in all$/),
      '',
    ]);
  });

  test('of what is no capture is 2', async () => {
    expect((await rules('profile', '-S', path('cost.rules'), path('cost.rules'))).exitCode).toBe(2);
  });
});
