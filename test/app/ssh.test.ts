import { describe, expect, test } from 'vitest';
import type { AppProtocol } from '../../src/app/protocol.ts';
import { SSH_EVENTS } from '../../src/app/ssh/events.ts';
import { createSsh } from '../../src/app/ssh/ssh.ts';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { conversation, playPackets } from '../support/play.ts';
import { keyExchange, NEWKEYS, OFFER, packet } from './ssh-packets.ts';
import { channel } from './support.ts';
import { cut, expectSoundWhenChanged, type Piece, type Trace, trace } from './trace.ts';

const SSH = createSsh() as AppProtocol;
// MD5 of `kex1,kex2;enc-c;mac-c;none`.
const HASSH = 'a7ebfb90cf29a63a18d2e743a54cda2c';

const from =
  (direction: Direction) =>
  (...parts: (string | Uint8Array)[]): Piece => ({
    direction,
    bytes: new Uint8Array(Buffer.concat(parts.map((part) => (typeof part === 'string' ? fromLatin1(part) : part)))),
  });
const client = from(TO_SERVER);
const server = from(TO_CLIENT);
const eventsOf = ({ lines }: Trace): string[] => lines.flatMap((line) => line.split(' ! ')[1] ?? []);

const shownEvents = new Set<string>();
function expectEvents(pieces: readonly Piece[], ...events: string[]): void {
  expect(eventsOf(trace(SSH, pieces))).toEqual(events);
  for (const event of events) shownEvents.add(event);
}

const whole = [
  server('SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n', keyExchange(OFFER)),
  client('SSH-2.0-PuTTY_Release_0.55\r\n', keyExchange(OFFER), packet(30, new Uint8Array(40)), NEWKEYS, 'encrypted'),
  server(packet(31, new Uint8Array(300)), NEWKEYS, 'encrypted'),
];

describe('a connection', () => {
  test('shows versions and offers, up to where it is encrypted', () => {
    const traced = trace(SSH, whole);
    expect(traced.lines).toEqual(['0 server head', '0 server complete', '0 client head', '0 client complete']);
    expect(traced.isDone).toBe(true);
    expect(Object.fromEntries(traced.buffers)).toEqual({
      ...{ '0 client ssh.proto': '2.0', '0 client ssh.software': 'PuTTY_Release_0.55' },
      ...{ '0 server ssh.proto': '2.0', '0 server ssh.software': 'OpenSSH_9.2p1' },
      '0 client ssh.hassh': expect.stringMatching(/^[0-9a-f]{32}$/),
      '0 client ssh.hassh.string': 'kex1,kex2;enc-c;mac-c;none',
      '0 server ssh.hassh.server': expect.stringMatching(/^[0-9a-f]{32}$/),
      '0 server ssh.hassh.server.string': 'kex1,kex2;enc-s;mac-s;zlib',
    });
    expect(traced.described.get(0)).toMatchObject({
      client: {
        ...{ proto_version: '2.0', software_version: 'PuTTY_Release_0.55' },
        hassh: { hash: HASSH, string: 'kex1,kex2;enc-c;mac-c;none' },
      },
      server: { proto_version: '2.0', software_version: 'OpenSSH_9.2p1' },
    });
  });

  test('says the same however it is cut', () => {
    for (const bytes of [1, 2, 3, 5, 17, 100]) expect(trace(SSH, cut(whole, bytes))).toEqual(trace(SSH, whole));
  });

  test('lines before the version are skipped, of a server', () => {
    const traced = trace(SSH, [server('Welcome\r\n', 'x'.repeat(600), '\r\n', 'SSH-1.99-a\n')]);
    expect(traced.buffers.get('0 server ssh.proto')).toBe('1.99');
    expect(eventsOf(traced)).toEqual([]);
  });

  test('a version may have an empty name, but no other parts may be missing', () => {
    expect(trace(SSH, [client('SSH-2.0-\n')]).buffers.get('0 client ssh.software')).toBe('');
    expectEvents([client('SSH-2.0\r\n')], 'ssh.invalid_banner');
    expectEvents([client('hello\r\n')], 'ssh.invalid_banner');
    expectEvents([server('x'.repeat(80_000))], 'ssh.invalid_banner');
  });

  test('a long version is told of, and the packets behind it are read', () => {
    const pieces = [client(`SSH-2.0-a ${'x'.repeat(400)}\r\n`, keyExchange(OFFER))];
    expectEvents(pieces, 'ssh.long_banner');
    expect(trace(SSH, pieces).buffers.get('0 client ssh.hassh.string')).toBe('kex1,kex2;enc-c;mac-c;none');
    for (const bytes of [1, 2, 254, 255, 256]) expect(trace(SSH, cut(pieces, bytes))).toEqual(trace(SSH, pieces));
  });

  test('lengths that cannot be right', () => {
    expectEvents([client('SSH-2.0-a\n', Uint8Array.of(0, 0, 0, 1, 0, 0))], 'ssh.invalid_record');
    expectEvents([client('SSH-2.0-a\n', Uint8Array.of(0xff, 0, 0, 0, 0, 0))], 'ssh.invalid_record');
    expectEvents([client('SSH-2.0-a\n', packet(20, new Uint8Array(30)))], 'ssh.invalid_record');
    expectEvents([client('SSH-2.0-a\n', packet(20, new Uint8Array(70_000)), NEWKEYS)], 'ssh.long_kex_record');
  });

  test('bytes that nobody saw', () => {
    expect(eventsOf(trace(SSH, [client('SSH-2.0-a\n'), client('1234567')], 1))).toEqual(['ssh.gap']);
    shownEvents.add('ssh.gap');
    const inside = packet(30, new Uint8Array(100));
    const pieces = [
      client('SSH-2.0-a\n', inside.subarray(0, 20)),
      client(inside.subarray(20, 40)),
      client(inside.subarray(40), keyExchange(OFFER)),
    ];
    expect(trace(SSH, pieces, 1).buffers.get('0 client ssh.hassh.string')).toBe('kex1,kex2;enc-c;mac-c;none');
  });

  test('each event was shown', () => {
    expect(Object.keys(SSH_EVENTS).filter((event) => !shownEvents.has(event))).toEqual([]);
  });
});

test('what is kept of an offer is counted', () => {
  const parser = SSH.open({ onProgress: () => {}, onEvent: () => {} }, channel('tcp', 22));
  const { bytes } = client('SSH-2.0-a\r\n', keyExchange([...OFFER.slice(0, 9), 'x'.repeat(20_000)]));
  parser.consume(TO_SERVER, bytes, 0, bytes.length);
  expect(parser.heldBytes).toBeLessThan(1000);
  const long = server('SSH-2.0-a\r\n', keyExchange(['x'.repeat(20_000), ...OFFER.slice(1)])).bytes;
  parser.consume(TO_CLIENT, long, 0, long.length);
  expect(parser.heldBytes).toBeGreaterThan(20_000);
});

test('is recognised by its first four bytes', () => {
  const probe = (text: string): string => SSH.probe(TO_SERVER, fromLatin1(text), 0, text.length, channel());
  expect(['S', 'SSH', 'SSH-', 'SSH-2.0-a', 'SSX', 'ssh-2'].map(probe)).toEqual([
    'more',
    'more',
    'yes',
    'yes',
    'no',
    'no',
  ]);
});

test('whatever the bytes, nothing throws and pieces do not matter', () => {
  expectSoundWhenChanged(SSH, whole, { runs: 200 });
});

test('rules look into it, and the server decides that it is spoken', () => {
  const rules = [
    'alert ssh any any -> any any (msg:"x"; flow:to_server; ssh.software; content:"PuTTY"; sid:1;)',
    `alert ssh any any -> any any (msg:"x"; ssh.hassh; content:"${HASSH.toUpperCase()}"; sid:2;)`,
    'alert ssh any any -> any any (msg:"x"; ssh.protoversion:2_compat; sid:3;)',
  ].join('\n');
  const { alerts, appProtocols } = playPackets(conversation(whole, { serverPort: 2222 }), { rules });
  expect([alerts.sort(), new Set(appProtocols)]).toEqual([[1, 2, 3, 3], new Set(['ssh'])]);
  const mismatch = playPackets(conversation([client('GET / HTTP/1.1\r\n\r\n'), server('SSH-2.0-a\r\n')]), { rules });
  expect(mismatch.anomalies.map(({ event }) => event)).toContain('applayer_mismatch_protocol_both_directions');
  expect([mismatch.alerts, mismatch.appProtocols]).toEqual([[3], ['ssh']]);
});
