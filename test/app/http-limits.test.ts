import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createHttp } from '../../src/app/http/http.ts';
import type { HttpTransaction } from '../../src/app/http/transaction.ts';
import { type AppSink, STAGE } from '../../src/app/protocol.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { growthOf, LINEAR } from '../support/growth.ts';
import { play, type Step, step } from './http-pages.ts';
import { channel } from './support.ts';

const toServer = (text: string | Uint8Array): Step => step(TO_SERVER, Buffer.from(text as string, 'latin1'));
const toClient = (text: string): Step => step(TO_CLIENT, Buffer.from(text, 'latin1'));
const NEXT = 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n';

function bytewise(steps: readonly Step[]): Step[] {
  return steps.flatMap(({ direction, bytes }) => Array.from(bytes, (byte) => step(direction, Uint8Array.of(byte))));
}

describe('limits', () => {
  test('a head that is too long is an event, shown as far as kept, and the next request is found', () => {
    const steps = [toServer(`GET /long HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(300)}\r\n\r\n${NEXT}`)];
    for (const pieces of [steps, bytewise(steps)]) {
      const trace = play(pieces, { maxHeadBytes: 200 });
      expect(trace.lines.slice(0, 4)).toEqual([
        '0 ! http.request_head_too_long',
        '0 request "GET" "/long"',
        '0 request-end',
        '1 request "GET" "/next"',
      ]);
    }
  });

  test('a start line that never ends is bounded too', () => {
    const trace = play([toServer(`GET /${'a'.repeat(70_000)}`)]);
    expect(trace.lines).toContain('0 ! http.request_head_too_long');
  });

  test('a line that is too long for most servers is an event, and read on', () => {
    const long = `X: ${'y'.repeat(18_001)}\r\n`;
    const steps = [toServer(`GET / HTTP/1.1\r\nHost: a\r\n${long}\r\n`), toClient(`HTTP/1.1 204 OK\r\n${long}\r\n`)];
    for (const pieces of [steps, bytewise(steps)]) {
      const { lines } = play(pieces);
      expect(lines.filter((line) => line.includes('too_long'))).toEqual([
        '0 ! http.request_field_too_long',
        '0 ! http.response_field_too_long',
      ]);
      expect(lines).toContain('0 response-end');
    }
    const short = `X: ${'y'.repeat(17_000)}\r\n`;
    const request = `GET / HTTP/1.1\r\nHost: a\r\n${short}${short}\r\n`;
    expect(play([toServer(request)]).lines.join()).not.toContain('too_long');
  });

  test('a trailer that is too long', () => {
    const post = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n';
    const trace = play([toServer(`${post}X: ${'y'.repeat(500)}\r\n\r\n`)], { maxHeadBytes: 200 });
    expect(trace.lines).toContain('0 ! http.request_head_too_long');
  });

  test('a response head that is too long', () => {
    const trace = play([toServer(NEXT), toClient(`HTTP/1.1 200 OK\r\nX: ${'y'.repeat(500)}\r\n\r\n`)], {
      maxHeadBytes: 200,
    });
    expect(trace.lines).toContain('0 ! http.response_head_too_long');
    expect(trace.lines).toContain('0 response "200"');
  });

  test('too many fields', () => {
    const fields = Array.from({ length: 20 }, (_, i) => `X-${i}: ${i}\r\n`).join('');
    const options = { maxFields: 10 };
    const steps = [toServer(`GET / HTTP/1.1\r\n${fields}\r\n`), toClient(`HTTP/1.1 204 OK\r\n${fields}\r\n`)];
    const { lines } = play(steps, options);
    expect(lines).toContain('0 ! http.request_too_many_fields');
    expect(lines).toContain('0 ! http.response_too_many_fields');
    expect(play(steps).lines.join()).not.toContain('too_many');
  });

  test('a body is shown up to its limit, and what is behind it is followed', () => {
    const post = `POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n${'b'.repeat(1000)}${NEXT}`;
    const { lines } = play([toServer(post)], { maxRequestBodyBytes: 10 });
    expect(lines.slice(0, 4)).toEqual([
      '0 request "POST" "/a"',
      '0 request-end "bbbbbbbbbb"',
      '1 request "GET" "/next"',
      '1 request-end',
    ]);
    const chunked = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n${'b'.repeat(1000)}\r\n0\r\n\r\n`;
    const answer = play([toServer(NEXT + NEXT), toClient(`${chunked}HTTP/1.1 204 OK\r\n\r\n`)], {
      maxResponseBodyBytes: 3,
    });
    expect(answer.lines.slice(4)).toEqual([
      '0 response "200"',
      '0 response-end "bbb"',
      '1 response "204"',
      '1 response-end',
    ]);
  });

  test('a body of many gigabytes is skipped by counting', () => {
    const head = toServer('PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 6442450944\r\n\r\n');
    const skipped: Step = { direction: TO_SERVER, bytes: new Uint8Array(0), missingBytes: 6_442_450_944 };
    expect(play([head, skipped, toServer(NEXT)]).lines).toContain('1 request "GET" "/next"');
  });

  test('a bomb', () => {
    const packed = gzipSync(Buffer.alloc(10_000_000)).toString('latin1');
    const steps = [
      toServer(NEXT),
      toClient(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n${packed}`),
    ];
    const { lines } = play(steps);
    expect(lines).toContain('0 ! http.compression_bomb');
    expect(play(bytewise(steps)).lines).toEqual(lines);
  });

  test('more open requests than the limit: the oldest is closed, and its response is paired with nothing', () => {
    const requests = Array.from({ length: 4 }, (_, i) => `GET /${i} HTTP/1.1\r\nHost: a\r\n\r\n`).join('');
    const answers = Array.from({ length: 4 }, (_, i) => `HTTP/1.1 20${i} OK\r\nContent-Length: 0\r\n\r\n`).join('');
    const { lines } = play([toServer(requests), toClient(answers)], { maxOpenTransactions: 3 });
    expect(lines).toContain('0 ! http.too_many_open_transactions');
    expect(lines).toContain('1 response "201"');
    expect(lines).toContain('3 response "203"');
    expect(lines.filter((line) => line.startsWith('0 response'))).toEqual(['0 response-end']);
  });

  test('the heads of open requests are bounded together', () => {
    const requests = Array.from(
      { length: 5 },
      (_, i) => `GET /${i}${'x'.repeat(400)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    ).join('');
    const { lines } = play([toServer(requests)], { maxOpenHeadBytes: 1000 });
    expect(lines).toContain('0 ! http.too_many_open_transactions');
  });

  test('behind a gap the search for a message ends', () => {
    const gap: Step = { direction: TO_SERVER, bytes: new Uint8Array(0), missingBytes: 1 };
    const junk = toServer('junk\r\n'.repeat(50_000));
    const { lines } = play([toServer('GET / HTTP/1.1\r\n'), gap, junk, toServer(NEXT)]);
    expect(lines).toContain('- ! http.not_followed');
    expect(lines.join()).not.toContain('/next');
  });
});

test('buffers are valid until the next call, and empty behind it', () => {
  const seen: HttpTransaction[] = [];
  const http = createHttp();
  const sink: AppSink = {
    onProgress: (tx, direction, stage) => {
      if (direction === TO_CLIENT && stage === STAGE.complete) seen.push(tx as HttpTransaction);
    },
    onEvent: () => {},
  };
  const parser = http.open(sink, channel());
  const uri = http.buffers.find(({ name }) => name === 'http.uri')!;
  const text = (tx: HttpTransaction): string | null => {
    const bytes = uri.read(tx, TO_SERVER, 0);
    return bytes === null ? null : Buffer.from(bytes).toString();
  };
  const send = (direction: Direction, data: string): void => {
    const bytes = Buffer.from(data);
    parser.consume(direction, bytes, 0, bytes.length);
  };
  send(TO_SERVER, 'GET /a%41 HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n');
  send(TO_CLIENT, 'HTTP/1.1 204 A\r\n\r\nHTTP/1.1 204 B\r\n\r\n');
  expect(seen.map(text)).toEqual(['/aA', '/b']);
  send(TO_SERVER, 'GET /c HTTP/1.1\r\n');
  expect(seen.map(text)).toEqual([null, null]);
});

test('a file of a form that bytes are missing of has no digest, even where its end came', () => {
  const http = createHttp();
  const md5 = http.buffers.find(({ name }) => name === 'file.md5')!;
  const digests: (number | undefined)[] = [];
  const sink: AppSink = {
    onProgress: (tx, direction, stage) => {
      if (direction === TO_SERVER && stage === STAGE.complete) {
        digests.push(md5.read(tx as HttpTransaction, direction, 0)?.length);
      }
    },
    onEvent: () => {},
  };
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ';
  const begin = '--b\r\nContent-Disposition: form-data; filename="f"\r\n\r\nxx';
  const end = 'yy\r\n--b--\r\n';
  for (const missingBytes of [0, 5]) {
    const parser = http.open(sink, channel());
    const send = (text: string): void => parser.consume(TO_SERVER, Buffer.from(text), 0, text.length);
    send(`${head}${begin.length + missingBytes + end.length}\r\n\r\n${begin}`);
    if (missingBytes > 0) parser.gap(TO_SERVER, missingBytes);
    send(end);
  }
  expect(digests).toEqual([16, 0]);
});

test('EVE context', () => {
  const http = createHttp();
  let context: Record<string, unknown> = {};
  const parser = http.open(
    {
      onProgress: (tx, direction, stage) => {
        if (direction === TO_CLIENT && stage === STAGE.complete) context = http.describe(tx as HttpTransaction);
      },
      onEvent: () => {},
    },
    channel(),
  );
  const send = (direction: Direction, data: string): void => {
    const bytes = Buffer.from(data);
    parser.consume(direction, bytes, 0, bytes.length);
  };
  send(TO_SERVER, 'GET /a?b HTTP/1.1\r\nHost: A.b:81\r\nUser-Agent: u\r\nReferer: r\r\n\r\n');
  send(
    TO_CLIENT,
    'HTTP/1.1 302 Found\r\nLocation: /c\r\nContent-Type: text/html; charset=x\r\n' +
      'Content-Range: bytes 0-3/9\r\nContent-Length: 4\r\n\r\nmove',
  );
  expect(context).toEqual({
    hostname: 'a.b',
    http_port: 81,
    url: '/a?b',
    http_user_agent: 'u',
    http_refer: 'r',
    http_method: 'GET',
    protocol: 'HTTP/1.1',
    status: 302,
    redirect: '/c',
    http_content_type: 'text/html',
    content_range: { raw: 'bytes 0-3/9', start: 0, end: 3, size: 9 },
    length: 4,
  });
});

describe('any traffic', () => {
  const PIECES = [
    ...[
      'GET / HTTP/1.1\r\n',
      'POST /a HTTP/1.0\r\n',
      'HTTP/1.1 200 OK\r\n',
      'HTTP/1.1 101 X\r\n',
      'HEAD',
      ' ',
      ':',
      '\n',
    ],
    ...[
      'Host: a\r\n',
      'Content-Length: 5\r\n',
      'Transfer-Encoding: chunked\r\n',
      'Content-Encoding: gzip\r\n',
      '\r\n',
      '\r',
    ],
    ...[
      '5\r\nabcde\r\n',
      '0\r\n',
      'hello',
      'CONNECT a:1 HTTP/1.1\r\n',
      'Upgrade: h2c\r\n',
      '\0',
      '%2e%2e/',
      '\t',
      'x: y',
    ],
  ];
  const traffic = fc.array(
    fc.record({
      direction: fc.constantFrom<Direction>(TO_SERVER, TO_CLIENT),
      parts: fc.array(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...PIECES) }, fc.string({ maxLength: 3 })), {
        minLength: 1,
        maxLength: 8,
      }),
    }),
    { maxLength: 6 },
  );

  test('says the same however it is cut', () => {
    fc.assert(
      fc.property(traffic, fc.infiniteStream(fc.integer({ min: 1, max: 9 })), (messages, sizes) => {
        const steps = messages.map(({ direction, parts }) => step(direction, Buffer.from(parts.join(''), 'latin1')));
        const whole = play(steps);
        const cut = steps.flatMap(({ direction, bytes }) => {
          const pieces: Step[] = [];
          for (let at = 0; at < bytes.length; ) {
            const size = sizes.next().value as number;
            pieces.push(step(direction, bytes.subarray(at, at + size)));
            at += size;
          }
          return pieces;
        });
        const parts = play(cut);
        expect(parts.lines).toEqual(whole.lines);
        expect([...parts.buffers]).toEqual([...whole.buffers]);
        for (const [key, count] of whole.completed) expect([key, count]).toEqual([key, 1]);
      }),
      { numRuns: 500 },
    );
  });
});

describe('work grows with the input, not faster', () => {
  const repeat = (unit: string, count: number): string => unit.repeat(count);
  const inputs: Record<string, (n: number) => Step[]> = {
    'a long head, byte by byte': (n) => bytewise([toServer(`GET / HTTP/1.1\r\nX: ${repeat('y', 6000 * n)}\r\n\r\n`)]),
    'many fields of one name': (n) => [toServer(`GET / HTTP/1.1\r\n${repeat('a:b\r\n', 100 * n)}\r\n`)],
    'many folded lines': (n) => [toServer(`GET / HTTP/1.1\r\nA: b\r\n${repeat(' c\r\n', 1500 * n)}\r\n`)],
    'folded lines of a response': (n) => [
      toServer(NEXT),
      toClient(`HTTP/1.1 200 OK\r\nA: b\r\n${repeat(' c\r\n', 700 * n)}${repeat(' d:\r\n', 300 * n)}\r\n`),
    ],
    'blanks in a length': (n) => [toServer(`GET / HTTP/1.1\r\nContent-Length: 1,${repeat(' ', 6000 * n)},x\r\n\r\n`)],
    'chunks of one byte': (n) => [
      toServer(`POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n${repeat('1\r\nx\r\n', 2000 * n)}0\r\n\r\n`),
    ],
    'escapes and dots': (n) => [toServer(`GET ${repeat('/a/..%2f', 700 * n)} HTTP/1.1\r\n\r\n`)],
    'pipelined requests': (n) => [toServer(repeat(NEXT, 40 * n))],
    'parts of a form': (n) => [
      toServer(
        `POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ${22 * 450 * n}\r\n\r\n` +
          repeat('--b\r\nfilename=x\r\n\r\nyy', 450 * n).padEnd(22 * 450 * n, 'z'),
      ),
    ],
  };
  for (const [name, make] of Object.entries(inputs)) {
    test(name, async () => {
      const growth = await growthOf((scale) => {
        const steps = make(scale);
        return () => play(steps);
      });
      expect(growth).toBeLessThan(LINEAR);
    });
  }
});
