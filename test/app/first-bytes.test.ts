import { type AddressInfo, createServer } from 'node:net';
import { connect } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { AppLayer, type AppLayerOptions } from '../../src/app/app-layer.ts';
import { FirstBytes, MAX_FIRST_BYTES } from '../../src/app/first-bytes.ts';
import { type FrameListener, STAGE } from '../../src/app/protocol.ts';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { conversation, type Played, playPackets } from '../support/play.ts';
import { Random } from '../support/random.ts';
import { flowEndpoints } from './support.ts';

/** What a client says, and what the server then says first. On ports that no protocol claims. */
const RULES = `
  drop smtp any any -> any any (smtp.mail_from; content:"evil"; sid:1;)
  drop redis any any -> any any (redis.command; content:"EVAL"; sid:2;)
  drop ftp any any -> any any (ftp.command_data; content:"evil"; sid:3;)
  drop http any any -> any any (http.uri; content:"/evil"; sid:4;)
`.replaceAll(/^ +/gm, '');

const MAIL = 'EHLO a\r\nMAIL FROM:<evil@a.example>\r\n';
const EVAL = 'EVAL "x" 0\r\n';
const SMTP_GREETING = '220 mx.example ESMTP\r\n';

function play(client: string | Uint8Array, server: string, segmentBytes = 1460, serverPort = 7000): Played {
  const toBytes = (said: string | Uint8Array): Uint8Array => (typeof said === 'string' ? fromLatin1(said) : said);
  const turns = [
    { direction: TO_SERVER, bytes: toBytes(client) },
    { direction: TO_CLIENT, bytes: toBytes(server) },
  ] as const;
  return playPackets(conversation(turns, { serverPort, segmentBytes }), { rules: RULES, mode: 'prevent' });
}

describe('what a client sent before the server showed another protocol', () => {
  test.each([
    ['a line of HTTP', `GET x\r\n${MAIL}`, SMTP_GREETING, 1],
    ['a request of HTTP', `GET / HTTP/1.1\r\nHost: a\r\n\r\n${MAIL}`, SMTP_GREETING, 1],
    ['a request with a body', `POST / HTTP/1.1\r\nContent-Length: 60\r\n\r\n${MAIL}`, SMTP_GREETING, 1],
    ['the greeting of SSH', `SSH-2.0-x\r\n${MAIL}`, SMTP_GREETING, 1],
    ['the beginning of TLS', `\x16\x03\x01\r\n${MAIL}`, SMTP_GREETING, 1],
    ['a line of HTTP', `GET x\r\n${EVAL}`, '-ERR wrong number\r\n', 2],
    ['a line that is long', `GET /${'x'.repeat(40_000)}\r\n${EVAL}`, '-ERR wrong number\r\n', 2],
    ['a method that is long', `${'A'.repeat(9000)} /evil HTTP/1.1\r\nHost: a\r\n\r\n`, 'HTTP/1.1 200 OK\r\n\r\n', 4],
    ['a method of no characters', `${'\x01'.repeat(9000)} /evil HTTP/1.1\r\n\r\n`, 'HTTP/1.1 200 OK\r\n\r\n', 4],
    ['a line of HTTP', 'GET x\r\nUSER a\r\nSTOR evil\r\n', '220 FTP ready\r\n', 3],
    ['the beginning of TLS', '\x16\x03\x01 /evil HTTP/1.1\r\nHost: a\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\n', 4],
    [
      'the preface of HTTP/2',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nGET /evil HTTP/1.1\r\n\r\n',
      'HTTP/1.1 400 No\r\n\r\n',
      4,
    ],
  ])('%s: %j', (_name, client, server, sid) => {
    for (const segmentBytes of [1460, 3, 60_000]) {
      const { blockedAlerts, anomalies } = play(client, server, segmentBytes);
      expect(blockedAlerts).toContain(sid);
      expect(anomalies.map(({ event }) => event)).not.toContain('applayer_first_bytes_lost');
    }
  });

  test('is followed to its end, and what comes then too', () => {
    const { lines, send } = start();
    send(TO_SERVER, 'GET x\r\nEHLO a\r\n');
    send(TO_CLIENT, SMTP_GREETING);
    send(TO_CLIENT, '500 what\r\n250 a\r\n');
    send(TO_SERVER, 'MAIL FROM:<a@a>\r\nDATA\r\n');
    send(TO_CLIENT, '250 ok\r\n354 go\r\n');
    send(TO_SERVER, 'x\r\n.\r\n');
    expect(lines.filter((line) => line.startsWith('smtp.'))).toEqual([]);
    expect(lines.filter((line) => line === 'smtp complete')).toHaveLength(1);
  });

  test('an honest client that takes the server for another one is not refused', async () => {
    const hello = await clientHello();
    const preface = fromLatin1('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0');
    const request = 'GET / HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\n\r\n';
    const badRequest = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n';
    const tlsAlert = '\x15\x03\x03\0\x02\x02\x46';
    const settings = '\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64';
    const met = [
      ...[badRequest, SMTP_GREETING, '-ERR unknown command\r\n'].flatMap((server) => [
        [hello, server] as const,
        [preface, server] as const,
      ]),
      [request, tlsAlert],
      [request, settings],
      [preface, tlsAlert],
    ] as const;
    for (const [client, server] of met) {
      const { anomalies, dropped } = play(client, server);
      expect([dropped, anomalies.map(({ event }) => event)]).toEqual([
        [],
        ['applayer_mismatch_protocol_both_directions'],
      ]);
    }
  });

  test('of a client that met the server it looked for, nothing is told', async () => {
    const hello = await clientHello();
    const upgrade = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n';
    const met = [
      ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'HTTP/1.1 400 Plain HTTP was sent to an HTTPS port\r\n\r\n'],
      [`${upgrade}HTTP2-Settings: AAMAAABk\r\n\r\n`, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
      [hello, '\x15\x03\x03\0\x02\x02\x46'],
      ['EHLO a\r\nMAIL FROM:<a@a.example>\r\nRCPT TO:<b@a.example>\r\n', '250 a\r\n250 ok\r\n250 ok\r\n'],
      ['*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n', '+PONG\r\n+PONG\r\n'],
    ] as const;
    for (const [client, server] of met) {
      const { anomalies, dropped } = play(client, server);
      expect([dropped, anomalies.map(({ event }) => event).filter((event) => event.includes('mismatch'))]).toEqual([
        [],
        [],
      ]);
    }
  });

  test('more than is kept is told of, and refused', () => {
    const junk = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(MAX_FIRST_BYTES)}`;
    const { anomalies } = play(`${junk}\r\n${EVAL}`, '-ERR wrong number\r\n');
    expect(anomalies).toContainEqual({ type: 'applayer', event: 'applayer_first_bytes_lost', isBlocked: true });
    const { lines, send } = start();
    send(TO_SERVER, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n');
    for (let i = 0; i < 20; i++) send(TO_SERVER, 'x'.repeat(10_000));
    send(TO_CLIENT, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    expect(lines).toEqual(['http complete']);
  });

  test('frames have their places in the stream', () => {
    const { lines, send } = start({ isWanted: ({ name }) => name === 'smtp' });
    send(TO_SERVER, 'GET x\r\nEHLO a\r\n');
    send(TO_CLIENT, SMTP_GREETING.slice(0, 8));
    send(TO_CLIENT, SMTP_GREETING.slice(8));
    send(TO_SERVER, 'NOOP\r\n');
    const places = lines.filter((line) => line.startsWith('frame') && line.includes('command_line'));
    expect(places).toEqual(['frame 0 command_line 0', 'frame 0 command_line 7', 'frame 0 command_line 15']);
  });
});

describe('memory of first bytes', () => {
  test('is counted while it is held, and given back when the server has answered', () => {
    const { layer, send } = start();
    send(TO_SERVER, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const waiting = layer.memory.usedBytes;
    expect(waiting).toBeGreaterThanOrEqual(512);
    send(TO_CLIENT, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    expect(layer.memory.usedBytes).toBeLessThanOrEqual(waiting - 512);
  });

  test('nothing is kept where servers are not heard', () => {
    const heard = start();
    const unheard = start(null, { isOneSided: true });
    const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(100);
    for (const { send } of [heard, unheard]) send(TO_SERVER, request);
    expect(heard.layer.memory.usedBytes - unheard.layer.memory.usedBytes).toBeGreaterThanOrEqual(request.length);
    unheard.send(TO_CLIENT, SMTP_GREETING);
    expect(unheard.lines).not.toContain('applayer_first_bytes_lost');
  });

  test('of large buffers there are no more than fit, and 8 KiB always', () => {
    const memory = new FirstBytes(256 * 1024, true);
    const taken = Array.from({ length: 20 }, () => memory.take(MAX_FIRST_BYTES));
    expect(taken.map(({ length }) => length).filter((length) => length > 8192)).toHaveLength(3);
    expect(taken.at(-1)!.length).toBe(8192);
    for (const buffer of taken) memory.give(buffer);
    expect(memory.take(MAX_FIRST_BYTES).length).toBe(MAX_FIRST_BYTES);
  });

  test('a connection gets no bytes of another one', () => {
    const random = new Random(7);
    const { layer, greeted } = start();
    const names = Array.from({ length: 200 }, (_, i) => `n${i}`);
    for (const [i, name] of names.entries()) {
      const client = fromLatin1(`GET x\r\n${'y'.repeat(random.below(3000))}\r\nHELO ${name}\r\nMAIL FROM:<a@a>\r\n`);
      for (let at = 0; at < client.length; ) {
        const end = Math.min(client.length, at + 1 + random.below(1500));
        layer.consume(i % 8, TO_SERVER, client, at, end);
        at = end;
      }
      const greeting = fromLatin1(SMTP_GREETING);
      layer.consume(i % 8, TO_CLIENT, greeting, 0, greeting.length);
      layer.release(i % 8);
    }
    expect(greeted).toEqual(names);
  });
});

function start(frames: Partial<FrameListener> | null = null, options: AppLayerOptions = {}) {
  const lines: string[] = [];
  const greeted: string[] = [];
  const layer: AppLayer = new AppLayer(
    {
      onProgress: (tx, direction, stage) => {
        if (stage === STAGE.complete && direction === TO_SERVER)
          lines.push(`${layer.protocol(layer.currentFlow)!.name} complete`);
        const { helo } = layer.protocol(layer.currentFlow)!.describe(tx);
        if (typeof helo === 'string' && greeted.at(-1) !== helo) greeted.push(helo);
      },
      onEvent: (_tx, _direction, event) => lines.push(event),
    },
    flowEndpoints(7000),
    {
      ...options,
      frames: frames && {
        isWanted: () => true,
        onFrame: (_protocol, direction, name, at) => lines.push(`frame ${direction} ${name} ${at}`),
        onFrameEnd: () => {},
        ...frames,
      },
    },
  );
  const send = (direction: Direction, text: string): void => {
    const bytes = fromLatin1(text);
    layer.consume(7, direction, bytes, 0, bytes.length);
  };
  return { layer, lines, greeted, send };
}

/** As OpenSSL writes it. */
async function clientHello(): Promise<Uint8Array> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', (bytes) => {
        socket.destroy();
        server.close(() => resolve(bytes));
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      connect({ port, host: '127.0.0.1', servername: 'a.example' }).on('error', () => {});
    });
  });
}
