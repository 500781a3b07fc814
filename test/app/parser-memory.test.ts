import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { AppLayer } from '../../src/app/app-layer.ts';
import { FtpTransfer, TRANSFER } from '../../src/app/ftp/transfer.ts';
import { APP_PROTOCOLS } from '../../src/app/index.ts';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { conversation, Player } from '../support/play.ts';
import { body, concat, pdu, smb2, frame as smbFrame, u32 } from '../support/smb.ts';
import { FLAGS, fields, frame, PREFACE, REQUEST } from './http2-frames.ts';
import { channel, flowEndpoints } from './support.ts';
import { wsFrame } from './websocket-frames.ts';

const LIMIT_BYTES = 256 * 1024;

function start() {
  const told: string[] = [];
  const shed: number[] = [];
  const layer: AppLayer = new AppLayer(
    {
      onProgress: () => {},
      onEvent: (_tx, _direction, event) => told.push(`${layer.currentFlow} ${event}`),
    },
    flowEndpoints(),
    { memoryBytes: LIMIT_BYTES, onShed: (flow) => shed.push(flow) },
  );
  const send = (flow: number, text: string, direction: Direction = TO_SERVER): void => {
    const bytes = fromLatin1(text);
    layer.memory.keepToLimit();
    layer.consume(flow, direction, bytes, 0, bytes.length);
  };
  return { layer, told, shed, send };
}

const upload = (bytes: number): string =>
  `POST /up HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(bytes)}`;

test('uploads that stop within their bodies take no more than the limit, and the ones silent longest go first', () => {
  const { layer, shed, send } = start();
  for (let flow = 0; flow < 60; flow++) {
    send(flow, upload(20_000));
    // The first one goes on all the time.
    send(0, 'x');
    expect(layer.memory.usedBytes).toBeLessThan(LIMIT_BYTES + 100_000);
  }
  layer.memory.keepToLimit();
  expect(layer.memory.usedBytes).toBeLessThanOrEqual(LIMIT_BYTES);
  expect(shed.length).toBeGreaterThan(40);
  expect(shed).toEqual(shed.map((_, i) => i + 1));
  expect([layer.state(0), layer.state(59), layer.state(1)]).toEqual(['open', 'open', 'failed']);
});

test('what comes behind is told of once, and a new connection in its place is read', () => {
  const { layer, told, shed, send } = start();
  for (let flow = 0; flow < 30; flow++) send(flow, upload(20_000));
  send(30, upload(20_000));
  const [first] = shed;
  expect([first, layer.isShed(0), told]).toEqual([0, true, []]);
  send(0, 'more');
  send(0, 'and more');
  layer.end(0, TO_SERVER);
  expect(told).toEqual(['0 applayer_memory_limit']);
  layer.release(0);
  send(0, 'GET /again HTTP/1.1\r\nHost: a.example\r\n\r\n');
  expect([layer.isShed(0), layer.state(0)]).toEqual([false, 'open']);
});

test('that a condemned flow had given up its parser is not said of others that are over', () => {
  const { layer, told, send } = start();
  for (let flow = 0; flow < 30; flow++) send(flow, upload(20_000));
  layer.abandon(0);
  send(40, 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
  layer.end(40, TO_SERVER);
  layer.end(40, TO_CLIENT);
  send(40, 'more');
  expect([layer.state(40), layer.isShed(40), told]).toEqual(['done', false, []]);
});

test('small requests are read whatever others hold', () => {
  const { layer, send } = start();
  for (let flow = 0; flow < 30; flow++) send(flow, upload(20_000));
  for (let flow = 100; flow < 200; flow++) send(flow, 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
  layer.memory.keepToLimit();
  for (let flow = 100; flow < 200; flow++) expect(layer.state(flow)).toBe('open');
});

test('nothing is left of flows that are gone', () => {
  const { layer, send } = start();
  for (let flow = 0; flow < 20; flow++) send(flow, upload(20_000));
  send(20, 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
  for (let flow = 0; flow <= 20; flow++) layer.release(flow);
  expect(layer.memory.usedBytes).toBe(0);
});

const LONG = 'x'.repeat(30_000);
const MAIL =
  'EHLO a\r\nMAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nDATA\r\nContent-Disposition: attachment; filename=a\r\n\r\n';

/** What one side can say so that its parser has to hold most of it. */
const HELD: readonly [string, string, Direction, Uint8Array][] = [
  ['a body', 'http', TO_SERVER, fromLatin1(upload(30_000))],
  ['a long head', 'http', TO_SERVER, fromLatin1(`GET /${LONG}`)],
  [
    'a packed body',
    'http',
    TO_CLIENT,
    concat('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 99\r\n\r\n', new Uint8Array(gzipSync(LONG))),
  ],
  [
    'content of a stream',
    'http2',
    TO_SERVER,
    concat(
      PREFACE,
      frame('headers', FLAGS.endHeaders, 1, fields(...REQUEST)),
      frame('data', 0, 1, LONG.slice(0, 16_000)),
    ),
  ],
  ['a long argument', 'redis', TO_SERVER, fromLatin1(`*2\r\n$3\r\nGET\r\n$100000\r\n${LONG}`)],
  [
    'a message of the handshake',
    'tls',
    TO_SERVER,
    concat(Uint8Array.of(0x16, 3, 1, 0x3f, 0xff, 1, 0, 0xff, 0, 3, 3), LONG.slice(0, 16_000)),
  ],
  ['a list of algorithms', 'ssh', TO_SERVER, concat('SSH-2.0-a\r\n', Uint8Array.of(0, 0, 0xff, 0, 8, 20), LONG)],
  ['a message', 'dns', TO_SERVER, concat(Uint8Array.of(0xff, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0), LONG)],
  ['commands without answers', 'ftp', TO_SERVER, fromLatin1(`SITE ${'x'.repeat(95)}\r\n`.repeat(300))],
  ['a file', 'ftp-data', TO_CLIENT, fromLatin1(LONG)],
  ['a message', 'websocket', TO_SERVER, wsFrame(LONG).subarray(0, 29_000)],
  ['an attachment', 'smtp', TO_SERVER, fromLatin1(MAIL + `${'x'.repeat(70)}\r\n`.repeat(500))],
  [
    'a file',
    'smb',
    TO_SERVER,
    smbFrame(smb2({ command: 9, messageId: 1 }, body.write('0123456789abcdef', 0, fromLatin1(LONG)))),
  ],
  [
    'a long command',
    'smb',
    TO_SERVER,
    smbFrame(smb2({ command: 5, messageId: 2 }, fromLatin1(LONG))).subarray(0, 25_000),
  ],
  [
    'the first of several fragments',
    'dcerpc',
    TO_SERVER,
    pdu(0, 1, concat(u32(50_000), Uint8Array.of(0, 0, 1, 0), LONG), 1),
  ],
];

test.each(HELD)('%s is counted: %s', (_what, name, direction, bytes) => {
  const protocol = APP_PROTOCOLS.find((known) => known.name === name)!;
  const subject = name === 'ftp-data' ? new FtpTransfer(TRANSFER.retr, fromLatin1('a')) : undefined;
  const parser = protocol.open({ onProgress: () => {}, onEvent: () => {} }, { ...channel(), subject });
  expect(parser.heldBytes).toBeLessThan(2048);
  // In pieces, so that nothing is read where it lies.
  for (let at = 0; at < bytes.length; at += 1000) {
    parser.consume(direction, bytes, at, Math.min(bytes.length, at + 1000));
  }
  expect(parser.heldBytes).toBeGreaterThan(14_000);
  expect(parser.heldBytes).toBeLessThan(200_000);
});

test.each([
  ['closed', 'prevent', ['stream memcap']],
  ['open', 'prevent', []],
  ['closed', 'detect', []],
] as const)('failure.limits %s decides in %s mode about what nobody reads', (limits, mode, reasons) => {
  const player = new Player({
    mode,
    config: { appLayer: { memoryBytes: LIMIT_BYTES }, failure: { limits } },
  });
  const packetsOf = (clientPort: number): Uint8Array[] =>
    conversation([{ direction: TO_SERVER, bytes: fromLatin1(upload(40_000)) }], { clientPort });
  const halves = Array.from({ length: 12 }, (_, i) => packetsOf(20_000 + i)).map((packets) => packets.slice(0, -4));
  for (const packets of halves) for (const packet of packets.slice(0, -1)) player.send(packet);
  expect(player.played.dropReasons).toEqual([]);
  player.send(halves[0]!.at(-1)!);
  expect([...new Set(player.played.dropReasons)]).toEqual(reasons);
});
