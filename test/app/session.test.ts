import { describe, expect, test } from 'vitest';
import { APP_EVENTS, APP_PROTOCOLS, findBuffer, indexBuffers, indexEvents } from '../../src/app/index.ts';
import { STAGE } from '../../src/app/protocol.ts';
import { AppLayer, MAX_PROBE_BYTES } from '../../src/app/session.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

function start(): {
  layer: AppLayer;
  lines: string[];
  send: (flow: number, direction: Direction, text: string) => void;
} {
  const lines: string[] = [];
  const layer: AppLayer = new AppLayer({
    onProgress: (tx, direction, stage) => {
      if (stage !== STAGE.head) return;
      const bytes = findBuffer(direction === TO_SERVER ? 'http.uri' : 'http.stat_code')!.read(tx, direction, 0);
      lines.push(`${layer.currentFlow}: ${bytes === null ? 'none' : Buffer.from(bytes).toString()}`);
    },
    onEvent: (_tx, _direction, event) => lines.push(`${layer.currentFlow}: ${event}`),
  });
  const send = (flow: number, direction: Direction, text: string): void => {
    const bytes = Buffer.from(text, 'latin1');
    layer.consume(flow, direction, bytes, 0, bytes.length);
  };
  return { layer, lines, send };
}

describe('detection', () => {
  test('a request opens the flow, whatever its pieces', () => {
    const { layer, lines, send } = start();
    for (const character of GET) send(3, TO_SERVER, character);
    send(4, TO_SERVER, GET);
    expect(lines).toEqual(['3: /a', '4: /a']);
    expect([layer.protocol(3)?.name, layer.state(3), layer.protocol(5), layer.state(5)]).toEqual([
      ...['http', 'open'],
      ...[null, 'undecided'],
    ]);
  });

  test('an unknown method needs a version', () => {
    const { layer, lines, send } = start();
    send(1, TO_SERVER, 'FOO /x');
    expect(layer.state(1)).toBe('undecided');
    send(1, TO_SERVER, ' HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(lines).toEqual(['1: /x']);
  });

  test('a response opens the flow when the request is no sign', () => {
    const { layer, lines, send } = start();
    send(1, TO_SERVER, '\x01\x02garbage\r\n');
    expect(layer.state(1)).toBe('undecided');
    send(1, TO_CLIENT, 'HTT');
    send(1, TO_CLIENT, 'P/1.1 400 Bad Request\r\n\r\n');
    expect(layer.protocol(1)?.name).toBe('http');
    expect(lines).toContain('1: 400');
  });

  test('fails when both sides speak something else', () => {
    const { layer, lines, send } = start();
    send(1, TO_CLIENT, '220 mail ESMTP\r\n');
    expect([layer.state(1), layer.protocol(1)]).toEqual(['undecided', null]);
    send(1, TO_SERVER, 'EHLO me\r\n');
    expect([layer.state(1), layer.protocol(1)]).toEqual(['failed', null]);
    send(1, TO_SERVER, GET);
    expect(lines).toEqual([]);
  });

  test('fails when one side says nothing more and the other something else', () => {
    const { layer, send } = start();
    send(1, TO_SERVER, '\x16\x03\x01');
    layer.end(1, TO_CLIENT);
    expect(layer.state(1)).toBe('failed');
  });

  test('bytes that were not kept while undecided are a gap for the parser', () => {
    const { lines, send } = start();
    send(1, TO_SERVER, `\x01${'x'.repeat(2 * MAX_PROBE_BYTES)}`);
    send(1, TO_CLIENT, OK);
    expect(lines).toContain('1: http.gap');
    expect(lines).toContain('1: 200');
  });

  test('a gap at the beginning leaves it to the other side', () => {
    const { layer, lines, send } = start();
    layer.gap(1, TO_SERVER, 100);
    send(1, TO_SERVER, 'tail\r\n\r\n');
    send(1, TO_CLIENT, OK);
    send(1, TO_SERVER, GET);
    expect(lines).toContain('1: 200');
    expect(lines).toContain('1: /a');
  });
});

describe('the life of a flow', () => {
  test('is done when both sides have ended', () => {
    const { layer, lines, send } = start();
    send(1, TO_SERVER, GET);
    send(1, TO_CLIENT, OK);
    layer.end(1, TO_SERVER);
    expect(layer.state(1)).toBe('open');
    layer.end(1, TO_CLIENT);
    expect([layer.state(1), layer.protocol(1)?.name]).toEqual(['done', 'http']);
    expect(lines).toEqual(['1: /a', '1: 200']);
  });

  test('is done behind an upgrade', () => {
    const { layer, send } = start();
    send(1, TO_SERVER, 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n');
    send(1, TO_CLIENT, 'HTTP/1.1 101 Switching Protocols\r\n\r\n');
    expect(layer.state(1)).toBe('done');
  });

  test('a slot is reused from the beginning', () => {
    const { layer, lines, send } = start();
    send(1, TO_SERVER, 'GET /half HTTP/1.1\r\n');
    layer.release(1);
    expect([layer.state(1), layer.protocol(1)]).toEqual(['undecided', null]);
    send(1, TO_SERVER, GET);
    expect(lines).toEqual(['1: /a']);
  });
});

describe('lists', () => {
  test('buffers are found by name and by old name', () => {
    expect(findBuffer('http_client_body')).toBe(findBuffer('http.request_body'));
    expect(findBuffer('file_data')).toBe(findBuffer('file.data'));
    expect(findBuffer('http.nothing')).toBeUndefined();
  });

  test('duplicates are loud', () => {
    const [http] = APP_PROTOCOLS;
    expect(() => indexBuffers([http!, http!])).toThrow('buffer "http.method" is defined twice');
    expect(() => indexEvents([{ a: { summary: '', drops: false } }, { a: { summary: '', drops: true } }])).toThrow(
      '"a"',
    );
  });

  test('events have a summary and a default', () => {
    expect(APP_EVENTS.get('http.request_content_length_and_transfer_encoding')?.drops).toBe(true);
    expect(APP_EVENTS.get('http.missing_host_header')?.drops).toBe(false);
  });
});
