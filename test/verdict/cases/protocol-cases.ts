import { fromLatin1 } from '../../../src/base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../../src/base/direction.ts';
import type { Overrides } from '../../../src/config/overrides.ts';
import { message, question } from '../../app/dns-messages.ts';
import { conversation, datagrams, type Turn } from '../../support/play.ts';
import { bytesOf, type CheckCase, type CheckCases } from './check-case.ts';
import { HTTP2_CASES } from './http2-cases.ts';
import { SMB_CASES } from './smb-cases.ts';
import { WEBSOCKET_CASES } from './websocket-cases.ts';

const upload = (text: string): Uint8Array[] => conversation([{ direction: TO_SERVER, bytes: fromLatin1(text) }]);

/** A request with these lines behind `Host`, and what follows its head. */
const head = (lines: string, body = '', requestLine = 'POST /a HTTP/1.1'): string =>
  `${requestLine}\r\nHost: a.example\r\n${lines}\r\n${body}`;
const requests = (fails: string, arrives: string, config?: Overrides): CheckCase => ({
  fails: upload(fails),
  arrives: upload(arrives),
  ...(config !== undefined && { config }),
});
const fields = (fails: string, arrives: string, body = ''): CheckCase =>
  requests(head(fails, body), head(arrives, body));
const target = (fails: string, arrives: string): CheckCase =>
  requests(head('', '', `GET ${fails} HTTP/1.1`), head('', '', `GET ${arrives} HTTP/1.1`));
const CHUNKED = 'Transfer-Encoding: chunked\r\n';
const chunks = (fails: string, arrives: string): CheckCase => requests(head(CHUNKED, fails), head(CHUNKED, arrives));
const answered = (lines: string, requestLine = 'GET / HTTP/1.1'): Uint8Array[] =>
  conversation([
    { direction: TO_SERVER, bytes: fromLatin1(head('', '', requestLine)) },
    { direction: TO_CLIENT, bytes: fromLatin1(`HTTP/1.1 200 OK\r\n${lines}\r\nab`) },
  ]);
const connected = (lines: string): Uint8Array[] => answered(lines, 'CONNECT a.example:443 HTTP/1.1');
const many = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, i) => text(i)).join('');

const HTTP_CASES: CheckCases = {
  'http.request_content_length_and_transfer_encoding': fields(`Content-Length: 5\r\n${CHUNKED}`, CHUNKED, '0\r\n\r\n'),
  'http.request_content_length_differs': fields(
    'Content-Length: 5\r\nContent-Length: 6\r\n',
    'Content-Length: 5\r\nContent-Length: 5\r\n',
    'abcde',
  ),
  'http.invalid_content_length_field_in_request': fields('Content-Length: +5\r\n', 'Content-Length: 5\r\n', 'abcde'),
  'http.invalid_transfer_encoding_value_in_request': fields('Transfer-Encoding: xchunked\r\n', CHUNKED, '0\r\n\r\n'),
  'http.request_transfer_encoding_old_proto': requests(
    head(CHUNKED, '0\r\n\r\n', 'POST /a HTTP/1.0'),
    head(CHUNKED, '0\r\n\r\n'),
  ),
  'http.request_connect_content': requests(
    head('Content-Length: 5\r\n', 'abcde', 'CONNECT a.example:443 HTTP/1.1'),
    head('Content-Length: 0\r\n', '', 'CONNECT a.example:443 HTTP/1.1'),
  ),
  'http.response_connect_content': { fails: connected('Content-Length: 2\r\n'), arrives: connected('') },
  'http.request_framing_field_folded': fields(
    'Content-Length:\r\n 5\r\n',
    'X-Note:\r\n 5\r\nContent-Length: 5\r\n',
    'abcde',
  ),
  'http.invalid_request_chunk_len': chunks('0x3\r\nabc\r\n0\r\n\r\n', '003\r\nabc\r\n0\r\n\r\n'),
  'http.request_chunk_line_invalid': chunks('3\nabc\r\n0\r\n\r\n', '3;note=b\r\nabc\r\n0\r\n\r\n'),
  'http.request_chunk_data_end_invalid': chunks('3\r\nabcd\r\n0\r\n\r\n', '4\r\nabcd\r\n0\r\n\r\n'),
  'http.request_framing_behind_broken_line': fields(
    'X note: b\r\nContent-Length: 5\r\n',
    'Content-Length: 5\r\nX note: b\r\n',
    'abcde',
  ),
  'http.request_multipart_ambiguous': fields(
    'Content-Length: 5\r\nContent-Type: multipart/form-data; boundary=a,b\r\n',
    'Content-Length: 5\r\nContent-Type: multipart/form-data; boundary="----WebKitFormBoundary,a b"; charset=utf-8\r\n',
    '--a\r\n',
  ),
  'http.request_too_many_encoding_layers': fields(
    'Content-Length: 1\r\nContent-Encoding: gzip, gzip, gzip, br\r\n',
    'Content-Length: 1\r\nContent-Encoding: gzip, gzip, br\r\n',
    'a',
  ),
  'http.request_trailer_framing_field': chunks('0\r\nContent-Length: 5\r\n\r\n', '0\r\nX-Sum: 5\r\n\r\n'),
  'http.request_field_space_before_colon': fields('X-Note : b\r\n', 'X-Note: b\r\n'),
  'http.invalid_request_field_folding': requests(
    'GET / HTTP/1.1\r\n X-Note: b\r\nHost: a.example\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a.example\r\nX-Note: a\r\n b\r\n\r\n',
  ),
  'http.request_bare_cr': fields('X-Note: b\rc\r\n', 'X-Note: b\tc\r\n'),
  'http.request_nul': fields('X-Note: b\0c\r\n', 'X-Note: b%00c\r\n'),
  'http.request_line_ends_differ': requests(
    'GET / HTTP/1.1\r\nHost: a.example\n\r\n',
    'GET / HTTP/1.1\nHost: a.example\n\nGET / HTTP/1.1\nHost: a.example\n\n',
  ),
  'http.request_field_name_control': fields('X-No\x1fte: b\r\n', 'X-No/te: b\r\n'),
  'http.request_method_invalid': requests(head('', '', 'GE\x1cT / HTTP/1.1'), head('', '', 'G!T / HTTP/1.1')),
  'http.request_host_repeated': fields('Host: a.example\r\n', 'X-Host: a.example\r\n'),
  'http.host_header_ambiguous': target('http://b.example/a', 'http://A.example:80/a'),
  'http.request_header_host_invalid': requests(
    'GET /a HTTP/1.1\r\nHost: a.example/b\r\n\r\n',
    'GET /a HTTP/1.1\r\nHost: _a.b-c.example:8080\r\n\r\n',
  ),
  'http.request_uri_host_invalid': target('http:///a', 'http://a.example'),
  'http.request_fields_without_version': requests('GET /a\r\nHost: a.example\r\n\r\n', 'GET /a\r\n'),
  'http.request_head_too_long': requests(
    head(`X-Note: ${'b'.repeat(1024)}\r\n`),
    head(`X-Note: ${'b'.repeat(900)}\r\n`),
    {
      http: { headerBytes: 1024 },
    },
  ),
  'http.request_too_many_fields': fields(
    many(1024, (i) => `A${i}: b\r\n`),
    many(1023, (i) => `A${i}: b\r\n`),
  ),
  'http.uri_illegal_character': target('/a\x01', '/a%01'),
  'http.uri_space': target('/a b', '/a%20b'),
  'http.uri_traversal_above_root': target('/a/%2e%2e/../b', '/a/c/%2e%2e/../b'),
  'http.uri_path_depth_exceeded': target('/a'.repeat(101), '/a'.repeat(100)),
  'http.duplicate_content_length_field_in_response': {
    fails: answered('Content-Length: 2\r\nContent-Length: 3\r\n'),
    arrives: answered('Content-Length: 2\r\nContent-Length: 2\r\n'),
  },
  'http.request_connect_impatient': requests(
    `${head('', '', 'CONNECT a.example:443 HTTP/1.1')}\x16\x03\x01`,
    head('', '', 'CONNECT a.example:443 HTTP/1.1') + head('', '', 'GET / HTTP/1.1'),
  ),
  'http.request_http2_preface': requests(
    `${head('', '', 'GET / HTTP/1.1')}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`,
    head('', '', 'GET / HTTP/1.1') + head('', '', 'PRI * HTTP/1.1'),
  ),
  'http.too_many_open_transactions': requests(
    many(513, () => head('', '', 'GET / HTTP/1.1')),
    many(512, () => head('', '', 'GET / HTTP/1.1')),
  ),
};

const asking = (...parts: Uint8Array[]): Uint8Array[] =>
  datagrams([{ direction: TO_SERVER, bytes: message({}, ...parts) }]);

const DNS_CASES: CheckCases = {
  'dns.request_name_invalid': { fails: asking(question('@12')), arrives: asking(question('www.a.example')) },
};

const client = (text: string): Turn => ({ direction: TO_SERVER, bytes: fromLatin1(text) });
const server = (text: string): Turn => ({ direction: TO_CLIENT, bytes: fromLatin1(text) });
const GREETING = [server('220 mx.example ESMTP\r\n'), client('EHLO a.example\r\n'), server('250 mx.example\r\n')];
const smtp = (fails: readonly Turn[], arrives: readonly Turn[]): CheckCase => ({
  fails: conversation([...GREETING, ...fails], { serverPort: 25 }),
  arrives: conversation([...GREETING, ...arrives], { serverPort: 25 }),
});
const mail = (content: string): Turn[] => [
  client('MAIL FROM:<a@a.example>\r\n'),
  server('250 ok\r\n'),
  client('RCPT TO:<b@b.example>\r\n'),
  server('250 ok\r\n'),
  client('DATA\r\n'),
  server('354 go\r\n'),
  client(content),
];
const nested = (depth: number): string =>
  many(depth, (i) => `Content-Type: multipart/mixed; boundary=b${i}x\r\n\r\n--b${i}x\r\n`);
const attachments = (count: number): string =>
  `Content-Type: multipart/mixed; boundary=a\r\n\r\n${many(
    count,
    () => '--a\r\nContent-Disposition: attachment\r\n\r\nx\r\n',
  )}--a--\r\n.\r\n`;

const SMTP_CASES: CheckCases = {
  'smtp.too_many_pending_commands': smtp([client('NOOP\r\n'.repeat(4097))], [client('NOOP\r\n'.repeat(4096))]),
  'smtp.invalid_pipelined_sequence': smtp(
    [client('STARTTLS\r\nMAIL FROM:<a@a.example>\r\n')],
    [client('STARTTLS\r\n'), server('454 not now\r\n'), client('MAIL FROM:<a@a.example>\r\n')],
  ),
  'smtp.invalid_chunk': smtp([server('250-mx\r\n250 CHUNKING\r\n'), client('BDAT 010 LAST\r\n')], [client('BDAT\r\n')]),
  'smtp.command_too_long': smtp(
    [client(`NOOP ${'a'.repeat(4096)}\r\n`)],
    [client(`AUTH PLAIN ${'a'.repeat(12_000)}\r\n`)],
  ),
  'smtp.command_nul': smtp([client('NOOP\0\r\n')], [client('NOOP\x01\r\n')]),
  'smtp.mime_structure_too_long': smtp(
    mail(`Content-Type: a/b; x=${'c'.repeat(2000)}\r\n\r\n.\r\n`),
    mail(`X-Note: ${'c'.repeat(2000)}\r\n\r\n.\r\n`),
  ),
  'smtp.mime_structure_ambiguous': smtp(
    mail('Content-Type: a/b\r\nContent-Type: a/c\r\n\r\n.\r\n'),
    mail('Content-Type: a/b\r\nContent-Type:\r\n A/B\r\n\r\n.\r\n'),
  ),
  'smtp.mime_boundary_ambiguous': smtp(
    mail('Content-Type: multipart/mixed; boundary=a\r\n\r\n--ab\r\n--a--\r\n.\r\n'),
    mail('Content-Type: multipart/mixed; boundary=a\r\n\r\n--a \r\n--a--\r\n.\r\n'),
  ),
  'smtp.end_of_data_ambiguous': smtp(mail('a: b\r\n\r\nc\n.\r\n'), mail('a: b\r\n\r\nc\r\n.\r\n')),
  'smtp.mime_too_many_levels': smtp(mail(nested(60)), mail(nested(40))),
  'smtp.mime_too_many_files': smtp(mail(attachments(40)), mail(attachments(32))),
};

const ftp = (commands: string): Uint8Array[] =>
  conversation([server('220 (ready)\r\n'), client(commands)], { serverPort: 21 });

const FTP_CASES: CheckCases = {
  'ftp.too_many_transactions': { fails: ftp('NOOP\r\n'.repeat(1025)), arrives: ftp('NOOP\r\n'.repeat(1024)) },
  'ftp.request_command_too_long': {
    fails: ftp(`DELE ${'a'.repeat(4096)}\r\n`),
    arrives: ftp(`DELE ${'a'.repeat(4090)}\r\n`),
  },
};

/** No more at once than a receiver takes. */
const redis = (...commands: string[]): Uint8Array[] =>
  conversation(
    commands.flatMap((text) => text.match(/.{1,30000}/gs)!.map(client)),
    { serverPort: 6379 },
  );
/** RESP: an array of strings. */
const command = (...parts: string[]): string =>
  `*${parts.length}\r\n${parts.map((part) => `$${part.length}\r\n${part}\r\n`).join('')}`;

/** A request of HTTP with so long a body, answered by Redis. */
const pretended = (bodyBytes: number): Uint8Array[] =>
  conversation(
    [
      { direction: TO_SERVER, bytes: fromLatin1(head(`Content-Length: ${bodyBytes}\r\n`, 'x'.repeat(bodyBytes))) },
      { direction: TO_CLIENT, bytes: fromLatin1('-ERR unknown command\r\n') },
    ],
    { serverPort: 7000 },
  );
const proxied = (header: string): Uint8Array[] => upload(`${header}${head('Content-Length: 0\r\n')}`);
const PROXY_CASES: CheckCases = {
  applayer_malformed_proxy_header: {
    fails: proxied('PROXY TCP4 192.0.2.1 192.0.2.2 40000 65536\r\n'),
    arrives: proxied('PROXY TCP4 192.0.2.1 192.0.2.2 40000 65535\r\n'),
  },
};

const DETECTION_CASES: CheckCases = {
  applayer_first_bytes_lost: { fails: pretended(65_535), arrives: pretended(65_000) },
};

const REDIS_CASES: CheckCases = {
  'redis.protocol_error': {
    fails: redis(command('PING'), '*1\r\n$+4\r\nPING\r\n'),
    arrives: redis(command('PING'), '*1\r\n$4\r\nPING\r\n'),
  },
  'redis.script_too_long': {
    fails: redis(command('EVAL', '-'.repeat(300_000), '0')),
    arrives: redis(command('SET', 'key', '-'.repeat(300_000)), command('EVAL', '-'.repeat(200_000), '0')),
  },
};

const counted = (hex: string, digits: number): string =>
  `${bytesOf(hex).length.toString(16).padStart(digits, '0')}${hex}`;
/** RFC 8446 §5.1 and §4. */
const record = (type: string, content: string): Uint8Array => bytesOf(`${type} 0303 ${counted(content, 4)}`);
const hello = (type: string, ciphers: string, extensions: string): Uint8Array =>
  record('16', `${type} ${counted(`0303 ${'42'.repeat(32)} 00 ${ciphers} ${counted(extensions, 4)}`, 6)}`);
/** RFC 6066 §3, RFC 6520 §2. */
const serverName = (name: string): string => `0000 ${counted(counted(`00 ${counted(name, 4)}`, 4), 4)}`;
/** RFC 7301 §3.1. */
const protocols = (count: number): string => `0010 ${counted(counted('0161'.repeat(count), 4), 4)}`;
const HEARTBEATS = '000f 0001 01';
const clientHello = (extensions: string): Uint8Array => hello('01', '0002 1301 01 00', extensions);
const serverHello = hello('02', '1301 00', HEARTBEATS);
const tls = (...pieces: readonly (readonly [Direction, Uint8Array])[]): Uint8Array[] =>
  conversation(pieces.map(([direction, bytes]) => ({ direction, bytes })));
const shaken = [
  [TO_SERVER, clientHello(HEARTBEATS)],
  [TO_CLIENT, serverHello],
] as const;
const encrypted = [
  ...shaken,
  [TO_SERVER, record('14', '01')],
  [TO_CLIENT, record('14', '01')],
  [TO_SERVER, record('17', '00'.repeat(30))],
  [TO_SERVER, record('18', '00'.repeat(40))],
] as const;

const TLS_CASES: CheckCases = {
  'tls.multiple_sni_extensions': {
    fails: tls([TO_SERVER, clientHello(`${serverName('61')}${serverName('61')}`)]),
    arrives: tls([TO_SERVER, clientHello(serverName('61'))]),
  },
  'tls.server_name_changed': {
    fails: tls([TO_SERVER, clientHello(serverName('61'))], [TO_SERVER, clientHello(serverName('62'))]),
    arrives: tls([TO_SERVER, clientHello(serverName('61'))], [TO_SERVER, clientHello(serverName('61'))]),
  },
  'tls.handshake_message_too_long': {
    fails: tls([TO_SERVER, record('16', '01 020001')]),
    arrives: tls([TO_SERVER, record('16', '01 020000')]),
  },
  'tls.too_many_protocols': {
    fails: tls([TO_SERVER, clientHello(protocols(65))]),
    arrives: tls([TO_SERVER, clientHello(protocols(64))]),
  },
  'tls.overflow_heartbeat_message': {
    fails: tls(...shaken, [TO_SERVER, record('18', '01 4000')]),
    arrives: tls(...shaken, [TO_SERVER, record('18', `01 0008 ${'00'.repeat(8 + 16)}`)]),
  },
  'tls.dataleak_heartbeat_mismatch': {
    fails: tls(...encrypted, [TO_CLIENT, record('18', '00'.repeat(4000))]),
    arrives: tls(...encrypted, [TO_CLIENT, record('18', '00'.repeat(40))]),
  },
};

/** By the name of the check. */
export const PROTOCOL_CASES: CheckCases = {
  ...HTTP_CASES,
  ...HTTP2_CASES,
  ...WEBSOCKET_CASES,
  ...DNS_CASES,
  ...SMTP_CASES,
  ...FTP_CASES,
  ...DETECTION_CASES,
  ...PROXY_CASES,
  ...REDIS_CASES,
  ...SMB_CASES,
  ...TLS_CASES,
};
