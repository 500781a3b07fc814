import { describe, expect, test, vi } from 'vitest';
import { PatternIndex } from '../../src/detect/pattern-index.ts';
import { WHOLE_BYTES } from '../../src/detect/stream-window.ts';
import { conversation } from '../support/play.ts';
import { alertsOf, alertsOfEach, down, everyCut, up } from './support.ts';

const rule = (options: string, sid = 1): string => `alert http any any -> any any (${options} sid:${sid};)`;
const post = (body: string, fields = ''): string =>
  `POST /form HTTP/1.1\r\nHost: shop.example\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
const answer = (body: string, status = '200 OK'): string =>
  `HTTP/1.1 ${status}\r\nServer: test\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

describe('a request', () => {
  const body = 'name=x&command=run&tail=1';
  test.each([
    ['a head', 'http.uri; content:"/form";'],
    ['a body', 'http.request_body; content:"command=run";'],
    ['two contents of a body', 'http.request_body; content:"name"; content:"tail=1";'],
    ['head and body', 'http.uri; content:"/form"; http.request_body; content:"run";'],
    ['head and body, by the pattern of the body', 'http.method; content:"POST"; http.request_body; content:"command";'],
    ['the end of a body', 'http.request_body; content:"tail=1"; endswith;'],
    ['what is not in a body', 'http.uri; content:"/form"; http.request_body; content:!"other";'],
    ['the size of a body', 'http.request_body; content:"name"; bsize:25;'],
    ['a head without pattern', 'http.uri; pcre:"/^\\/f/";'],
    ['a body without pattern', 'http.request_body; pcre:"/run.*tail/";'],
    ['file.data', 'file.data; content:"command=run";'],
  ])('%s is found once at every cut', (_name, options) => {
    const connections = everyCut(post(body)).map((parts) => [...parts.map(up), down(answer('ok'))]);
    expect(alertsOfEach(rule(options), connections)).toEqual(connections.map(() => [1]));
  });

  test.each([
    ['an end that is not the end yet', 'http.request_body; content:"command"; endswith;', body],
    ['what comes later after all', 'http.uri; content:"/form"; http.request_body; content:!"tail";', body],
    ['a size that it had on the way', 'http.request_body; content:"name"; bsize:10;', body],
    ['a body that is not there', 'http.uri; content:"/form"; http.request_body; content:!"tail";', ''],
    ['another request of the connection', 'http.uri; content:"/form"; http.request_body; content:"other";', body],
  ])('%s is not found', (_name, options, text) => {
    const other = post('other').replace('/form', '/page');
    const connections = everyCut(post(text)).map((parts) => [...parts.map(up), up(other), down(answer('ok'))]);
    expect(alertsOfEach(rule(options), connections)).toEqual(connections.map(() => []));
  });

  test('matches once although its body grows, and again in the next one', () => {
    const turns = [...post(`command=run${'x'.repeat(500)}`)].map(up);
    const rules = [
      rule('http.request_body; content:"command=run";', 1),
      rule('http.uri; content:"/form";', 2),
      rule('http.method; content:"POST"; http.request_body; content:"command";', 3),
    ].join('\n');
    expect(alertsOf(rules, turns).sort()).toEqual([1, 2, 3]);
    expect(alertsOf(rules, [...turns, ...turns]).sort()).toEqual([1, 1, 2, 2, 3, 3]);
  });

  test('whose head is told twice matches once', () => {
    // A request line without version: fields may follow or not.
    expect(alertsOf(rule('http.uri; content:"/old";'), [up('GET /old\r\n'), up('Host: a\r\n\r\n')])).toEqual([1]);
  });

  test('among many in one packet each is found', () => {
    const many = Array.from({ length: 10 }, (_, i) => `GET /page/${i} HTTP/1.1\r\nHost: a\r\n\r\n`).join('');
    expect(alertsOf(rule('http.uri; content:"/page/";'), [up(many)])).toHaveLength(10);
    expect(alertsOf(rule('http.uri; content:"/page/7"; endswith;'), [up(many)])).toEqual([1]);
  });

  test.each([
    ['/cat\\b/', [1, 1, 0]],
    ['/(?:dog|(cat\\b))/', [1, 1, 0]],
    ['/ca\\B/', [1, 1, 1]],
    ['/cat\\B/', [0, 0, 1]],
    ['/cat\\b./', [0, 1, 0]],
  ])('the end of a word is none where only the rest has not come: %s', (expression, counts) => {
    for (const [i, body] of ['a cat', 'a cat, a mouse', 'a catalogue'].entries()) {
      const connections = [...everyCut(post(body)).map((parts) => parts.map(up)), [...post(body)].map(up)];
      const found = alertsOfEach(rule(`http.request_body; pcre:"${expression}";`), connections);
      expect(found).toEqual(connections.map(() => (counts[i] === 1 ? [1] : [])));
    }
  });

  test('a body beyond its limit is searched up to it, and the next request again', () => {
    const config = { http: { requestBodyBytes: 1000 } };
    const rules = rule('http.request_body; content:"command";');
    const long = post(`${'x'.repeat(5000)}command`);
    expect(alertsOf(rules, [up(long)], { config })).toEqual([]);
    expect(alertsOf(rules, [up(long), up(post('command'))], { config })).toEqual([1]);
    expect(alertsOf(rules, [up(post(`${'x'.repeat(900)}command${'x'.repeat(5000)}`))], { config })).toEqual([1]);
  });
});

describe('a rule on transactions by a pattern of no buffer', () => {
  const rules = rule('http.uri; content:"/form"; pkt_data; content:"tail=1"; fast_pattern;');

  test('is found once at every cut, in the request that has it', () => {
    const connections = everyCut(post('name=x&tail=1')).map((parts) => [...parts.map(up), up(post('other'))]);
    expect(alertsOfEach(rules, connections)).toEqual(connections.map(() => [1, 1]));
  });

  test('has its place in the stream, or in what came since the request before it', () => {
    const placed = rule('content:"tail=1"; depth:90; http.method; content:"POST";');
    const first = post('x'.repeat(100));
    expect(alertsOf(placed, [up(post('tail=1'))])).toEqual([1]);
    expect(alertsOf(placed, [up(first), down(answer('ok')), up(post('tail=1'))])).toEqual([1]);
    expect(alertsOf(placed, [up(first), ...everyCut(post('tail=1'))[30]!.map(up)])).toEqual([1]);
    expect(alertsOf(placed, [up(first), up(post(`${'x'.repeat(100)}tail=1`))])).toEqual([]);
  });

  test('is not found without the pattern, nor where only its buffer fails', () => {
    expect(alertsOf(rules, [up(post('name=x&tail=2'))])).toEqual([]);
    expect(alertsOf(rules, [up(post('name=x&tail=1').replace('/form', '/page'))])).toEqual([]);
  });

  test('is found as long as the stream is kept, however far it has moved', () => {
    const other = post('x'.repeat(900));
    const first = post('tail=1');
    const others = Array.from({ length: 60 }, () => up(other));
    expect(alertsOf(rules, [...others, up(first), up(other)])).toEqual([1, 1]);
    const whileKept = Math.ceil((WHOLE_BYTES - first.length) / other.length);
    expect(alertsOf(rules, [up(first), ...others])).toHaveLength(1 + whileKept);
    expect(alertsOf(rules, [...everyCut(first)[60]!.map(up), ...others.slice(0, 3)])).toHaveLength(4);
  });

  test('is found in the packet where streams are not kept', () => {
    const config = { stream: { depthBytes: 100 } };
    const turns = [up(post('x'.repeat(500))), up(post('tail=1')), up(post('other'))];
    expect(alertsOf(rules, turns, { config })).toEqual([1]);
  });

  test('is looked for once in a packet, where streams are not kept', () => {
    const search = vi.spyOn(PatternIndex.prototype, 'search');
    try {
      const last = post('a request and its end');
      alertsOf(rules, [up(post('x'.repeat(500))), up(last)], { config: { stream: { depthBytes: 100 } } });
      expect(search.mock.calls.filter(([, start, end]) => end - start === last.length)).toHaveLength(1);
    } finally {
      search.mockRestore();
    }
  });

  test('is looked for by its pattern alone', () => {
    const search = vi.spyOn(PatternIndex.prototype, 'search');
    try {
      const turns = [...post('x'.repeat(500))].map(up);
      alertsOf(rules, turns);
      const searched = search.mock.calls.map(([, start, end]) => end - start);
      expect(Math.max(...searched)).toBeLessThan(200);
    } finally {
      search.mockRestore();
    }
  });
});

describe('uploaded files', () => {
  const part = (name: string, content: string): string =>
    `--XX\r\nContent-Disposition: form-data; name="f"; filename="${name}"\r\n\r\n${content}\r\n`;
  const form = `${part('a.txt', 'harmless')}${part('b.php', '<?php system(1);')}--XX--\r\n`;
  const request = post(form, 'Content-Type: multipart/form-data; boundary=XX\r\n');

  test('each of a thousand is searched, and those behind them together', () => {
    const files = Array.from({ length: 1500 }, (_, i) => part('a', `<${i}>`)).join('');
    const many = post(`${files}--XX--\r\n`, 'Content-Type: multipart/form-data; boundary=XX\r\n');
    const config = { http: { requestBodyBytes: many.length } };
    const found = (options: string): number[] => alertsOf(rule(`file.data; ${options}`), [up(many)], { config });
    expect(found('content:"<1000>"; startswith;')).toEqual([1]);
    expect(found('content:"<1400>"; startswith;')).toEqual([]);
    expect(found('content:"<1400>";')).toEqual([1]);
    expect(found('content:"<1499>";')).toEqual([1]);
  });

  test('each is searched, also the second, at every cut and byte by byte', () => {
    const rules = rule('file.data; content:"<?php"; startswith; content:"system(1)";');
    const connections = [...everyCut(request).map((parts) => parts.map(up)), [...request].map(up)];
    expect(alertsOfEach(rules, connections)).toEqual(connections.map(() => [1]));
  });

  test('what was searched of a second file that comes in small pieces is not searched again', () => {
    const large = `${part('a.txt', 'harmless')}${part('b.bin', 'abcdefg '.repeat(1000))}--XX--\r\n`;
    const text = post(large, 'Content-Type: multipart/form-data; boundary=XX\r\n');
    const turns = (text.match(/.{1,40}/gs) ?? []).map(up);
    const searches = vi.spyOn(PatternIndex.prototype, 'search');
    expect(alertsOf(rule('file.data; content:"nowhere in it";'), turns)).toEqual([]);
    const searchedBytes = searches.mock.calls.reduce((sum, [, start, end]) => sum + end - start, 0);
    searches.mockRestore();
    expect(searchedBytes).toBeGreaterThan(8000);
    expect(searchedBytes).toBeLessThan(2 * text.length);
  });
});

describe('a response', () => {
  const turns = [up('GET /a HTTP/1.1\r\nHost: a\r\n\r\n'), down(answer('secret: 42', '403 Forbidden'))];
  test.each([
    ['status', 'http.stat_code; content:"403";', 1],
    ['a body', 'flow:to_client; file.data; content:"secret";', 1],
    ['a field', 'flow:to_client; http.header; content:"Server|3a| test";', 1],
    ['a field that both have', 'http.protocol; content:"HTTP/1.1";', 2],
    ['a field in the wrong direction', 'flow:to_server; http.header; content:"Server|3a| test";', 0],
  ])('%s', (_name, options, count) => {
    expect(alertsOf(rule(options), turns)).toHaveLength(count);
  });

  test('its body is searched once, whatever rules call it', () => {
    const rules = [
      rule('http.response_body; content:"secret";', 1),
      rule('flow:to_client; file.data; content:"ret: 42";', 2),
      rule('flow:to_client; file.data; content:"nowhere";', 3),
    ].join('\n');
    const search = vi.spyOn(PatternIndex.prototype, 'search');
    try {
      expect(alertsOf(rules, turns).sort()).toEqual([1, 2]);
      expect(search).toHaveBeenCalledTimes(1);
    } finally {
      search.mockRestore();
    }
  });

  test('its rule names the server as source', () => {
    const to = (from: string, port: string): string =>
      `alert http ${from} ${port} -> any any (http.stat_code; content:"403"; sid:1;)`;
    expect(alertsOf(to('192.0.2.2', '80'), turns)).toEqual([1]);
    expect(alertsOf(to('192.0.2.1', 'any'), turns)).toEqual([]);
  });
});

describe('what a packet of the other side brings to an end', () => {
  test('is judged as what its sender sent', () => {
    // Without its end the first line is no request yet; the server's reset says that it never will be.
    const rules = [
      'alert http 192.0.2.1 any -> 192.0.2.2 80 (flow:established,to_server; http.uri; content:"/half"; sid:1;)',
      'alert http 192.0.2.2 any -> 192.0.2.1 any (http.uri; content:"/half"; sid:2;)',
    ].join('\n');
    // The response comes before the request was recognised: its direction opens the parser.
    const odd = [up('\r\n'), down(answer('x')), up('GET /half HTTP/1.1\r\nHost: a\r\n\r\n')];
    expect(alertsOf(rules, odd)).toEqual([1]);
  });
});

test('more CRs at the end of a field line are not part of its value', () => {
  const request = 'GET / HTTP/1.1\r\nHost: a\r\nReferer: x.html\r\r\r\nX: y\r\r\n\r\n';
  expect(alertsOf(rule('http.header; content:"Referer: x.html|0d 0a|X: y|0d 0a|";'), [up(request)])).toEqual([1]);
});

describe('a rule on a protocol alone', () => {
  const exchange = [up('GET /a HTTP/1.1\r\nHost: a\r\n\r\n'), down(answer('x'))];
  test('alerts on each packet while the protocol is known', () => {
    expect(alertsOf('alert http any any -> any any (sid:1;)', exchange)).toEqual(
      conversation(exchange)
        .slice(3, -1)
        .map(() => 1),
    );
  });

  test('does not alert on another one', () => {
    expect(alertsOf('alert http any any -> any any (sid:1;)', [up('SSH-2.0-x\r\n'), down('SSH-2.0-y\r\n')])).toEqual(
      [],
    );
  });
});

test('a file behind an empty one of the same form is inspected', () => {
  const part = (name: string, content: string): string =>
    `--b\r\nContent-Disposition: form-data; name="${name}"; filename="${name}.bin"\r\n\r\n${content}\r\n`;
  const form = `${part('first', '')}${part('second', 'malicious content')}--b--\r\n`;
  const turns = [up(post(form, 'Content-Type: multipart/form-data; boundary=b\r\n'))];
  expect(alertsOf(rule('flow:to_server; file.data; content:"malicious"; startswith;'), turns)).toEqual([1]);
});

describe('a rule that does not say which protocol it is for', () => {
  const mail = [
    down('220 mail.example\r\n'),
    up('HELO client.example\r\n'),
    down('250 ok\r\n'),
    up('MAIL FROM:<a@client.example>\r\n'),
    down('250 ok\r\n'),
    up('RCPT TO:<b@mail.example>\r\n'),
    down('250 ok\r\n'),
    up('DATA\r\n'),
    down('354 go on\r\n'),
    up(
      'Content-Type: application/octet-stream; name="a.bin"\r\nContent-Disposition: attachment; filename="a.bin"\r\n\r\nevil\r\n.\r\n',
    ),
    down('250 ok\r\n'),
  ];
  const web = [up(post('evil')), down(answer('ok'))];
  const onFiles = 'file.data; content:"evil";';

  test('is tried on every protocol that has its buffers', () => {
    const anywhere = `alert tcp any any -> any any (${onFiles} sid:1;)`;
    expect(alertsOfEach(anywhere, [web, mail])).toEqual([[1], [1]]);
  });

  test('is for one alone where another buffer says so', () => {
    const ofWeb = `alert tcp any any -> any any (${onFiles} http.uri; content:"/form"; sid:1;)`;
    expect(alertsOfEach(ofWeb, [web, mail])).toEqual([[1], []]);
    const ofMail = `alert smtp any any -> any any (${onFiles} sid:1;)`;
    expect(alertsOfEach(ofMail, [web, mail])).toEqual([[], [1]]);
  });
});
