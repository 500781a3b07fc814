import { describe, expect, test } from 'vitest';
import { HTTP_DEFAULTS } from '../../src/app/http/options.ts';
import { HttpParser } from '../../src/app/http/parser.ts';
import type { AppProtocol, Channel } from '../../src/app/protocol.ts';
import { WEBSOCKET_EVENTS } from '../../src/app/websocket/events.ts';
import { MAX_PAYLOAD_BYTES } from '../../src/app/websocket/message-content.ts';
import { createWebsocket } from '../../src/app/websocket/websocket.ts';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { conversation, playPackets } from '../support/play.ts';
import { cut, expectSoundWhenChanged, type Piece, type Trace, trace } from './trace.ts';
import { masked, packed, switching, UPGRADE, wsFrame } from './websocket-frames.ts';

const WEBSOCKET = createWebsocket() as AppProtocol;

/** Behind a handshake in which the server has agreed to these extensions. */
function behind(extensions = ''): AppProtocol {
  const parser = new HttpParser({ onProgress: () => undefined, onEvent: () => undefined }, HTTP_DEFAULTS);
  const say = (direction: Direction, text: string): void => parser.consume(direction, fromLatin1(text), 0, text.length);
  say(TO_SERVER, UPGRADE);
  say(TO_CLIENT, switching(extensions));
  expect(parser.handover?.protocol).toBe('websocket');
  const subject = parser.handover?.subject;
  return { ...WEBSOCKET, open: (sink, channel: Channel) => WEBSOCKET.open(sink, { ...channel, subject }) };
}
const PLAIN = behind();
const DEFLATE = behind('permessage-deflate; client_max_window_bits=15');

const from =
  (direction: Direction) =>
  (...parts: Uint8Array[]): Piece => ({ direction, bytes: new Uint8Array(Buffer.concat(parts)) });
const client = from(TO_SERVER);
const server = from(TO_CLIENT);
const eventsOf = ({ lines }: Trace): string[] => lines.flatMap((line) => line.split(' ! ')[1] ?? []);
const payloadsOf = ({ buffers }: Trace): string[] =>
  [...buffers].filter(([key]) => key.endsWith(' websocket.payload')).map(([, value]) => value);

const shownEvents = new Set<string>();
function expectEvents(pieces: readonly Piece[], events: readonly string[], protocol = PLAIN): void {
  expect(eventsOf(trace(protocol, pieces))).toEqual(events);
  expect(eventsOf(trace(protocol, cut(pieces, 11)))).toEqual(events);
  for (const event of events) shownEvents.add(event);
}

const LONG = 'a message that says the same again and again, '.repeat(5);
const whole = [
  client(masked('hello'), masked('first ', 0x01), masked('ping', 0x89), masked('second ', 0x00), masked('last', 0x80)),
  server(
    wsFrame('ping', { first: 0x8a }),
    wsFrame(Uint8Array.of(1, 2, 3), { first: 0x82 }),
    wsFrame('x'.repeat(70_000)),
  ),
  client(masked(packed(LONG), 0xc1), masked(packed(LONG, LONG), 0xc1)),
  client(masked(packed(`${LONG}!`, LONG + LONG).subarray(0, 4), 0x41)),
  client(masked(packed(`${LONG}!`, LONG + LONG).subarray(4), 0x80)),
  server(wsFrame('\x03\xe8bye', { first: 0x88 })),
  client(masked('\x03\xe8', 0x88)),
];

describe('a connection', () => {
  const traced = trace(DEFLATE, whole);

  test('is a transaction for each frame, and the last fragment has the whole message', () => {
    expect(eventsOf(traced)).toEqual(['websocket.skip_end_of_payload']);
    shownEvents.add('websocket.skip_end_of_payload');
    expect(payloadsOf(traced)).toEqual([
      ...['hello', 'first ', 'ping', 'second ', 'first second last'],
      ...['ping', '\x01\x02\x03', 'x'.repeat(MAX_PAYLOAD_BYTES)],
      ...[LONG, LONG, expect.stringMatching(/^a message/), `${LONG}!`, '\x03\xe8bye', '\x03\xe8'],
    ]);
    expect(traced.buffers.get('3 client websocket.opcode')).toBe('\0');
    expect(traced.buffers.get('1 client websocket.flags')).toBe('\0');
    expect(traced.buffers.get('5 server websocket.mask')).toBeUndefined();
    expect([0, 1, 5, 12].map((id) => traced.described.get(id))).toEqual([
      { fin: true, mask: expect.any(Number), opcode: 'text' },
      { fin: false, mask: expect.any(Number), opcode: 'text' },
      { fin: true, opcode: 'pong' },
      { fin: true, opcode: 'connection_close' },
    ]);
  });

  test('is the same however it is cut', () => {
    for (const bytes of [1, 2, 3, 7, 100, 1400]) expect(trace(DEFLATE, cut(whole, bytes))).toEqual(traced);
  });

  test('every beginning has a result', () => {
    const bytes = cut(whole.slice(0, 1), 1);
    for (let count = 0; count <= bytes.length; count++) {
      expect(trace(DEFLATE, bytes.slice(0, count)).lines.length).toBeLessThanOrEqual(2 * 5);
    }
  });

  test('changed bytes never throw, and mean the same in any pieces', () => {
    const small = whole.map(({ direction, bytes }) => ({ direction, bytes: bytes.slice(0, 300) }));
    expectSoundWhenChanged(DEFLATE, small, { runs: 100 });
  });

  test('is followed behind a long frame, and a gap within one', () => {
    const long = masked(new Uint8Array(3_000_000), 0x82);
    expect(payloadsOf(trace(PLAIN, [client(long), client(masked('behind'))])).at(-1)).toBe('behind');
    const lost = [
      client(long.subarray(0, 1000)),
      client(long.subarray(1000, 2000)),
      client(long.subarray(2000), masked('b')),
    ];
    const traced = trace(PLAIN, lost, 1);
    expect(eventsOf(traced)).toEqual(['websocket.gap', 'websocket.skip_end_of_payload']);
    expect(payloadsOf(traced).at(-1)).toBe('b');
    expect(eventsOf(trace(PLAIN, [client(masked('a')), client(masked('b'))], 0))).toEqual([
      ...['websocket.gap', 'websocket.not_followed'],
    ]);
    for (const event of ['websocket.gap', 'websocket.not_followed']) shownEvents.add(event);
  });

  test('packed messages', () => {
    const fits = 'y'.repeat(MAX_PAYLOAD_BYTES - 1);
    const traced = trace(DEFLATE, [client(masked(packed(fits), 0xc1), masked(packed('behind', fits), 0xc1))]);
    expect(payloadsOf(traced)).toEqual([fits, 'behind']);
    const text = Array.from({ length: 40_000 }, (_, i) => `${i} `).join('');
    expectEvents([client(masked(packed(text), 0xc1))], ['websocket.reassembly_limit_reached'], DEFLATE);
    // What is over the limit is unpacked all the same: the next message refers to it.
    const tail = text.slice(-32_768);
    const more = trace(DEFLATE, [client(masked(packed(text), 0xc1), masked(packed(tail.slice(-500), tail), 0xc1))]);
    expect(payloadsOf(more)).toEqual([text.slice(0, MAX_PAYLOAD_BYTES), tail.slice(-500)]);
    const bomb = packed(new Uint8Array(50_000_000));
    expectEvents([client(masked(bomb, 0xc2))], ['websocket.compression_bomb'], DEFLATE);
    expectEvents([client(masked('\xff\xff', 0xc1), masked('plain'))], ['websocket.failed_decompression'], DEFLATE);
  });
});

describe('events', () => {
  test('of frames that a receiver must not take', () => {
    expectEvents([client(wsFrame('a'))], ['websocket.client_frame_unmasked']);
    expectEvents([server(masked('a'))], ['websocket.server_frame_masked']);
    expectEvents([client(masked('a', 0xa1))], ['websocket.reserved_bits']);
    expectEvents([client(masked('a', 0xc1))], ['websocket.reserved_bits']);
    expectEvents([client(masked('a', 0xa1))], ['websocket.unknown_extension'], behind('x-other'));
    expectEvents([client(masked('a', 0x83))], ['websocket.invalid_opcode']);
    expectEvents([client(masked('a', 0x09))], ['websocket.invalid_control_frame']);
    expectEvents([client(masked('a'.repeat(126), 0x89))], ['websocket.invalid_control_frame']);
    expectEvents([client(masked('a', 0x80))], ['websocket.invalid_fragmentation']);
    expectEvents([client(masked('a', 0x01), masked('b'))], ['websocket.invalid_fragmentation']);
    const mask = new Uint8Array(4);
    expectEvents([client(wsFrame('a', { mask, lengthBytes: 3 }))], ['websocket.length_not_minimal']);
    const negative = wsFrame('a', { mask, lengthBytes: 9 });
    negative[2] = 0x80;
    expectEvents([client(negative)], ['websocket.invalid_length', 'websocket.not_followed']);
    const endless = wsFrame('a', { mask, lengthBytes: 9 });
    endless[3] = 0x20;
    expectEvents([client(endless)], ['websocket.invalid_length', 'websocket.not_followed']);
    for (const payload of ['\x03', '\x03\xed', '\x00\x01']) {
      expectEvents([client(masked(payload, 0x88))], ['websocket.invalid_close']);
    }
    expectEvents([client(masked('\x0b\xb8ours', 0x88), masked('', 0x88))], []);
  });

  test('of long messages', () => {
    const parts = Array.from({ length: 5 }, (_, i) => masked('z'.repeat(20_000), i === 0 ? 1 : i === 4 ? 0x80 : 0));
    const limit = 'websocket.reassembly_limit_reached';
    expectEvents([client(...parts)], [limit, limit]);
  });

  test('each event was shown', () => {
    expect(Object.keys(WEBSOCKET_EVENTS).filter((event) => !shownEvents.has(event))).toEqual([]);
  });
});

test('rules see what is said behind the handshake, and what comes with its answer', () => {
  const packets = conversation([
    { direction: TO_SERVER, bytes: fromLatin1(UPGRADE) },
    { direction: TO_CLIENT, bytes: new Uint8Array(Buffer.concat([fromLatin1(switching()), wsFrame('welcome')])) },
    client(masked('an att', 0x01), masked('ack', 0x80)),
  ]);
  const rules = `
    alert http any any -> any any (http.uri; content:"/chat"; sid:1;)
    alert websocket any any -> any any (flow:to_client; websocket.payload; content:"welcome"; sid:2;)
    drop websocket any any -> any any (websocket.payload; content:"attack"; websocket.flags:fin; sid:3;)
    alert tcp any any -> any any (websocket.opcode:text; flow:to_server; sid:4;)
  `;
  const { alerts, blockedAlerts, appProtocols } = playPackets(packets, { rules, mode: 'prevent' });
  expect(alerts.toSorted()).toEqual([1, 2, 3, 4]);
  expect(blockedAlerts).toEqual([3]);
  expect(appProtocols).toContain('websocket');
});
