import { describe, expect, test } from 'vitest';
import { APP_EVENTS, indexEvents } from '../../src/app/all-events.ts';
import { AppLayer } from '../../src/app/app-layer.ts';
import { MAX_PROBE_BYTES } from '../../src/app/detection.ts';
import { MAX_FIRST_BYTES } from '../../src/app/first-bytes.ts';
import { APP_PROTOCOLS } from '../../src/app/index.ts';
import {
  type AppParser,
  type AppProtocol,
  type AppSink,
  type Channel,
  type Handover,
  STAGE,
} from '../../src/app/protocol.ts';
import { MAX_PROTOCOL_CHANGES } from '../../src/app/session.ts';
import { latin1 } from '../../src/base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { bufferNamed, flowEndpoints } from './support.ts';

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

function start(): {
  layer: AppLayer;
  lines: string[];
  send: (flow: number, direction: Direction, text: string) => void;
} {
  const lines: string[] = [];
  const layer: AppLayer = new AppLayer(
    {
      onProgress: (tx, direction, stage) => {
        if (stage !== STAGE.head) return;
        const bytes = bufferNamed(direction === TO_SERVER ? 'http.uri' : 'http.stat_code').read(tx, direction, 0);
        lines.push(`${layer.currentFlow}: ${bytes === null ? 'none' : Buffer.from(bytes).toString()}`);
      },
      onEvent: (_tx, _direction, event) => lines.push(`${layer.currentFlow}: ${event}`),
    },
    flowEndpoints(),
    { protocols: APP_PROTOCOLS.filter(({ name }) => name === 'http') },
  );
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

  test('an unknown method needs no version where the line is longer than what is kept', () => {
    const { lines, send } = start();
    const path = `/${'x'.repeat(MAX_PROBE_BYTES + 1000)}`;
    for (const [flow, piece] of [1, 100, 5000].entries()) {
      const text = `FOO ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
      for (let at = 0; at < text.length; at += piece) send(flow, TO_SERVER, text.slice(at, at + piece));
    }
    expect(lines).toEqual([`0: ${path}`, `1: ${path}`, `2: ${path}`]);
  });

  test('a word however long is a method, if a version comes behind it', () => {
    const { layer, lines, send } = start();
    send(1, TO_SERVER, `${'F'.repeat(2000)} /x HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect(lines).toEqual(['1: /x']);
    send(2, TO_SERVER, `${'F'.repeat(2000)} ${'x'.repeat(MAX_PROBE_BYTES)}`);
    expect(layer.protocol(2)).toBeNull();
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

  test('anything before a version is HTTP for some servers', () => {
    const methods = ['\0GET', '\xef\xbb\xbfGET', 'GET,', '\xa0GET', '\vGET', `${'\x01'.repeat(3000)}`];
    const lines = [
      ...methods.map((method) => `${method} /x HTTP/1.1`),
      ...['\f', '\x1c', '\x85', '\xa0'].map((space) => `GET${space}/x`),
      ...['FOO /x y\r\n', 'FOO /x y\r\nHost: a', 'FOO\x1d/x\nGET / HTTP/1.1'],
    ];
    for (const [flow, line] of lines.entries()) {
      const { layer, send } = start();
      for (const character of `${line}\r\n`) send(flow, TO_SERVER, character);
      expect([line, layer.protocol(flow)?.name]).toEqual([line, 'http']);
    }
    const { layer, send } = start();
    send(1, TO_SERVER, '\x16\x03\x01\x02\x00\x08http/1.1\x00\n');
    send(1, TO_CLIENT, '\x16\x03\x01');
    expect(layer.state(1)).toBe('failed');
  });

  test('empty lines and blanks before a request, however many', () => {
    for (const [flow, before] of ['\r\n', '\n', ' \t'].entries()) {
      for (const piece of [100_000, 777, 2]) {
        const { lines, send } = start();
        const text = before.repeat(10_000) + GET;
        for (let at = 0; at < text.length; at += piece) send(flow, TO_SERVER, text.slice(at, at + piece));
        expect(lines.at(-1)).toBe(`${flow}: /a`);
        expect(lines).not.toContain(`${flow}: applayer_proto_detection_skipped`);
      }
    }
  });

  test('but it is not waited for where the other side speaks something else', () => {
    for (const directions of [
      [TO_SERVER, TO_CLIENT],
      [TO_CLIENT, TO_SERVER],
    ] as const) {
      const { layer, send } = start();
      for (const direction of directions) {
        expect(layer.state(1)).toBe('undecided');
        send(1, direction, '\x03\x00\x01\x02');
      }
      expect([layer.state(1), layer.shown(1)]).toEqual(['failed', ['failed', 'failed']]);
    }
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
    send(1, TO_SERVER, `\x01${'x'.repeat(MAX_FIRST_BYTES)}`);
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

  test('flows that ended alike are kept as one, and stay apart for those who ask', () => {
    const { layer, lines, send } = start();
    for (const flow of [1, 2, 3]) {
      send(flow, TO_SERVER, flow === 3 ? '\0\0\0\0' : GET);
      send(flow, TO_CLIENT, flow === 3 ? '\0\0\0\0' : OK);
      layer.end(flow, TO_SERVER);
      layer.end(flow, TO_CLIENT);
    }
    layer.release(1);
    send(1, TO_SERVER, GET);
    send(2, TO_SERVER, GET);
    layer.end(2, TO_SERVER);
    expect([1, 2, 3].map((flow) => layer.state(flow))).toEqual(['open', 'done', 'failed']);
    expect([layer.shown(2), layer.shown(3)]).toEqual([
      ['http', 'http'],
      ['failed', 'failed'],
    ]);
    expect(lines.slice(4)).toEqual(['1: /a']);
  });

  test('looks for another protocol behind an upgrade', () => {
    const { layer, lines, send } = start();
    send(1, TO_SERVER, 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n');
    send(1, TO_CLIENT, 'HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05hello');
    expect([layer.state(1), layer.protocol(1)]).toEqual(['undecided', null]);
    send(1, TO_SERVER, '\x81\x05hello');
    expect(layer.state(1)).toBe('failed');
    expect(lines).toEqual(['1: /', '1: 101', '1: http.tunnel']);
  });

  test('follows a tunnel into a tunnel, so far', () => {
    const { layer, lines, send } = start();
    for (let i = 0; i <= MAX_PROTOCOL_CHANGES; i++) {
      send(1, TO_SERVER, `CONNECT h${i}:80 HTTP/1.1\r\nHost: h${i}\r\n\r\n`);
      send(1, TO_CLIENT, 'HTTP/1.1 200 OK\r\n\r\n');
    }
    expect(lines.filter((line) => line === '1: http.tunnel')).toHaveLength(MAX_PROTOCOL_CHANGES + 1);
    expect(lines.at(-1)).toBe('1: applayer_too_many_changes');
    expect(layer.state(1)).toBe('failed');
  });

  test('reads what comes right behind the answer that opens the tunnel', () => {
    const { lines, send } = start();
    send(1, TO_SERVER, 'CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n');
    send(1, TO_CLIENT, `HTTP/1.1 200 OK\r\n\r\n${OK}`);
    send(1, TO_SERVER, GET);
    expect(lines.slice(2)).toEqual([
      ...['1: http.tunnel', '1: applayer_wrong_direction_first_data'],
      ...['1: http.unable_to_match_response_to_request', '1: 200', '1: /a'],
    ]);
  });

  test('of a tunnel that the client used before it was there, the bytes are missing', () => {
    const { lines, send } = start();
    send(1, TO_SERVER, 'CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n');
    send(1, TO_SERVER, '\x16\x03\x01');
    send(1, TO_CLIENT, 'HTTP/1.1 200 OK\r\n\r\n');
    send(1, TO_CLIENT, OK);
    expect(lines.slice(1)).toEqual([
      ...['1: http.request_connect_impatient', '1: 200', '1: http.tunnel'],
      ...['1: http.gap', '1: http.unable_to_match_response_to_request', '1: 200'],
    ]);
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

/** Begins with its name and a colon. A line "name>other" hands over to that other protocol. */
function worded(name: string, more: Partial<AppProtocol> = {}): AppProtocol {
  const word = `${name}:`;
  return {
    name,
    transports: ['tcp'],
    buffers: [],
    probe: (_direction, bytes, start, end) => {
      const text = latin1(bytes, start, end).slice(0, word.length);
      return text === word ? 'yes' : word.startsWith(text) ? 'more' : 'no';
    },
    open: (sink) => new WordParser(name, sink),
    describe: () => ({}),
    ...more,
  };
}

class WordParser implements AppParser {
  readonly heldBytes = 0;
  handover: Handover | null = null;
  readonly #name: string;
  readonly #sink: AppSink;

  constructor(name: string, sink: AppSink) {
    this.#name = name;
    this.#sink = sink;
  }

  consume(direction: Direction, bytes: Uint8Array, start: number, end: number): void {
    const text = latin1(bytes, start, end);
    const [, seen, protocol] = /^(.*?>([a-z]*)\n)/.exec(text) ?? [];
    if (seen !== undefined) this.handover = { protocol: protocol || null, at: start + seen.length, missingBytes: 0 };
    this.#sink.onEvent(null, direction, `${this.#name} reads ${(seen ?? text).trimEnd()}`);
  }

  gap(direction: Direction, missingBytes: number): void {
    this.#sink.onEvent(null, direction, `${this.#name} misses ${missingBytes}`);
  }

  end(): void {}
}

function startWith(protocols: readonly AppProtocol[]) {
  const lines: string[] = [];
  const sink: AppSink = {
    onProgress: () => {},
    onEvent: (_tx, direction, event) => lines.push(`${direction} ${event}`),
  };
  const layer = new AppLayer(sink, flowEndpoints(53), { protocols });
  const as = (feed: 'consume' | 'datagram') => (direction: Direction, text: string) => {
    const bytes = Buffer.from(text, 'latin1');
    layer[feed](7, direction, bytes, 0, bytes.length);
  };
  return { layer, lines, send: as('consume'), datagram: as('datagram') };
}

describe('both directions', () => {
  test('a server that speaks something else decides what is spoken', () => {
    const { layer, lines, send } = startWith([worded('a'), worded('b')]);
    send(TO_SERVER, 'a:1');
    send(TO_CLIENT, 'b');
    send(TO_CLIENT, ':2');
    send(TO_SERVER, '3');
    expect(lines).toEqual([
      ...[
        '0 a reads a:1',
        '1 a reads b',
        '1 applayer_mismatch_protocol_both_directions',
        '1 b reads b:2',
        '0 b reads 3',
      ],
    ]);
    expect(layer.protocol(7)?.name).toBe('b');
  });

  test('a client that does is told of, and what was found stays', () => {
    const { layer, lines, send } = startWith([worded('a'), worded('b')]);
    send(TO_CLIENT, 'b:1');
    send(TO_SERVER, 'a:2');
    expect(lines).toEqual(['1 b reads b:1', '0 applayer_mismatch_protocol_both_directions', '0 b reads a:2']);
    expect(layer.protocol(7)?.name).toBe('b');
  });

  test('only one side speaks it', () => {
    const later = startWith([worded('a')]);
    later.send(TO_SERVER, 'a:1');
    later.send(TO_CLIENT, 'x');
    expect(later.lines).toEqual(['0 a reads a:1', '1 applayer_detect_protocol_only_one_direction', '1 a reads x']);
    const before = startWith([worded('a')]);
    before.send(TO_CLIENT, 'x');
    before.send(TO_SERVER, 'a:1');
    expect(before.lines).toEqual(['0 applayer_detect_protocol_only_one_direction', '1 a reads x', '0 a reads a:1']);
  });

  test('the wrong side speaks first', () => {
    const { lines, send } = startWith([worded('a', { firstDirection: TO_SERVER })]);
    send(TO_CLIENT, 'a:1');
    send(TO_SERVER, 'a:2');
    expect(lines).toEqual(['1 applayer_wrong_direction_first_data', '1 a reads a:1', '0 a reads a:2']);
  });

  test('a search that bytes are missing for says so', () => {
    const { layer, lines, send } = startWith([worded('a')]);
    layer.gap(7, TO_SERVER, 5);
    send(TO_CLIENT, 'x');
    expect([lines, layer.state(7)]).toEqual([['0 applayer_proto_detection_skipped'], 'failed']);
  });
});

describe('a change of protocol', () => {
  test('to one that was named', () => {
    const { layer, lines, send } = startWith([worded('a'), worded('b')]);
    send(TO_SERVER, 'a:1');
    send(TO_CLIENT, 'a:ok>b\nb:2');
    send(TO_SERVER, 'b:3');
    expect(lines).toEqual(['0 a reads a:1', '1 a reads a:ok>b', '1 b reads b:2', '0 b reads b:3']);
    expect([layer.protocol(7)?.name, layer.state(7)]).toEqual(['b', 'open']);
  });

  test('to another one than agreed on', () => {
    const { lines, send } = startWith([worded('a'), worded('tls')]);
    send(TO_SERVER, 'a:x>tls\n');
    send(TO_SERVER, 'a:2');
    expect(lines).toEqual([
      ...['0 a reads a:x>tls', '0 applayer_unexpected_protocol', '0 applayer_no_tls_after_starttls', '0 a reads a:2'],
    ]);
  });

  test('to one that nobody knows', () => {
    const { layer, lines, send } = startWith([worded('a')]);
    send(TO_SERVER, 'a:x>tls\n');
    send(TO_SERVER, '1');
    send(TO_CLIENT, '2');
    expect([lines, layer.state(7), layer.protocol(7)]).toEqual([['0 a reads a:x>tls'], 'failed', null]);
  });

  test('goes on so often and no more', () => {
    const { layer, lines, send } = startWith([worded('a')]);
    send(TO_SERVER, 'a:>\n'.repeat(2 * MAX_PROTOCOL_CHANGES));
    expect(lines.filter((line) => line.includes('reads'))).toHaveLength(MAX_PROTOCOL_CHANGES + 1);
    expect([lines.at(-1), layer.state(7)]).toEqual(['0 applayer_too_many_changes', 'failed']);
  });
});

describe('datagrams', () => {
  const udp = { transports: ['udp'] } as const;

  test('go to protocols that speak UDP, each with its boundaries', () => {
    const { layer, lines, datagram, send } = startWith([worded('a'), worded('b', udp)]);
    datagram(TO_SERVER, 'a:1');
    datagram(TO_SERVER, 'junk');
    expect([lines, layer.state(7), layer.protocol(7)]).toEqual([[], 'undecided', null]);
    datagram(TO_SERVER, 'b:1');
    datagram(TO_CLIENT, 'junk');
    expect([lines, layer.protocol(7)?.name]).toEqual([['0 b reads b:1', '1 b reads junk'], 'b']);
    layer.release(7);
    send(TO_SERVER, 'b:1');
    expect([lines.length, layer.protocol(7)]).toEqual([2, null]);
  });

  test('nothing is remembered of those that nobody knows', () => {
    const { layer, lines, datagram } = startWith([worded('b', udp)]);
    datagram(TO_SERVER, 'b');
    datagram(TO_SERVER, ':1');
    expect([lines, layer.protocol(7)]).toEqual([[], null]);
  });

  test('probes are told the ports', () => {
    const channels: Channel[] = [];
    const { datagram } = startWith([
      worded('b', {
        ...udp,
        probe: (_direction, _bytes, _start, _end, via) => (channels.push({ ...via }) > 0 ? 'no' : 'yes'),
      }),
    ]);
    datagram(TO_SERVER, 'x');
    expect(channels).toEqual([{ transport: 'udp', clientPort: 40_000, serverPort: 53 }]);
  });
});

describe('lists', () => {
  test('duplicates are loud', () => {
    expect(() => indexEvents([{ a: { summary: '', drops: false } }, { a: { summary: '', drops: true } }])).toThrow(
      '"a"',
    );
  });

  test('events have a summary and a default', () => {
    expect(APP_EVENTS.get('http.request_content_length_and_transfer_encoding')?.drops).toBe(true);
    expect(APP_EVENTS.get('http.missing_host_header')?.drops).toBe(false);
  });
});
