import { describe, expect, test } from 'vitest';
import type { AppProtocol } from '../../src/app/protocol.ts';
import { createSmtp } from '../../src/app/smtp/smtp.ts';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { conversation, playPackets } from '../support/play.ts';
import { channel } from './support.ts';
import { recordHandshake } from './tls-handshake.ts';
import { cut, expectSoundWhenChanged, type Piece, type Trace, trace } from './trace.ts';

const SMTP = createSmtp() as AppProtocol;
const client = (text: string): Piece => ({ direction: TO_SERVER, bytes: fromLatin1(text) });
const server = (text: string): Piece => ({ direction: TO_CLIENT, bytes: fromLatin1(text) });
const lines = (...list: readonly string[]): string => list.map((line) => `${line}\r\n`).join('');

const GREETING = [
  server('220-mx.example ESMTP\r\n220 no spam\r\n'),
  client('EHLO a.example\r\n'),
  server('250-mx.example\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 STARTTLS\r\n'),
];
const ENVELOPE = [
  client('MAIL FROM:<a@a.example> SIZE=100\r\n'),
  server('250 ok\r\n'),
  client('RCPT TO: <b@b.example>\r\nRCPT TO:<c@b.example>\r\n'),
  server('250 ok\r\n250 ok\r\n'),
];
const sending = (content: string): Piece[] => [
  client('DATA\r\n'),
  server('354 go on\r\n'),
  client(content),
  server('250 queued\r\n'),
];
const mail = (...content: readonly string[]): Piece[] => [...GREETING, ...ENVELOPE, ...sending(lines(...content, '.'))];
const eventsOf = (pieces: readonly Piece[]): string[] =>
  trace(SMTP, pieces).lines.flatMap((line) => /! (.*)/.exec(line)?.[1] ?? []);
const filesOf = (traced: Trace, id = 0): string[] =>
  [...traced.buffers].flatMap(([key, content]) => (key.startsWith(`${id} client file.data`) ? [content] : []));

const MULTIPART = [
  'From: A <a@a.example>',
  'To: b@b.example, c@b.example',
  'Subject: two',
  ' lines',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed;',
  '\tboundary="=_1"',
  '',
  'preamble',
  '--=_1',
  'Content-Type: text/plain',
  '',
  'no file',
  '--=_1',
  'Content-Type: application/octet-stream; name=plain.bin',
  '',
  'one',
  '..two',
  '--=_1',
  "content-disposition: ATTACHMENT; filename*=utf-8''a%20b.exe",
  'Content-Transfer-Encoding: BASE64',
  '',
  'TVqQ',
  'AAMA',
  'AAAE',
  '',
  '--=_1',
  'Content-Type: multipart/alternative; boundary=inner',
  '',
  '--inner',
  'Content-Disposition: attachment; filename="q\\"p.txt"',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'a=3Db=20',
  'soft=  ',
  ' line',
  '--inner--',
  'Content-Type: message/rfc822',
  '--=_1',
  'Content-Type: message/rfc822',
  'Content-Transfer-Encoding: base64',
  'Content-Disposition: attachment; filename="outer.eml"',
  '',
  'Subject: within',
  'Content-Disposition: attachment; filename=inner.exe',
  '',
  'MZ',
  '--=_1--',
  'epilogue',
];

describe('a mail', () => {
  const pieces = [...mail(...MULTIPART), client('QUIT\r\n'), server('221 bye\r\n')];
  const whole = trace(SMTP, pieces);

  test('shows its envelope and its attachments', () => {
    expect(whole.lines).toEqual(['0 client head', '0 client complete', '0 server complete']);
    const shown = [...whole.buffers].filter(([key]) => !/file\.(?:size|md5|sha|magic)/.test(key));
    expect(Object.fromEntries(shown)).toEqual({
      '0 client smtp.helo': 'a.example',
      '0 client smtp.mail_from': '<a@a.example>',
      '0 client smtp.rcpt_to': '<b@b.example>',
      '0 client smtp.rcpt_to#1': '<c@b.example>',
      '0 client file.name': 'plain.bin',
      '0 client file.data': 'one\r\n.two',
      '0 client file.name#1': 'a b.exe',
      '0 client file.data#1': 'MZ\x90\0\x03\0\0\0\x04',
      '0 client file.name#2': 'q"p.txt',
      '0 client file.data#2': 'a=b \r\nsoft line',
      '0 client file.name#3': 'inner.exe',
      '0 client file.data#3': 'MZ',
    });
    expect(whole.described.get(0)).toEqual({
      helo: 'a.example',
      mail_from: '<a@a.example>',
      rcpt_to: ['<b@b.example>', '<c@b.example>'],
    });
  });

  test.each([1, 2, 3, 7, 64])('is the same in pieces of %i', (pieceBytes) => {
    expect(trace(SMTP, cut(pieces, pieceBytes))).toEqual(whole);
  });

  test('may break off anywhere', () => {
    for (const [index, { direction, bytes }] of pieces.entries()) {
      for (let end = 0; end < bytes.length; end += 5) {
        const traced = trace(SMTP, [...pieces.slice(0, index), { direction, bytes: bytes.subarray(0, end) }]);
        expect(traced.lines.filter((line) => line.includes('!') && !/malformed|base64|_qp/.test(line))).toEqual([]);
        expect(new Set(traced.lines).size).toBe(traced.lines.length);
      }
    }
  });

  test('with changed bytes it never throws, and does not depend on the pieces', () => {
    expectSoundWhenChanged(SMTP, pieces, { runs: 200, bytes: [0, 10, 13, 45, 46, 61, 255] });
  });

  test('the next one is a transaction of its own', () => {
    const traced = trace(SMTP, [...pieces.slice(0, -2), ...ENVELOPE, ...sending(lines('Subject: x', '', 'y', '.'))]);
    expect(traced.lines.filter((line) => line.endsWith('client complete'))).toEqual([
      '0 client complete',
      '1 client complete',
    ]);
    expect(traced.buffers.get('1 client smtp.helo')).toBe('a.example');
    expect(filesOf(traced, 1)).toEqual([]);
  });

  test('RSET ends what was begun', () => {
    const traced = trace(SMTP, [...GREETING, ...ENVELOPE, client('RSET\r\n'), server('250 ok\r\n'), ...ENVELOPE]);
    expect(traced.lines.filter((line) => line.endsWith('client complete'))).toHaveLength(2);
  });

  test('may come in chunks, in which dots mean nothing', () => {
    const [first, second] = [lines('Content-Disposition: attachment', '', '.', 'a'), lines('..b')];
    const traced = trace(SMTP, [
      ...GREETING,
      ...ENVELOPE,
      client(`BDAT ${first.length}\r\n${first}BDAT ${second.length} last\r\n${second}QUIT\r\n`),
      server('250 ok\r\n250 ok\r\n221 bye\r\n'),
    ]);
    expect(filesOf(traced)).toEqual(['.\r\na\r\n..b']);
    expect(traced.lines).toEqual(['0 client head', '0 client complete', '0 server complete']);
  });

  test('ends a part at the boundary that is the whole line', () => {
    const nested = mail(
      'Content-Type: multipart/mixed; boundary=ab',
      ...[
        '',
        '--ab',
        'Content-Type: multipart/mixed; boundary=a',
        '',
        '--a',
        'Content-Disposition: attachment',
        '',
        'x',
      ],
      ...[
        '--ab \t',
        'Content-Disposition: attachment',
        'Content-Transfer-Encoding: (none) "base64"',
        '',
        'eQ==',
        '--ab--',
      ],
    );
    expect(filesOf(trace(SMTP, nested))).toEqual(['x', 'y']);
    expect(eventsOf(nested)).toEqual([]);
  });

  test('in chunks of a size that servers disagree about', () => {
    for (const size of ['000000000000000000000003 LAST', '+3 LAST', '3LAST', '010', '3 FIRST']) {
      const pieces = [...GREETING, ...ENVELOPE, client(`BDAT ${size}\r\na:bc`)];
      expect([size, eventsOf(pieces)]).toEqual([size, ['smtp.invalid_chunk']]);
    }
    for (const size of ['0 LAST', '3', '3\tlast ', 'x', '']) {
      expect([size, eventsOf([...GREETING, ...ENVELOPE, client(`BDAT ${size}\r\na:b`)])]).toEqual([size, []]);
    }
  });

  test('in chunks that the server has not offered, which it takes for commands', () => {
    const chunk = client('BDAT 3 LAST\r\na:b');
    const hello = client('EHLO a.example\r\n');
    const pipelined = ['smtp.invalid_pipelined_sequence'];
    expect(eventsOf([server('220 mx ESMTP\r\n'), hello, server('250-mx\r\n250 SIZE\r\n'), chunk])).toEqual(pipelined);
    expect(eventsOf([server('220 mx ESMTP\r\n'), hello, server('250-mx\r\n250 CHUNKING\r\n'), chunk])).toEqual([]);
    expect(eventsOf([server('220 CHUNKING\r\n'), chunk])).toEqual(pipelined);
    expect(eventsOf([hello, chunk])).toContain('smtp.invalid_pipelined_sequence');
    expect(eventsOf([...GREETING, client('AUTH LOGIN\r\n'), chunk])).toEqual(pipelined);
    // What is lost of the server may have offered it.
    const lost = trace(SMTP, [server('220 mx ESMTP\r\n'), hello, server('250 ok\r\n'), chunk], 2);
    expect(lost.lines.filter((line) => line.includes('!'))).toEqual([]);
  });

  test('of which something came before the server agreed, since it may not', () => {
    const before = [...GREETING, ...ENVELOPE, client('DATA\r\n')];
    expect(eventsOf([...before, client('a')])).toEqual(['smtp.invalid_pipelined_sequence']);
    expect(eventsOf([...GREETING, ...ENVELOPE, client('DATA\r\na')])).toEqual(['smtp.invalid_pipelined_sequence']);
    expect(eventsOf([...before, server('354 go'), client('a')])).toEqual(['smtp.invalid_pipelined_sequence']);
    expect(eventsOf([...before, server('354 go\r\n'), client('a')])).toEqual([]);
  });

  test('begins at DATA, however that is written, and not where it answers AUTH', () => {
    const file = lines('Content-Disposition: attachment', '', 'a', '.');
    const answer = [server('354 go on\r\n'), client(file), server('250 ok\r\n')];
    for (const data of ['data\r\n', ' \tDATA\r\n', 'DATA\0x\r\n', '\vDATA \n']) {
      expect(filesOf(trace(SMTP, [...GREETING, ...ENVELOPE, client(data), ...answer]))).toEqual(['a']);
    }
    expect(eventsOf([...GREETING, client('NOOP\0\r\n')])).toEqual(['smtp.command_nul']);
    for (const line of ['DATA', 'BDAT 1000 LAST', 'STARTTLS']) {
      for (const auth of [
        [client('AUTH LOGIN\r\n'), server('334 a\r\n'), client(`${line}\r\n`), server('334 b\r\n'), client('eA==\r\n')],
        [client('AUTH LOGIN\r\neA==\r\n'), server('334 a\r\n334 b\r\n'), client(`${line}\r\n`)],
      ]) {
        const traced = trace(SMTP, [
          ...GREETING,
          ...auth,
          server('235 ok\r\n'),
          ...ENVELOPE,
          client('DATA\r\n'),
          ...answer,
        ]);
        expect(filesOf(traced)).toEqual(['a']);
        expect(traced.lines.filter((text) => text.includes('!'))).toEqual([]);
      }
    }
  });

  test('a refused one is commands again', () => {
    const traced = trace(SMTP, [
      ...GREETING,
      ...ENVELOPE,
      client('DATA\r\n'),
      server('554 no\r\n'),
      client('MAIL FROM:<x@a.example>\r\n'),
      server('250 ok\r\n'),
    ]);
    expect(traced.lines).toContain('0 server ! smtp.data_command_rejected');
    expect(traced.lines).toContain('0 client ! smtp.duplicate_fields');
  });
});

describe('the end of a mail', () => {
  const dropped = 'smtp.end_of_data_ambiguous';
  test.each([
    ['\r\n.\r\n', []],
    ['\n.\r\n', [dropped]],
    ['\r\n.\n', [dropped]],
    ['\n.\n', [dropped]],
    ['\r.\r\n', [dropped]],
    ['\r\n.\r', [dropped]],
    ['\r.\r', [dropped]],
    ['\r\n..\r\n', []],
    ['\r\n.a\r\n', []],
    ['a.\r\n', []],
    ['\r\r\n.\r\n', []],
  ])('%j', (ending, expected) => {
    const pieces = [
      ...GREETING,
      ...ENVELOPE,
      client('DATA\r\n'),
      server('354 go\r\n'),
      client(`a\r\n\r\nb${ending}MAIL`),
    ];
    expect(eventsOf(pieces)).toEqual(expected);
    expect(eventsOf(cut(pieces, 1))).toEqual(expected);
  });

  test('of a second mail hidden in the first drops the connection', () => {
    const packets = conversation(
      [
        ...GREETING,
        ...ENVELOPE,
        client('DATA\r\n'),
        server('354 go\r\n'),
        client('a\r\n\r\nb\n.\r\nMAIL FROM:<x@y>\r\n'),
      ],
      { serverPort: 25 },
    );
    const { dropReasons, anomalies } = playPackets(packets);
    expect(dropReasons[0]).toBe(dropped);
    expect(anomalies.map(({ event }) => event)).toEqual([dropped]);
  });
});

describe('deviations', () => {
  test.each([
    ['smtp.no_server_welcome_message', [client('EHLO a\r\n')]],
    ['smtp.invalid_reply', [server('554 no\r\n')]],
    ['smtp.invalid_reply', [...GREETING, client('NOOP\r\n'), server('hello\r\n')]],
    [
      'smtp.command_too_long',
      [...GREETING, client('AUTH GSSAPI\r\n'), server('334\r\n'), client(`${'x'.repeat(17_000)}\r\n`)],
    ],
    ['smtp.truncated_line', [...GREETING, client(`NOOP ${'x'.repeat(20_000)}\r\n`)]],
    ['smtp.too_many_pending_commands', [...GREETING, client('NOOP\r\n'.repeat(5000))]],
    ['smtp.duplicate_fields', [...GREETING, client('EHLO b\r\n')]],
    ['smtp.tls_rejected', [...GREETING, client('STARTTLS\r\n'), server('454 no\r\n')]],
    ['smtp.invalid_pipelined_sequence', [...GREETING, client('STARTTLS\r\nMAIL FROM:<a@b>\r\n')]],
    ['smtp.mime_invalid_base64', mail('Content-Disposition: attachment', 'Content-Transfer-Encoding: base64', '', '!')],
    [
      'smtp.mime_invalid_qp',
      mail('Content-Disposition: attachment', 'Content-Transfer-Encoding: quoted-printable', '', '=4x'),
    ],
    ['smtp.mime_long_line', mail('a: b', '', 'x'.repeat(9999))],
    ['smtp.mime_long_enc_line', mail('Content-Transfer-Encoding: base64', '', 'YWJj'.repeat(20))],
    ['smtp.mime_invalid_qp', mail('Content-Transfer-Encoding: quoted-printable', '', 'a text =4x')],
    ['smtp.mime_long_header_value', mail(`X-Any: ${'x'.repeat(2001)}`, '')],
    ['smtp.mime_long_header_name', mail(`${'x'.repeat(80)}: a`, '')],
    ['smtp.mime_long_boundary', mail(`Content-Type: multipart/mixed; boundary=${'x'.repeat(255)}`, '')],
    ['smtp.mime_long_filename', mail(`Content-Type: a/b; name=${'x'.repeat(256)}`, '')],
    ['smtp.mime_structure_too_long', mail(`Content-Type: multipart/mixed; a="${'x'.repeat(2000)}"; boundary=b`, '')],
    [
      'smtp.mime_structure_too_long',
      mail('Content-Type: multipart/mixed;', ` a="${'x'.repeat(5000)}"; boundary=b`, ''),
    ],
    [
      'smtp.mime_structure_ambiguous',
      mail('Content-Type: text/plain', 'content-type: multipart/mixed; boundary=b', ''),
    ],
    ['smtp.mime_structure_ambiguous', mail(...Array.from({ length: 18 }, () => 'Content-Disposition: attachment'), '')],
    ['smtp.mime_structure_ambiguous', mail('Content-Type: multipart/mixed; boundary=a; boundary=b', '')],
    ['smtp.mime_boundary_ambiguous', mail('Content-Type: multipart/mixed; boundary=a', '', '--ab', '', 'b', '--a--')],
    ['smtp.mime_malformed_msg', mail('Content-Type: multipart/mixed', '')],
    ['smtp.mime_malformed_msg', mail('Content-Type: multipart/mixed; boundary=a', '', '--a', '', 'b')],
  ])('%s', (event, pieces) => {
    expect(new Set(eventsOf(pieces))).toContain(event);
    expect(eventsOf(cut(pieces, 1000))).toEqual(eventsOf(pieces));
  });

  test('a queue that never empties may go on for ever', () => {
    const turns = Array.from({ length: 9000 }, () => [client('NOOP\r\n'), server('250 ok\r\n')]);
    expect(eventsOf([...GREETING, client('NOOP\r\n'), ...turns.flat()])).toEqual([]);
  });

  test('replies that were lost are not counted', () => {
    const pieces = [...GREETING, client('NOOP\r\n'), server('250 ok\r\n')];
    expect(trace(SMTP, pieces, 0).lines.filter((line) => line.includes('!'))).toEqual([]);
  });

  test('a long field is told of and cut', () => {
    const events = eventsOf(mail(`Subject: ${'x'.repeat(600)}`, ...Array(3).fill(` ${'y'.repeat(600)}`), ''));
    expect(events).toEqual(['smtp.mime_long_header_value']);
  });

  test('levels and files are bounded', () => {
    const nested = Array.from({ length: 60 }, (_, i) => [
      `Content-Type: multipart/mixed; boundary=b${i}x`,
      '',
      `--b${i}x`,
    ]);
    expect(eventsOf(mail(...nested.flat()))).toContain('smtp.mime_too_many_levels');
    const files = Array.from({ length: 40 }, () => ['--a', 'Content-Disposition: attachment', '', 'x']);
    const traced = trace(SMTP, mail('Content-Type: multipart/mixed; boundary=a', '', ...files.flat(), '--a--'));
    expect(traced.lines).toContain('0 client ! smtp.mime_too_many_files');
    expect(filesOf(traced)).toHaveLength(32);
  });

  test('a long attachment is shown up to its limit, and what follows is inspected', () => {
    const long = Array(300).fill('x'.repeat(900));
    const traced = trace(
      SMTP,
      mail(
        'Content-Type: multipart/mixed; boundary=a',
        '',
        '--a',
        'Content-Disposition: attachment',
        '',
        ...long,
        '--a',
        'Content-Disposition: attachment',
        '',
        'second',
        '--a--',
      ),
    );
    expect(filesOf(traced).map(({ length }) => length)).toEqual([100 * 1024, 6]);
  });
});

describe('recognition', () => {
  const probe = (direction: Direction, text: string, port = 4000) => {
    const bytes = fromLatin1(text);
    return SMTP.probe(direction, bytes, 0, bytes.length, channel('tcp', port));
  };

  test.each([
    [TO_SERVER, 'EHLO a\r\n', 4000, 'yes'],
    [TO_SERVER, 'helo\r\n', 4000, 'yes'],
    [TO_SERVER, 'EH', 4000, 'more'],
    [TO_SERVER, 'QUIT\r\n', 25, 'yes'],
    [TO_SERVER, 'QUIT\r\n', 4000, 'no'],
    [TO_SERVER, 'USER a\r\n', 4000, 'no'],
    [TO_CLIENT, '220 hello\r\n', 25, 'yes'],
    [TO_CLIENT, '220 mx ESMTP Postfix\r\n', 4000, 'yes'],
    [TO_CLIENT, '220 hello\r\n', 4000, 'more'],
    [TO_CLIENT, '220-hello\r\n220 you\r\n250 hi', 4000, 'yes'],
    [TO_CLIENT, '220 hello\r\n331 who?', 4000, 'no'],
    [TO_CLIENT, '22', 4000, 'more'],
    [TO_CLIENT, '+OK\r\n', 25, 'no'],
  ] as const)('%i %j on port %i: %s', (direction, text, port, answer) => {
    expect(probe(direction, text, port)).toBe(answer);
  });
});

describe('rules', () => {
  const rules = [
    'alert smtp any any -> any any (flow:to_server; file.data; content:"MZ|90 00|"; startswith; sid:1;)',
    'alert smtp any any -> any any (file_data; content:"soft line"; sid:2;)',
    'alert smtp any any -> any any (smtp.rcpt_to; content:"c@b.example"; smtp.mail_from; content:"a@a"; sid:3;)',
    'alert smtp any any -> any any (file.name; content:".exe"; endswith; sid:4;)',
    'alert tls any any -> any any (tls.sni; content:"mx.example"; sid:5;)',
    'alert smtp any any -> any any (content:"EHLO"; sid:6;)',
  ].join('\n');

  // A rule on files matches again by a file that comes later, in another packet.
  test.each([
    [1460, [1, 2, 3, 4, 6]],
    [11, [1, 2, 3, 4, 4, 6]],
  ])('find what is in attachments, in segments of %i', (segmentBytes, sids) => {
    const packets = conversation(mail(...MULTIPART), { serverPort: 2500, segmentBytes });
    const { alerts, anomalies } = playPackets(packets, { rules });
    expect(alerts.sort()).toEqual(sids);
    expect(anomalies).toEqual([]);
  });

  test.each(['GET / HTTP/1.1', 'x', '\x16\x03\x01', '*1'])(
    'drop a command before the server has spoken, whatever stands before it: %j',
    (before) => {
      const packets = conversation([client(lines(before, 'HELO x', 'MAIL FROM:<a@a.example>'))], { serverPort: 25 });
      const rule = 'drop smtp any any -> any any (smtp.mail_from; content:"a.example"; sid:1;)';
      expect(playPackets(packets, { rules: rule, mode: 'prevent' }).blockedAlerts).toEqual([1]);
    },
  );

  test.each([
    ['smtp.helo; content:"a.example"; endswith;', 'EHLO a.example'],
    ['smtp.mail_from; content:!"@b.example>"; endswith;', 'MAIL FROM'],
    ['smtp.rcpt_to; bsize:13; content:"c@";', 'RCPT TO:<c@'],
  ])('%s drops the command, and not the end of the mail', (options, command) => {
    const packets = conversation(mail(...MULTIPART), { serverPort: 25 });
    const rule = `drop smtp any any -> any any (${options} sid:1;)`;
    const [first] = playPackets(packets, { rules: rule, mode: 'prevent' }).dropped;
    expect(Buffer.from(packets[first! - 1]!).toString('latin1')).toContain(command);
  });

  test('follow STARTTLS', async () => {
    const handshake = await recordHandshake({ servername: 'mx.example' });
    const packets = conversation([...GREETING, client('STARTTLS\r\n'), server('220 ready\r\n'), ...handshake], {
      serverPort: 25,
    });
    const { alerts, anomalies } = playPackets(packets, { rules });
    expect(alerts).toEqual([6, 5]);
    expect(anomalies).toEqual([]);
  });

  test.each([
    ['STARTTLS\r\n', '220 mx.example ESMTP\r\n', '502 no\r\n'],
    ['STARTTLS\r\n', '220-mx.example\r\n220 ESMTP\r\n502 no\r\n', ''],
    ['EHLO a\r\n', '220 mx.example ESMTP\r\n', '250 hello\r\n'],
  ])('see the mail of who does not wait for the greeting: %j', (early, greeting, reply) => {
    const rule = 'alert smtp any any -> any any (file.data; content:"attack"; sid:1;)';
    const begin = [client(early), server(greeting + reply), client('HELP\r\n'), server('214 help\r\n')];
    const text = lines('Content-Disposition: attachment; filename=a', '', 'attack', '.');
    const packets = conversation([...begin, ...ENVELOPE, ...sending(text)], { serverPort: 25 });
    expect(playPackets(packets, { rules: rule }).alerts).toEqual([1]);
  });
});
