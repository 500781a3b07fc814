import { constants } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { AppLayer } from '../../src/app/app-layer.ts';
import { HTTP2_EVENTS } from '../../src/app/http2/events.ts';
import { createHttp2 } from '../../src/app/http2/http2.ts';
import { type AppProtocol, STAGE } from '../../src/app/protocol.ts';
import { EMPTY_BYTES, fromLatin1, latin1 } from '../../src/base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import {
  client,
  FLAGS,
  fetched,
  fields,
  frame,
  integer,
  joined,
  keptField,
  PREFACE,
  REQUEST,
  recorded,
  request,
  response,
  server,
} from './http2-frames.ts';
import { channel, flowEndpoints } from './support.ts';
import { cut, expectSoundWhenChanged, type Piece, type Trace, trace } from './trace.ts';

const HTTP2 = createHttp2() as AppProtocol;
const { endHeaders: END_HEADERS, endStream: END_STREAM } = FLAGS;
const eventsOf = ({ lines }: Trace): string[] => lines.flatMap((line) => line.split(' ! ')[1] ?? []);
const SETTINGS = frame('settings', 0, 0);

const shownEvents = new Set<string>();
/** What one direction sends, behind what both begin with. The events are the same however the bytes are cut. */
function expectEvents(pieces: readonly Piece[], ...events: string[]): void {
  const all = [client(PREFACE, SETTINGS), server(SETTINGS), ...pieces];
  expect(eventsOf(trace(HTTP2, all))).toEqual(events);
  const size = pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (size < 10_000) expect(eventsOf(trace(HTTP2, cut(all, 7)))).toEqual(events);
  for (const event of events) shownEvents.add(event);
}
const expectRequest = (pairs: readonly (readonly [string, string])[], ...events: string[]): void =>
  expectEvents([client(request(1, pairs))], ...events);
const changed = (name: string, value: string): (readonly [string, string])[] =>
  REQUEST.map((pair) => (pair[0] === name ? [name, value] : pair));

/**
 * Node's client and server: two requests with bodies, cookies, compression, trailers and a stream that is taken back.
 */
const whole = await recorded(
  {},
  (incoming, answer) => {
    incoming.on('data', () => undefined);
    incoming.on('end', () => {
      if (incoming.url === '/never') return;
      answer.writeContinue();
      answer.writeHead(200, {
        'content-type': 'text/html; charset=x',
        'content-encoding': 'gzip',
        'set-cookie': ['a=b', 'c=d'],
      });
      answer.addTrailers({ 'x-sum': '7' });
      answer.end(gzipSync(`<p>${'z'.repeat(3000)}`));
    });
  },
  async (session) => {
    const head = { ':method': 'POST', ':path': '/a/../b%41?x=1', 'user-agent': 'me', cookie: 'q=1' };
    await fetched(session, { ...head, 'content-length': '9', te: 'trailers' }, 'some body');
    await fetched(session, { ...head, ':path': '/two', cookie: 'q=2' }, 'x'.repeat(40_000));
    const never = session.request({ ':path': '/never' });
    never.close(constants.NGHTTP2_CANCEL);
    await new Promise((resolve) => never.once('close', resolve));
    session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  },
);

describe("what Node's client and server say", () => {
  const traced = trace(HTTP2, whole);
  const buffer = (name: string): string | undefined => traced.buffers.get(name);

  test('streams are transactions with the buffers of HTTP', () => {
    expect(eventsOf(traced)).toEqual([]);
    expect(Object.fromEntries(traced.buffers)).toMatchObject({
      '0 client http.method': 'POST',
      '0 client http.uri': '/bA?x=1',
      '0 client http.uri.raw': '/a/../b%41?x=1',
      '0 client http.request_line': 'POST /a/../b%41?x=1 HTTP/2',
      '0 client http.protocol': 'HTTP/2',
      '0 client http.host': 'a.example',
      '0 client http.user_agent': 'me',
      '0 client http.cookie': 'q=1',
      '0 client http.request_body': 'some body',
      '0 client file.data': 'some body',
      '0 server http.stat_code': '200',
      '0 server http.response_line': 'HTTP/2 200',
      '0 server http.content_type': 'text/html; charset=x',
      '0 server http.cookie': 'a=b, c=d',
      '0 server http.response_body': `<p>${'z'.repeat(3000)}`,
      '0 server file.data': `<p>${'z'.repeat(3000)}`,
      '1 client http.uri': '/two',
      '1 client http.cookie': 'q=2',
      '1 client http.request_body': 'x'.repeat(40_000),
    });
    expect(buffer('0 server http.stat_msg')).toBeUndefined();
  });

  test('fields are shown as Suricata has them: with pseudo-headers, without cookies, one by one', () => {
    expect(buffer('0 client http.header')).toMatch(
      /^:method: POST\r\n:path: \/a\/\.\.\/b%41\?x=1\r\n(?:(?!cookie).)*te: trailers\r\n(?:(?!cookie).)*$/s,
    );
    expect(buffer('0 server http.header.raw')).toContain('set-cookie: a=b\r\nset-cookie: c=d\r\n');
    expect(buffer('0 server http.header.raw')).toMatch(/x-sum: 7\r\n$/);
    expect(buffer('0 server http2.header_name')).toBe(':status');
    expect(buffer('0 server http.response_header#1')).toBe('content-type: text/html; charset=x');
    expect(buffer('0 client http2.header#1')).toBe(':path: /a/../b%41?x=1');
  });

  test('frames have their numbers', () => {
    const numbers = (name: string): string[] =>
      [...traced.buffers].filter(([key]) => key.includes(` http2.${name}`)).map(([key, value]) => `${key}=${value}`);
    const codes = numbers('errorcode');
    expect(codes).toContainEqual(expect.stringMatching(/client http2.errorcode=\0\0\0\x08$/));
    expect(codes).toContainEqual(expect.stringMatching(/client http2.errorcode=\0\0\0\x0b$/));
    expect(numbers('frametype')).toEqual(expect.arrayContaining(['0 client http2.frametype=\0']));
    expect(numbers('window').length).toBeGreaterThan(0);
  });

  test('EVE shows fields and frames', () => {
    expect(traced.described.get(0)).toMatchObject({
      ...{ hostname: 'a.example', url: '/a/../b%41?x=1', http_method: 'POST', protocol: 'HTTP/2', version: '2' },
      ...{ status: 200, http_content_type: 'text/html', http_user_agent: 'me' },
      request_headers: expect.arrayContaining([{ name: ':method', value: 'POST' }]),
      response_headers: expect.arrayContaining([{ name: ':status', value: '200' }]),
      http2: { stream_id: 1, request: {}, response: {} },
    });
    expect([...traced.described.values()].map(({ http2 }) => http2)).toEqual(
      expect.arrayContaining([
        { stream_id: 5, request: { error_code: 'CANCEL' }, response: {} },
        { stream_id: 0, request: { error_code: 'ENHANCE_YOUR_CALM' }, response: {} },
      ]),
    );
  });

  test('is the same however it is cut', () => {
    for (const bytes of [1, 8, 10, 1400]) expect(trace(HTTP2, cut(whole, bytes))).toEqual(traced);
  });

  test('every beginning has a result', () => {
    const head = whole.map(({ direction, bytes }) => ({ direction, bytes: bytes.subarray(0, 60) }));
    const bytes = cut(head, 1);
    for (let count = 0; count < bytes.length; count++) {
      expect(trace(HTTP2, bytes.slice(0, count)).lines.length).toBeLessThan(traced.lines.length);
    }
  });

  test('changed bytes never throw, and mean the same in any pieces', () => {
    const small = whole.map(({ direction, bytes }) => ({ direction, bytes: bytes.slice(0, 600) }));
    expectSoundWhenChanged(HTTP2, small, { runs: 60 });
  });
});

describe('the connection', () => {
  test('is recognised from both sides', () => {
    const probe = (direction: 0 | 1, bytes: Uint8Array): string =>
      HTTP2.probe(direction, bytes, 0, bytes.length, channel());
    expect([0, 3, 23, 24, 40].map((length) => probe(TO_SERVER, joined(PREFACE, SETTINGS).subarray(0, length)))).toEqual(
      [...['more', 'more', 'more', 'yes', 'yes']],
    );
    expect(probe(TO_SERVER, fromLatin1('PRI * HTTP/2.0\r\nHost: a'))).toBe('no');
    expect(probe(TO_CLIENT, SETTINGS)).toBe('yes');
    expect(probe(TO_CLIENT, SETTINGS.subarray(0, 8))).toBe('more');
    expect(probe(TO_CLIENT, frame('ping', 0, 0, '12345678'))).toBe('no');
    expect(probe(TO_CLIENT, frame('settings', 0, 0, '12345'))).toBe('no');
  });

  test('is followed to its end: a request behind megabytes of content', () => {
    const upload = request(1, [...REQUEST.slice(1), [':method', 'POST']], END_HEADERS);
    const pieces = [client(PREFACE, SETTINGS, upload)];
    for (let i = 0; i < 500; i++) pieces.push(client(frame('data', 0, 1, new Uint8Array(16_384))));
    pieces.push(client(frame('data', END_STREAM, 1, ''), request(3, changed(':path', '/behind'))));
    const traced = trace(HTTP2, pieces);
    expect(traced.buffers.get('0 client http.request_body')).toHaveLength(100 * 1024);
    expect(traced.buffers.get('1 client http.uri')).toBe('/behind');
  });

  test('content that nobody saw is skipped, anything else ends its direction', () => {
    const upload = request(1, [...REQUEST.slice(1), [':method', 'POST']], END_HEADERS);
    const data = frame('data', END_STREAM, 1, 'a'.repeat(300));
    const lost = [
      client(PREFACE, upload, data.subarray(0, 100)),
      client(data.subarray(100, 200)),
      client(data.subarray(200), request(3)),
    ];
    const traced = trace(HTTP2, lost, 1);
    expect(traced.lines).toEqual([
      ...['0 client head', '0 client ! http2.gap', '0 client complete', '1 client head', '1 client complete'],
      ...['0 server complete', '1 server complete'],
    ]);
    const ended = trace(HTTP2, [client(PREFACE), client(request(1)), client(request(3))], 1);
    expect(ended.lines).toEqual(['- client ! http2.gap', '- client ! http2.not_followed']);
    for (const event of ['http2.gap', 'http2.not_followed']) shownEvents.add(event);
  });

  test('streams interleave', () => {
    const traced = trace(HTTP2, [
      client(PREFACE, request(1, REQUEST, END_HEADERS), request(3, changed(':path', '/b'), END_HEADERS)),
      client(frame('data', 0, 1, 'on'), frame('data', END_STREAM, 3, 'two'), frame('data', END_STREAM, 1, 'e')),
      server(SETTINGS, response(3), response(1), frame('data', END_STREAM, 3, 'b'), frame('data', END_STREAM, 1, 'a')),
    ]);
    expect(traced.buffers.get('0 client http.request_body')).toBe('one');
    expect(traced.buffers.get('1 client http.request_body')).toBe('two');
    expect(traced.buffers.get('1 server http.response_body')).toBe('b');
  });

  test('a promised stream has the fields of its request, of which rules on requests are not told', () => {
    const promise = joined(Uint8Array.of(0, 0, 0, 2), fields(...changed(':path', '/pushed')));
    const traced = trace(HTTP2, [
      client(PREFACE, request(1)),
      server(SETTINGS, frame('push', END_HEADERS, 1, promise), response(2), frame('data', END_STREAM, 2, 'p')),
    ]);
    expect(traced.lines.filter((line) => line.startsWith('1'))).toEqual(['1 server head', '1 server complete']);
    expect(traced.described.get(1)).toMatchObject({ url: '/pushed', status: 200 });
  });

  test('padding and priority are not content', () => {
    const block = joined(Uint8Array.of(3, 0, 0, 0, 0, 41), fields(...REQUEST), new Uint8Array(3));
    const flags = END_HEADERS | FLAGS.padded | FLAGS.priority;
    const traced = trace(HTTP2, [
      client(PREFACE, frame('headers', flags, 1, block), frame('data', END_STREAM | FLAGS.padded, 1, '\x02body\0\0')),
    ]);
    expect(eventsOf(traced)).toEqual([]);
    expect(traced.buffers.get('0 client http.request_body')).toBe('body');
    expect(traced.buffers.get('0 client http2.priority')).toBe(')');
  });
});

describe('an upgrade from HTTP/1.1', () => {
  const upgrade = (settings: string, more = ''): string =>
    `GET /up HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n` +
    `HTTP2-Settings: ${settings}\r\nX-Own: b\r\n${more}\r\n`;
  const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n';

  function played(settings: string): string[] {
    const lines: string[] = [];
    const layer: AppLayer = new AppLayer(
      {
        onProgress: (tx, direction, stage) => {
          if (stage !== STAGE.complete) return;
          const { buffers, name } = layer.protocol(0)!;
          const text = (buffer: string): string =>
            latin1(buffers.find((known) => known.name === buffer)?.read(tx, direction, 0) ?? EMPTY_BYTES);
          const shown = direction === TO_SERVER ? ['http.uri', 'http.host', 'http2.settings'] : ['http.response_body'];
          lines.push(`${name} ${tx.id} ${shown.map(text).join(' ')}`);
        },
        onEvent: (_tx, _direction, event) => lines.push(`! ${event}`),
      },
      flowEndpoints(),
    );
    const send = ({ direction, bytes }: Piece): void => layer.consume(0, direction, bytes, 0, bytes.length);
    send(client(fromLatin1(upgrade(settings))));
    // The answer comes with the first frames behind it, as nginx sends them.
    send(server(fromLatin1(SWITCHING), SETTINGS, response(1), frame('data', END_STREAM, 1, 'up')));
    send(client(PREFACE, SETTINGS, request(3)));
    return lines;
  }

  test('makes the request the first stream', () => {
    expect(played('AAMAAABkAAQAAP__')).toEqual([
      ...['http 0 /up a.example ', '! http.tunnel', 'http 0 '],
      ...['http2 1   \0\x03\0\0\0d', 'http2 0 /up a.example ', 'http2 0 up', 'http2 2 /a a.example '],
    ]);
  });

  test('with settings that cannot be read', () => {
    expect(played('AAMA')).toContain('! http2.invalid_http1_settings');
    expect(played('%')).toContain('! http2.invalid_http1_settings');
    shownEvents.add('http2.invalid_http1_settings');
  });
});

describe('events', () => {
  test('of frames', () => {
    const magic = trace(HTTP2, [client(fromLatin1('PRI * HTTP/2.0\r\n\r\nSN'))]);
    expect(eventsOf(magic)).toEqual(['http2.invalid_client_magic', 'http2.not_followed']);
    shownEvents.add('http2.invalid_client_magic');
    expectEvents([client(frame('ping', 0, 0, '1234567'))], 'http2.invalid_frame_length');
    expectEvents([client(frame('reset', 0, 1, '12345'), request(1))], 'http2.invalid_frame_length');
    expectEvents([client(frame('settings', 0, 0, '12345'))], 'http2.invalid_frame_length');
    expectEvents([client(frame('settings', 0, 1, '123456'))], 'http2.invalid_frame_data');
    expectEvents([client(request(0))], 'http2.invalid_frame_data', 'http2.not_followed');
    expectEvents([client(request(1, REQUEST, END_HEADERS), frame('data', 8, 1, '\x05ab'))], 'http2.invalid_frame_data');
    expectEvents([client(request(1, REQUEST, 0), SETTINGS)], 'http2.invalid_frame_data', 'http2.not_followed');
    expectEvents([client(frame('continuation', 0, 1))], 'http2.invalid_frame_data', 'http2.not_followed');
    expectEvents([client(frame(42, 0, 1, 'x'.repeat(17_000)))], 'http2.long_frame_data');
    expectEvents([client(request(5), request(3), request(2))], 'http2.stream_id_reuse', 'http2.stream_id_reuse');
    expectEvents([client(request(1), request(1))], 'http2.stream_id_reuse');
  });

  test('a longer frame is none where its receiver allows it', () => {
    const allow = server(frame('settings', 0, 0, '\0\x05\0\0\x80\0'));
    expectEvents([allow, client(request(1, REQUEST, END_HEADERS), frame('data', 1, 1, 'x'.repeat(20_000)))]);
  });

  test('of compressed fields', () => {
    const block = (...bytes: readonly number[]): Piece =>
      client(frame('headers', END_HEADERS | END_STREAM, 1, Uint8Array.from(bytes)));
    const invalid = ['http2.invalid_header', 'http2.request_pseudo_header_missing', 'http2.not_followed'];
    expectEvents([block(0x80)], ...invalid);
    expectEvents([block(0xbe)], ...invalid);
    expectEvents([block(0x7f, 0x20, 0)], ...invalid);
    expectEvents(
      [block(0x82, 0x20)],
      'http2.invalid_header',
      'http2.request_pseudo_header_missing',
      'http2.not_followed',
    );
    // Larger than the receiver allows; padding that is not all ones, or longer than seven bits; the end of a string.
    expectEvents([block(...integer(4097, 5, 0x20))], ...invalid);
    expectEvents([block(0x04, 0x81, 0x18)], ...invalid);
    expectEvents([block(0x04, 0x82, 0x1f, 0xff)], ...invalid);
    expectEvents([block(0x04, 0x84, 0xff, 0xff, 0xff, 0xff)], ...invalid);
    const overflow = ['http2.header_integer_overflow', 'http2.request_pseudo_header_missing', 'http2.not_followed'];
    expectEvents([block(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)], ...overflow);
    const cutOff = ['http2.extra_header_data', 'http2.request_pseudo_header_missing', 'http2.not_followed'];
    expectEvents([block(0x04, 0x05, 0x2f)], ...cutOff);
    expectEvents([block(0xff)], ...cutOff);
    const allow = server(frame('settings', 0, 0, '\0\x01\x00\x10\0\0'));
    expectEvents(
      [allow, block(...integer(65_537, 5, 0x20))],
      ...['http2.header_table_too_large', 'http2.request_pseudo_header_missing', 'http2.not_followed'],
    );
  });

  test('bombs and floods', () => {
    const big = keptField('x', 'y'.repeat(3900));
    const bomb = joined(fields(...REQUEST), big, new Uint8Array(500).fill(0xbe));
    expectEvents([client(frame('headers', 5, 1, bomb))], 'http2.header_compression_bomb');
    const long = Array.from({ length: 18 }, (_, i) => fields([`x${i}`, 'y'.repeat(3900)]));
    const part = (i: number): Uint8Array => frame('continuation', i === 17 ? 4 : 0, 1, long[i]!);
    const frames = [request(1, REQUEST, END_STREAM), ...long.map((_, i) => part(i))];
    expectEvents([client(...frames)], 'http2.reassembly_limit_reached', 'http2.not_followed');
    const empty = Array.from({ length: 33 }, () => frame('continuation', 0, 1));
    expectEvents([client(request(1, REQUEST, 0), ...empty)], 'http2.continuation_flood', 'http2.not_followed');
    const sizes = new Uint8Array(10_000).fill(0x20);
    const resized = trace(HTTP2, [client(PREFACE, frame('headers', 5, 1, joined(sizes, fields(...REQUEST))))]);
    expect(resized.lines.length).toBeLessThan(20);
    const pings = Array.from({ length: 1001 }, () => frame('ping', 0, 0, '12345678'));
    expectEvents([client(...pings)], 'http2.control_flood');
    const many = Array.from({ length: 1025 }, (_, i) => fields([`x${i}`, 'y']));
    expectEvents([client(frame('headers', 5, 1, joined(fields(...REQUEST), ...many)))], 'http.request_too_many_fields');
  });

  test('streams that are taken back', () => {
    const cancel = (i: number): Uint8Array => joined(request(2 * i + 1), frame('reset', 0, 2 * i + 1, '\0\0\0\x08'));
    const many = Array.from({ length: 1001 }, (_, i) => cancel(i));
    expectEvents([client(...many)], 'http2.rapid_reset');
    expectEvents([client(...many.slice(1))]);
    // The server takes them back for faults that the client makes on purpose.
    const asked = Array.from({ length: 1001 }, (_, i) => request(2 * i + 1));
    const refused = asked.map((_, i) => frame('reset', 0, 2 * i + 1, '\0\0\0\x01'));
    expectEvents([client(...asked), server(...refused)], 'http2.rapid_reset');
    expectEvents([client(...asked), server(...asked.map((_, i) => frame('reset', 0, 2 * i + 1, '\0\0\0\x07')))]);
  });

  test('too much that is open', () => {
    const asked = Array.from({ length: 4097 }, (_, i) =>
      request(2 * i + 1, [
        [':method', 'GET'],
        [':scheme', 'h'],
        [':path', '/'],
      ]),
    );
    expectEvents([client(...asked)], 'http2.too_many_streams');
    const uploads = Array.from({ length: 45 }, (_, i) => [
      request(2 * i + 1, REQUEST, END_HEADERS),
      ...Array.from({ length: 7 }, () => frame('data', 0, 2 * i + 1, new Uint8Array(16_000))),
    ]);
    const events = eventsOf(trace(HTTP2, [client(PREFACE, ...uploads.flat())]));
    expect(new Set(events)).toEqual(new Set(['http2.open_bodies_too_long']));
    const downloads = uploads.map((_, i) => [
      response(2 * i + 1),
      ...Array.from({ length: 7 }, () => frame('data', 0, 2 * i + 1, new Uint8Array(16_000))),
    ]);
    const gets = uploads.map((_, i) => request(2 * i + 1));
    const answered = eventsOf(trace(HTTP2, [client(PREFACE, ...gets), server(SETTINGS, ...downloads.flat())]));
    expect(new Set(answered)).toEqual(new Set(['http2.open_response_bodies_too_long']));
    shownEvents.add('http2.open_bodies_too_long').add('http2.open_response_bodies_too_long');
  });

  test('heads that grow while they are open', () => {
    const trailers = Array.from({ length: 50 }, () => request(1, [['x', 'y'.repeat(1000)]], END_HEADERS));
    const posted = [request(1, REQUEST, END_HEADERS), ...trailers];
    expectEvents([client(...posted)], 'http2.request_trailer_not_last');
    const shown = trace(HTTP2, [client(PREFACE, ...posted)]).buffers.get('0 client http.header') ?? '';
    expect(shown.length).toBeLessThan(1000);
    expectEvents([client(request(1)), server(response(1), ...trailers.slice(1))], ...['http2.response_malformed']);
    const asked = Array.from({ length: 30 }, (_, i) => request(2 * i + 1));
    const long = [[':status', '200'], ...Array.from({ length: 15 }, (_, i) => [`x${i}`, 'y'.repeat(4000)])] as const;
    const answers = asked.map((_, i) => response(2 * i + 1, long as readonly (readonly [string, string])[]));
    const allow = server(frame('settings', 0, 0));
    const events = eventsOf(trace(HTTP2, [client(PREFACE, ...asked), allow, server(...answers)]));
    expect(new Set(events)).toEqual(new Set(['http2.long_frame_data', 'http2.too_many_streams']));
  });

  test('of fields', () => {
    expectRequest([...REQUEST, ['X-Upper', 'a']], 'http2.request_field_name_invalid');
    expectRequest([...REQUEST, ['x y', 'a']], 'http2.request_field_name_invalid');
    expectRequest([...REQUEST, ['', 'a']], 'http2.request_field_name_invalid');
    for (const value of ['a\r\nb: c', 'a\nb', 'a\0b']) {
      expectRequest([...REQUEST, ['x', value]], 'http2.request_field_value_invalid');
    }
    expectRequest([...REQUEST, ['x', ' a']], 'http2.request_field_value_whitespace');
    for (const name of ['connection', 'transfer-encoding', 'upgrade', 'te']) {
      expectRequest([...REQUEST, [name, 'chunked']], 'http2.request_connection_field');
    }
    expectRequest([...REQUEST, ['te', 'trailers']]);
    expectRequest([...REQUEST, [':path', '/b']], 'http2.request_pseudo_header_repeated');
    expectRequest([...REQUEST.slice(1), ['x', 'a'], REQUEST[0]!], 'http2.request_pseudo_header_invalid');
    expectRequest([...REQUEST, [':status', '200']], 'http2.request_pseudo_header_invalid');
    expectRequest(changed(':method', 'GET / HTTP/1.1'), 'http2.request_pseudo_header_invalid');
    expectRequest(changed(':scheme', 'a b'), 'http2.request_pseudo_header_invalid');
    expectRequest(changed(':path', 'a'), 'http2.request_pseudo_header_invalid');
    expectRequest(REQUEST.slice(1), 'http2.request_pseudo_header_missing');
    expectRequest([
      [':method', 'CONNECT'],
      [':authority', 'a.example:1'],
    ]);
    expectRequest([[':method', 'CONNECT']], 'http2.request_pseudo_header_missing');
    expectRequest([...changed(':method', 'CONNECT'), [':protocol', 'websocket']]);
    expectRequest(changed(':authority', 'me@a.example'), 'http2.userinfo_in_uri', 'http.request_header_host_invalid');
    expectRequest([...REQUEST, ['host', 'b.example']], 'http2.authority_host_mismatch');
    expectRequest([...REQUEST, ['host', 'A.example']]);
    expectRequest([...REQUEST, ['host', 'a.example'], ['host', 'a.example']], 'http.request_host_repeated');
    expectRequest([...REQUEST.slice(0, 3), ['host', 'a.example'], ['host', 'b.example']], 'http.request_host_repeated');
    expectRequest([...REQUEST.slice(0, 3), ['host', 'a.example/b']], 'http.request_header_host_invalid');
    expectRequest([...REQUEST.slice(0, 3), ['host', 'a.example:1']]);
    expectRequest(changed(':path', '/../a'), 'http.uri_traversal_above_root');
  });

  test('a Cookie that was cut into fields is one again, as applications see it', () => {
    const { buffers } = trace(HTTP2, [
      client(PREFACE, request(1, [...REQUEST, ['cookie', 'a=1'], ['x', 'y'], ['cookie', 'b=2; c=3']])),
    ]);
    expect(buffers.get('0 client http.cookie')).toBe('a=1; b=2; c=3');
  });

  test('of lengths', () => {
    const upload = (length: string, ...content: Uint8Array[]): Piece =>
      client(request(1, [...REQUEST, ['content-length', length]], END_HEADERS), ...content);
    expectEvents([upload('5', frame('data', END_STREAM, 1, '1234'))], 'http2.request_content_length_mismatch');
    expectEvents([upload('5', frame('data', 0, 1, '12345'), frame('data', END_STREAM, 1))]);
    // An end behind the end says nothing of the length.
    expectEvents([upload('5', frame('data', END_STREAM, 1, '12345')), client(frame('data', END_STREAM, 1))]);
    expectRequest([...REQUEST, ['content-length', '+0']], 'http.invalid_content_length_field_in_request');
    expectRequest(
      [...REQUEST, ['content-length', '0'], ['content-length', '1']],
      'http.request_content_length_differs',
    );
    const answer = (method: string): Piece[] => [
      client(request(1, changed(':method', method))),
      server(
        response(
          1,
          [
            [':status', '200'],
            ['content-length', '5'],
          ],
          5,
        ),
      ),
    ];
    expectEvents(answer('GET'), 'http2.response_content_length_mismatch');
    expectEvents(answer('HEAD'));
  });

  test('of responses', () => {
    const answered = (pairs: readonly (readonly [string, string])[], ...more: Uint8Array[]): Piece[] => [
      client(request(1)),
      server(response(1, pairs), ...more),
    ];
    expectEvents(answered([['a', 'b']]), 'http2.response_malformed');
    expectEvents(
      answered([
        [':status', '200'],
        ['A', 'b'],
      ]),
      'http2.response_malformed',
    );
    expectEvents(
      answered([
        [':status', '206'],
        ['content-range', 'bytes x'],
      ]),
      'http2.invalid_range',
    );
    expectEvents(
      answered([
        [':status', '206'],
        ['content-range', 'bytes 0-1/2'],
      ]),
    );
    const packed: readonly [string, string][] = [
      [':status', '200'],
      ['content-encoding', 'gzip'],
    ];
    expectEvents(answered(packed, frame('data', END_STREAM, 1, 'not packed')), 'http2.failed_decompression');
    const zeros = gzipSync(Buffer.alloc(1_000_000));
    expectEvents(answered(packed, frame('data', END_STREAM, 1, zeros)), 'http.compression_bomb');
  });

  test('each event was shown', () => {
    expect(Object.keys(HTTP2_EVENTS).filter((event) => !shownEvents.has(event))).toEqual([]);
  });
});
