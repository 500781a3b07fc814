import { describe, expect, test } from 'vitest';
import { AppLayer } from '../../src/app/app-layer.ts';
import { createFtp } from '../../src/app/ftp/ftp.ts';
import { createFtpData } from '../../src/app/ftp/ftp-data.ts';
import { FtpTransfer, TRANSFER } from '../../src/app/ftp/transfer.ts';
import type { AppProtocol, Expectation } from '../../src/app/protocol.ts';
import { fromLatin1, latin1 } from '../../src/base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { conversation, Player, playPackets } from '../support/play.ts';
import { channel } from './support.ts';
import { recordHandshake } from './tls-handshake.ts';
import { cut, expectSoundWhenChanged, type Piece, trace } from './trace.ts';

const FTP = createFtp() as AppProtocol;
const FTP_DATA = createFtpData() as AppProtocol;
const client = (text: string): Piece => ({ direction: TO_SERVER, bytes: fromLatin1(text) });
const server = (text: string): Piece => ({ direction: TO_CLIENT, bytes: fromLatin1(text) });

const LOGIN = [
  server('220-hello\r\n text\r\n220 (vsFTPd)\r\n'),
  client('USER anna\r\n'),
  server('331 who?\r\n'),
  client('PASS secret word\r\n'),
  server('230 in\r\n'),
];
const eventsOf = (pieces: readonly Piece[]): string[] =>
  trace(FTP, pieces).lines.flatMap((line) => /! (.*)/.exec(line)?.[1] ?? []);

/** What a control connection announces. */
function announced(pieces: readonly Piece[]): string[] {
  const list: string[] = [];
  const expecting = {
    ...channel(),
    expect: ({ listener, port, sender, protocol, subject }: Expectation) => {
      const { command, fileName } = subject as FtpTransfer;
      const host = listener === TO_SERVER ? 'server' : 'client';
      list.push(`${protocol} ${command} ${latin1(fileName)} to ${host}:${port} sent ${sender === 0 ? 'up' : 'down'}`);
    },
  };
  const parser = FTP.open({ onProgress: () => {}, onEvent: () => {} }, expecting);
  for (const { direction, bytes } of pieces) parser.consume(direction, bytes, 0, bytes.length);
  return list;
}

describe('a control connection', () => {
  const pieces = [...LOGIN, client('PASV\r\nSIZE a\r\n'), server('227 go (192,0,2,2,4,1).\r\n213 5\r\n')];
  const whole = trace(FTP, pieces);

  test('pairs commands with replies', () => {
    expect(Object.fromEntries(whole.buffers)).toEqual({
      '0 client ftp.command': 'USER',
      '0 client ftp.command_data': 'anna',
      '0 server ftp.reply': '331 who?',
      '1 client ftp.command': 'PASS',
      '1 client ftp.command_data': 'secret word',
      '1 server ftp.reply': '230 in',
      '2 client ftp.command': 'PASV',
      '2 client ftp.command_data': '',
      '2 server ftp.reply': '227 go (192,0,2,2,4,1).',
      '3 client ftp.command': 'SIZE',
      '3 client ftp.command_data': 'a',
      '3 server ftp.reply': '213 5',
    });
    expect(whole.lines.filter((line) => line.includes('!'))).toEqual([]);
    expect([...whole.described.values()]).toEqual([
      { command: 'USER', command_data: 'anna', completion_code: ['331'], reply: ['who?'], reply_received: 'yes' },
      { command: 'PASS', command_data: 'xxxxx', completion_code: ['230'], reply: ['in'], reply_received: 'yes' },
      {
        command: 'PASV',
        completion_code: ['227'],
        reply: ['go (192,0,2,2,4,1).'],
        dynamic_port: 1025,
        mode: 'passive',
        reply_received: 'yes',
      },
      { command: 'SIZE', command_data: 'a', completion_code: ['213'], reply: ['5'], reply_received: 'yes' },
    ]);
  });

  test.each([1, 2, 3, 10])('is the same in pieces of %i', (bytes) => {
    expect(trace(FTP, cut(pieces, bytes))).toEqual(whole);
  });

  test('with changed bytes it never throws, and does not depend on the pieces', () => {
    expectSoundWhenChanged(FTP, pieces, { runs: 200, bytes: [0, 10, 13, 32, 45, 49, 255] });
  });

  test('a reply of several lines is one, and a preliminary one is not the last', () => {
    const traced = trace(FTP, [
      ...LOGIN,
      client('RETR a\r\n'),
      server('150-soon\r\n226 not yet\r\n150 now\r\n226 done\r\n'),
      client('NOOP\r\n'),
      server('200 ok\r\n'),
    ]);
    expect([...traced.buffers].filter(([key]) => key.startsWith('2 server')).map(([, line]) => line)).toEqual([
      '150-soon',
      '226 not yet',
      '150 now',
      '226 done',
    ]);
    expect(traced.buffers.get('3 server ftp.reply')).toBe('200 ok');
  });

  test('commands of Telnet are no part of those of FTP', () => {
    const traced = trace(FTP, [...LOGIN, client('\xff\xf4\xff\xf2AB\xff\xfd\x01OR\xff\xff\r\n')]);
    expect(traced.buffers.get('2 client ftp.command')).toBe('ABOR\xff');
  });

  test('compression that the server agrees to is told of', () => {
    const mode = client('MODE z\r\n');
    expect(eventsOf([...LOGIN, mode, server('200 ok\r\n')])).toEqual(['ftp.compressed']);
    expect(eventsOf([...LOGIN, mode, server('504 no\r\n')])).toEqual([]);
    expect(eventsOf([...LOGIN, client('MODE S\r\n'), server('200 ok\r\n')])).toEqual([]);
  });

  test('long lines and too many commands are events', () => {
    expect(eventsOf([...LOGIN, client(`CWD ${'a'.repeat(5000)}\r\n`)])).toEqual(['ftp.request_command_too_long']);
    expect(eventsOf([server(`220 ${'a'.repeat(5000)}\r\n`)])).toEqual(['ftp.response_command_too_long']);
    expect(new Set(eventsOf([...LOGIN, client('NOOP\r\n'.repeat(1100))]))).toEqual(
      new Set(['ftp.too_many_transactions']),
    );
  });
});

describe('data connections are announced', () => {
  const passive = [client('PASV\r\n'), server('227 Entering Passive Mode (192,0,2,2,4,1)\r\n')];
  test.each([
    ['passive, down', [...passive, client('RETR a b\r\n')], ['ftp-data 1 a b to server:1025 sent down']],
    ['passive, up', [...passive, client('stor x\r\n')], ['ftp-data 2 x to server:1025 sent up']],
    ['active, down', [client('PORT 192,0,2,1,4,1\r\nRETR a\r\n')], ['ftp-data 1 a to client:1025 sent up']],
    ['active, up', [client('PORT 192,0,2,1,4,1\r\nAPPE a\r\n')], ['ftp-data 2 a to client:1025 sent down']],
    [
      'EPSV',
      [client('EPSV\r\n'), server('229 ok (|||6446|)\r\n'), client('RETR a\r\n')],
      ['ftp-data 1 a to server:6446 sent down'],
    ],
    ['EPRT', [client('EPRT |2|2001:db8::1|5282|\r\nSTOR a\r\n')], ['ftp-data 2 a to client:5282 sent down']],
    [
      'before the port is known',
      [client('PASV\r\nRETR a\r\n'), server('227 (192,0,2,2,4,1)\r\n')],
      ['ftp-data 1 a to server:1025 sent down'],
    ],
    ['one port, one file', [...passive, client('RETR a\r\nRETR b\r\n')], ['ftp-data 1 a to server:1025 sent down']],
    ['no port', [client('RETR a\r\n')], []],
    ['port 0', [client('PORT 192,0,2,1,0,0\r\nRETR a\r\n')], []],
    ['no address', [client('PORT 192,0,2,256,0,1\r\nEPRT ||x|99999|\r\nRETR a\r\n')], []],
  ])('%s', (_name, pieces, expected) => {
    expect(announced([...LOGIN, ...pieces])).toEqual(expected);
  });
});

describe('a data connection', () => {
  /** Flow 0 is the control connection from host 1 to host 2, flow 1 the other way, flow 2 as flow 0. */
  function layer(dataPort: number) {
    const seen: string[] = [];
    const addresses = new Uint32Array(24);
    for (const [flow, from, to] of [
      [0, 1, 2],
      [1, 2, 1],
      [2, 1, 2],
    ] as const) {
      addresses[flow * 8] = from;
      addresses[flow * 8 + 4] = to;
    }
    const apps = new AppLayer(
      { onProgress: () => {}, onEvent: (_tx, _direction, event) => seen.push(event) },
      { addresses, clientPort: () => 4000, serverPort: (flow) => (flow === 0 ? 21 : dataPort), tunnelDepth: () => 0 },
    );
    const send = (flow: number, { direction, bytes }: Piece): void =>
      apps.consume(flow, direction, bytes, 0, bytes.length);
    for (const piece of LOGIN) send(0, piece);
    return { apps, send, seen };
  }

  test('is recognised by who opens it, where to, and who speaks', () => {
    const { apps, send } = layer(1025);
    send(0, client('PORT 0,0,0,1,4,1\r\nRETR a\r\n'));
    send(2, client('GET / HTTP/1.1\r\n\r\n'));
    expect(apps.protocol(2)?.name).toBe('http');
    send(1, client('root:x\r\n'));
    expect(apps.protocol(1)?.name).toBe('ftp-data');
  });

  test('on which the other side speaks is something else', () => {
    const { apps, send } = layer(1025);
    send(0, client('PASV\r\n'));
    send(0, server('227 (0,0,0,2,4,1)\r\n'));
    send(0, client('RETR a\r\n'));
    send(2, client('GET / HTTP/1.1\r\n\r\n'));
    expect(apps.protocol(2)?.name).toBe('http');
  });

  test('shows its file once, up to the limit, whatever the pieces', () => {
    const open = (...pieces: readonly Piece[]) => {
      const about = { ...channel(), subject: new FtpTransfer(TRANSFER.retr, fromLatin1('a.txt')) };
      return trace({ ...FTP_DATA, open: (sink) => FTP_DATA.open(sink, about) }, pieces);
    };
    const whole = open(server('x'.repeat(150_000)));
    expect(whole.isDone).toBe(true);
    expect(whole.lines).toEqual(['0 server head', '0 client head', '0 server complete', '0 client complete']);
    expect(whole.buffers.get('0 server file.data')).toHaveLength(100 * 1024);
    expect(whole.buffers.get('0 server file.name')).toBe('a.txt');
    expect(whole.described.get(0)).toEqual({ filename: 'a.txt', command: 'RETR' });
    expect(open(...cut([server('x'.repeat(150_000))], 999))).toEqual(whole);
    expect(open(server('abc')).buffers.get('0 server file.data')).toBe('abc');
    expect(open(client('abc')).buffers.get('0 server ftpdata_command')).toBe('\x01');
  });
});

describe('recognition', () => {
  const probe = (direction: Direction, text: string, port = 4000) => {
    const bytes = fromLatin1(text);
    return FTP.probe(direction, bytes, 0, bytes.length, channel('tcp', port));
  };

  test.each([
    [TO_SERVER, 'USER a\r\n', 4000, 'yes'],
    [TO_SERVER, 'user a\r\n', 110, 'no'],
    [TO_SERVER, 'US', 4000, 'more'],
    [TO_SERVER, 'AUTH TLS\r\n', 4000, 'yes'],
    [TO_SERVER, 'SYST\r\n', 21, 'yes'],
    [TO_SERVER, 'EHLO a\r\n', 4000, 'no'],
    [TO_CLIENT, '220 hello\r\n', 21, 'yes'],
    [TO_CLIENT, '220 (vsFTPd)\r\n', 4000, 'yes'],
    [TO_CLIENT, '220 my FTP server\r\n', 4000, 'yes'],
    [TO_CLIENT, '220 hello\r\n', 4000, 'more'],
    [TO_CLIENT, '220 hello\r\n331 who?', 4000, 'yes'],
    [TO_CLIENT, '220 hello\r\n250 who?', 4000, 'no'],
    [TO_CLIENT, 'HTTP/1.1', 21, 'no'],
  ] as const)('%i %j on port %i: %s', (direction, text, port, answer) => {
    expect(probe(direction, text, port)).toBe(answer);
  });
});

describe('rules', () => {
  const rules = [
    'alert ftp any any -> any any (flow:to_server; content:"RETR"; content:"passwd"; sid:1;)',
    'alert ftp-data any any -> any any (flow:to_client; ftpdata_command:retr; file.data; content:"root:"; sid:2;)',
    'alert ftp-data any any -> any any (file.name; content:"passwd"; endswith; fileext:"d"; sid:3;)',
    'alert ftp-data any any -> any any (filename:"PASSWD"; sid:4;)',
    'alert ftp any any -> any any (ftpbounce; sid:5;)',
    'alert ftp any any -> any any (ftp.reply; content:"331"; startswith; sid:6;)',
    'alert tls any any -> any any (tls.sni; content:"ftp.example"; sid:7;)',
  ].join('\n');
  const play = (...conversations: readonly Uint8Array[][]) => {
    const player = new Player({ rules });
    for (const packets of conversations) for (const packet of packets) player.send(packet);
    return player.finish();
  };

  test('drop a command before the server has spoken, whatever stands before it', () => {
    const rule = 'drop ftp any any -> any any (ftp.command; content:"DELE"; sid:1;)';
    const packets = conversation([client('GET / HTTP/1.1\r\nDELE a\r\n')], { serverPort: 21 });
    expect(playPackets(packets, { rules: rule, mode: 'prevent' }).blockedAlerts).toEqual([1]);
  });

  test('see a file on its connection', () => {
    const control = conversation(
      [
        ...LOGIN,
        client('PASV\r\n'),
        server('227 (192,0,2,2,4,1)\r\n'),
        client('RETR /etc/passwd\r\n'),
        server('150 now\r\n'),
      ],
      { serverPort: 21 },
    );
    const data = conversation([server('root:x:0\r\n')], { clientPort: 40_001, serverPort: 1025 });
    const { alerts, anomalies } = play(control.slice(0, -3), data, control.slice(-3));
    expect(alerts.sort()).toEqual([1, 2, 4, 6]);
    expect(anomalies).toEqual([]);
  });

  test('see a bounce', () => {
    const bounce = (address: string) =>
      play(conversation([...LOGIN, client(`PORT ${address},4,1\r\n`), server('200 ok\r\n')], { serverPort: 21 }))
        .alerts;
    expect(bounce('192,0,2,7')).toContain(5);
    expect(bounce('192,0,2,1')).not.toContain(5);
  });

  test('follow AUTH TLS', async () => {
    const handshake = await recordHandshake({ servername: 'ftp.example' });
    const packets = conversation([LOGIN[0]!, client('AUTH TLS\r\n'), server('234 go\r\n'), ...handshake], {
      serverPort: 21,
    });
    const { alerts, anomalies } = play(packets);
    expect(alerts).toEqual([7]);
    expect(anomalies).toEqual([]);
  });
});
