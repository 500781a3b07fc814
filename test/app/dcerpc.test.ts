import { describe, expect, test } from 'vitest';
import { MAX_STUB_BYTES } from '../../src/app/dcerpc/call.ts';
import { MAX_OPEN_CALLS } from '../../src/app/dcerpc/conversation.ts';
import { createDcerpc } from '../../src/app/dcerpc/dcerpc.ts';
import { DCERPC_EVENTS } from '../../src/app/dcerpc/events.ts';
import type { AppProtocol } from '../../src/app/protocol.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { bind, bindAck, concat, pdu, request, response, u16, u32, zeros } from '../support/smb.ts';
import { channel } from './support.ts';
import { cut, expectSoundWhenChanged, type Piece, type Trace, trace } from './trace.ts';

const DCERPC = createDcerpc() as AppProtocol;
const UUID = 'ABCDEFGHIJKLMNOP';
const FIRST = 1;
const MIDDLE = 0;
const LAST = 2;
const FAULT = 3;
const ALTER_CONTEXT = 14;
const ALTER_CONTEXT_RESPONSE = 15;

const client = (...parts: readonly Uint8Array[]): Piece => ({ direction: TO_SERVER, bytes: concat(...parts) });
const server = (...parts: readonly Uint8Array[]): Piece => ({ direction: TO_CLIENT, bytes: concat(...parts) });
const eventsOf = ({ lines }: Trace): string[] => lines.flatMap((line) => line.split(' ! ')[1] ?? []);
const shownEvents = new Set<string>();
function expectEvents(pieces: readonly Piece[], ...events: string[]): void {
  expect(eventsOf(trace(DCERPC, pieces))).toEqual(events);
  for (const event of events) shownEvents.add(event);
}

const bound = [client(bind(1, UUID, 2)), server(bindAck(1))];
const whole = [
  ...bound,
  client(request(2, 7, 'one, ', FIRST), request(2, 7, 'two, ', MIDDLE), request(2, 7, 'three', LAST)),
  server(response(2, 'four, ', FIRST), response(2, 'five', LAST)),
];

describe('a connection', () => {
  test('shows calls, their fragments put together, and the interface that they are for', () => {
    const traced = trace(DCERPC, whole);
    expect(traced.lines).toEqual([
      ...['0 client head', '0 client complete', '0 server head', '0 server complete'],
      ...['1 client head', '1 client complete', '1 server head', '1 server complete'],
    ]);
    expect(Object.fromEntries(traced.buffers)).toMatchObject({
      '1 client dcerpc.stub_data': 'one, two, three',
      '1 server dcerpc.stub_data': 'four, five',
      '1 client dcerpc.opnum': '\0\x07',
      '1 client dcerpc.iface': 'DCBAFEHGIJKLMNOP\0\x02\x01',
    });
    expect(traced.buffers.has('0 client dcerpc.iface')).toBe(false);
    expect(traced.described.get(0)).toMatchObject({
      ...{ request: 'BIND', response: 'BINDACK', rpc_version: '5.0' },
      interfaces: [{ uuid: '44434241-4645-4847-494a-4b4c4d4e4f50', version: '2.0', ack_result: 0 }],
    });
    expect(traced.described.get(1)).toMatchObject({
      ...{ request: 'REQUEST', response: 'RESPONSE', opnum: 7, call_id: 2 },
      ...{ req: { frag_cnt: 3, stub_data_size: 15 }, res: { frag_cnt: 2, stub_data_size: 10 } },
    });
  });

  test('a context that the server refuses is for no interface', () => {
    const refused = [client(bind(1, UUID)), server(bindAck(1, 2)), client(request(2, 7, 'stub'))];
    expect(trace(DCERPC, refused).buffers.has('1 client dcerpc.iface')).toBe(false);
  });

  test('what is altered adds to what is bound', () => {
    const offer = bind(3, 'abcdefghijklmnop').slice();
    offer[2] = ALTER_CONTEXT;
    offer[28] = 1;
    const answer = bindAck(3).slice();
    answer[2] = ALTER_CONTEXT_RESPONSE;
    const call = request(4, 1, 'stub').slice();
    call[20] = 1;
    const traced = trace(DCERPC, [...bound, client(offer), server(answer), client(call, request(5, 1, 'x'))]);
    expect(traced.buffers.get('2 client dcerpc.iface')).toMatch(/^dcba/);
    expect(traced.buffers.get('3 client dcerpc.iface')).toMatch(/^DCBA/);
  });

  test('numbers are big-endian where the message says so', () => {
    const head = Buffer.alloc(8);
    head.writeUInt16BE(0x0102, 6);
    const traced = trace(DCERPC, [client(pdu(0, 9, concat(head, 'stub'), 3, false))]);
    expect(traced.buffers.get('0 client dcerpc.opnum')).toBe('\x01\x02');
    expect(traced.described.get(0)).toMatchObject({ call_id: 9 });
  });

  test('the UUID of an object is not part of the stub', () => {
    const call = pdu(0, 2, concat(u32(4), u16(0, 7), 'object-uuid-0123', 'stub'), 0x83);
    expect(trace(DCERPC, [client(call)]).buffers.get('0 client dcerpc.stub_data')).toBe('stub');
  });

  test('a fault answers a call, and a response without one is shown', () => {
    const traced = trace(DCERPC, [
      client(request(2, 7, 'stub')),
      server(pdu(FAULT, 2, zeros(16))),
      server(response(9, 'lost')),
    ]);
    expect(traced.described.get(0)).toMatchObject({ request: 'REQUEST', response: 'FAULT' });
    expect(traced.described.get(1)).toMatchObject({ request: 'REQUEST_LOST', response: 'RESPONSE' });
    expect(traced.buffers.get('1 server dcerpc.stub_data')).toBe('lost');
  });

  test('of a long stub the beginning is kept', () => {
    const parts = Array.from({ length: 20 }, (_, i) =>
      request(2, 7, 'x'.repeat(4000), i === 0 ? FIRST : i === 19 ? LAST : MIDDLE),
    );
    const traced = trace(DCERPC, [client(...parts)]);
    expect(traced.buffers.get('0 client dcerpc.stub_data')).toHaveLength(MAX_STUB_BYTES);
  });
});

describe('what is wrong', () => {
  test('a fragment that is none ends the direction', () => {
    const pieces = [...bound, client(new Uint8Array(16).fill(0x41)), client(request(2, 7, 'stub'))];
    expectEvents(pieces, 'dcerpc.malformed_data');
    expectEvents([client(pdu(11, 1, zeros(4)))], 'dcerpc.malformed_data');
    expectEvents([client(pdu(0, 1, zeros(4)))], 'dcerpc.malformed_data');
    expectEvents([client(request(1, 1, 'x')), server(pdu(2, 1, zeros(4)))], 'dcerpc.malformed_data');
    expectEvents([client(bind(1, UUID)), server(pdu(12, 1, zeros(4)))], 'dcerpc.malformed_data');
  });

  test('calls that carry more than what is kept', () => {
    const long = (callId: number, bytes: number): Uint8Array[] => [
      request(callId, 7, 'x'.repeat(bytes / 2), FIRST),
      request(callId, 7, 'x'.repeat(bytes / 2), MIDDLE),
    ];
    expectEvents([...bound, client(...long(2, MAX_STUB_BYTES + 2))], 'dcerpc.stub_too_long');
    const full = Array.from({ length: MAX_OPEN_CALLS }, (_, i) => long(2 + i, MAX_STUB_BYTES)).flat();
    expect(eventsOf(trace(DCERPC, [...bound, client(...full)]))).toEqual([]);
    expectEvents([...bound, client(...full), server(response(2, 'x', FIRST))], 'dcerpc.open_stubs_too_long');
    // What is answered makes room.
    const answers = server(...Array.from({ length: MAX_OPEN_CALLS }, (_, i) => pdu(FAULT, 2 + i, zeros(16))));
    const over = client(...Array.from({ length: MAX_OPEN_CALLS }, (_, i) => request(2 + i, 7, 'x', LAST)));
    const most = Array.from({ length: MAX_OPEN_CALLS }, (_, i) => long(2 + i, MAX_STUB_BYTES - 2)).flat();
    const again = trace(DCERPC, [...bound, client(...most), over, answers, client(...full)]);
    expect(eventsOf(again)).toEqual([]);
  });

  test('more calls than are followed', () => {
    const calls = Array.from({ length: MAX_OPEN_CALLS + 1 }, (_, i) => request(2 + i, 7, 'stub'));
    expectEvents([client(...calls)], 'dcerpc.too_many_calls');
  });

  test('behind a gap the next fragment is looked for', () => {
    const pieces = [...bound, client(request(2, 7, 'lost')), client(zeros(5), request(3, 8, 'found'))];
    const traced = trace(DCERPC, pieces, 2);
    expect(traced.buffers.get('1 client dcerpc.stub_data')).toBe('found');
    expect(eventsOf(traced)).toEqual([]);
  });

  test('every event was raised', () => {
    expect(Object.keys(DCERPC_EVENTS).filter((event) => !shownEvents.has(event))).toEqual([]);
  });
});

describe('whatever comes', () => {
  test('the same bytes in other pieces give the same', () => {
    for (const bytes of [1, 2, 3, 15, 16, 17, 60])
      expect(trace(DCERPC, cut(whole, bytes))).toEqual(trace(DCERPC, whole));
  });

  test('changed bytes never throw, and give the same in any pieces', () => {
    expectSoundWhenChanged(DCERPC, whole, { runs: 300 });
  });
});

describe('recognition', () => {
  const probe = (direction: Direction, bytes: Uint8Array) => DCERPC.probe(direction, bytes, 0, bytes.length, channel());

  test('by a header with which its side can begin', () => {
    const first = bind(1, UUID);
    expect(probe(TO_SERVER, first)).toBe('yes');
    expect(probe(TO_CLIENT, bindAck(1))).toBe('yes');
    for (let end = 1; end < 16; end++) expect(probe(TO_SERVER, first.subarray(0, end))).toBe('more');
    expect(probe(TO_CLIENT, first)).toBe('no');
  });

  test('what a SOCKS server says is none', () => {
    expect(probe(TO_CLIENT, concat('\x05\0\x05\0\0\x01\x0a\0\0\x01\x1f\x90', 'HTTP/1.1 200'))).toBe('no');
  });
});
