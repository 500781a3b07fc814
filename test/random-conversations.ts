import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { fromLatin1, latin1 } from '../src/base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../src/base/direction.ts';
import { message, question, withLength } from './app/dns-messages.ts';
import { FLAGS, fields, frame, PREFACE } from './app/http2-frames.ts';
import { asked, closed, connected, on, opened } from './app/smb-conversation.ts';
import type { Turn } from './support/play.ts';
import type { Random } from './support/random.ts';
import { body, concat } from './support/smb.ts';

/**
 * What rules can look for in the conversations: something of each protocol, in the stream and in what is made of it.
 */
export const CONVERSATION_RULES = [
  'alert tcp-stream any any -> any any (flow:to_server; content:"admin"; sid:1;)',
  'alert tcp-stream any any -> any any (content:"login"; content:"token="; distance:0; within:40; sid:2;)',
  'alert tcp-stream any any -> any any (flow:to_client; content:"done"; content:"evil"; distance:0; sid:3;)',
  'alert tcp-stream any any -> any any (flow:to_server; content:"POST /"; depth:6; content:"zz"; distance:0; sid:4;)',
  'alert tcp-stream any any -> any any (flow:to_client; pcre:"/20[0-9] OK.{0,400}done/s"; sid:5;)',
  'alert http any any -> any any (flow:to_client; sid:6;)',
  'alert http any any -> any any (http.uri; content:"/login"; sid:110;)',
  'alert http any any -> any any (http.method; content:"POST"; http.request_body; content:"token"; sid:111;)',
  'alert http any any -> any any (http.request_body; content:"zz"; endswith; sid:112;)',
  'alert http any any -> any any (http.uri; content:"/"; http.request_body; content:!"token"; sid:113;)',
  'alert http any any -> any any (http.stat_code; content:"200"; file.data; content:"done"; sid:114;)',
  'alert http any any -> any any (flow:to_client; http.response_body; content:"evil"; sid:115;)',
  'alert http any any -> any any (http.response_body; content:"evil"; file.data; content:"done"; sid:116;)',
  'alert http any any -> any any (flow:to_client; file.data; content:"doneevil"; bsize:8; sid:117;)',
  'alert http any any -> any any (http.header; content:"X-Test|3a| one"; sid:118;)',
  'alert http any any -> any any (flow:to_server; http.method; content:"POST"; content:"attack"; sid:120;)',
  'alert http any any -> any any (flow:to_server; http.header_names; content:"|0d 0a|X-Test|0d 0a|"; sid:121;)',
  'alert http any any -> any any (flow:to_client; http.stat_msg; content:"Found"; sid:122;)',
  'alert http any any -> any any (http.request_body; pcre:"/^token=[a-z]+$/"; sid:123;)',
  'alert http2 any any -> any any (http.uri; content:"/two"; sid:130;)',
  'alert websocket any any -> any any (websocket.payload; content:"evil"; sid:131;)',
  'alert smtp any any -> any any (file.data; content:"evil"; sid:140;)',
  'alert smtp any any -> any any (smtp.rcpt_to; content:"root"; sid:141;)',
  'alert smtp any any -> any any (file.name; content:".exe"; sid:142;)',
  'alert ftp any any -> any any (ftp.command_data; content:"evil"; sid:150;)',
  'alert ftp any any -> any any (ftp.reply; content:"226"; sid:151;)',
  'alert dns any any -> any any (dns.query; content:"evil"; sid:160;)',
  'alert smb any any -> any any (file.name; content:"report"; sid:170;)',
  'alert smb any any -> any any (file.data; content:"evil"; sid:171;)',
].join('\n');

/** A conversation of random content, in good order, of which some rules match some. */
export interface ConversationKind {
  readonly port: number;
  make(random: Random): readonly Turn[];
}

export const CONVERSATION_KINDS: Readonly<Record<string, ConversationKind>> = {
  'HTTP/1.1': { port: 80, make: http1 },
  'HTTP/2': { port: 80, make: http2 },
  SMTP: { port: 25, make: smtp },
  FTP: { port: 21, make: ftp },
  'DNS over TCP': { port: 53, make: dns },
  SMB: { port: 445, make: smb },
};

const up = (...parts: (string | Uint8Array)[]): Turn => ({ direction: TO_SERVER, bytes: concat(...parts) });
const down = (...parts: (string | Uint8Array)[]): Turn => ({ direction: TO_CLIENT, bytes: concat(...parts) });
const some = <T>(random: Random, least: number, most: number, make: (index: number) => T): T[] =>
  Array.from({ length: random.between(least, most) }, (_, index) => make(index));

const WORDS = [
  'token',
  '=',
  'token=',
  'done',
  'evil',
  'zz',
  'login',
  'admin',
  'adm',
  'in',
  'xyz',
  'x',
  '\r\n',
  'attack',
  'POST /',
];

function words(random: Random): string {
  const padding = 'q'.repeat(random.below(4) === 0 ? random.below(5000) : 0);
  return some(random, 0, 6, () => random.pick([...WORDS, padding])).join('');
}

function http1(random: Random): Turn[] {
  const turns = some(random, 1, 4, () => (random.below(3) === 0 ? pipelined(random) : one(random))).flat();
  const last = random.below(5);
  if (last === 0) turns.push(...websocket());
  if (last === 1) {
    turns.push(up('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
    turns.push(down(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${words(random)}`));
  }
  return turns;
}

function pipelined(random: Random): Turn[] {
  const requests = some(random, 2, 4, () => request(random));
  // Some servers leave requests without an answer, and say more than they were asked for.
  const answered = random.below(4) === 0 ? some(random, 0, 5, () => ({ method: 'GET' })) : requests;
  const answers = answered.map(({ method }) => response(random, method));
  return [up(...requests.map(({ head, content }) => concat(head, content))), down(...answers)];
}

function one(random: Random): Turn[] {
  const { method, head, content, isExpecting } = request(random);
  const answer = down(response(random, method));
  if (!isExpecting) return [up(head, content), answer];
  return [up(head), down('HTTP/1.1 100 Continue\r\n\r\n'), up(content), answer];
}

function websocket(): Turn[] {
  const asks = 'Upgrade: websocket\r\nConnection: Upgrade\r\n';
  const key = 'Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n';
  return [
    up(`GET /login HTTP/1.1\r\nHost: a\r\n${asks}${key}\r\n`),
    down(`HTTP/1.1 101 Switching Protocols\r\n${asks}\r\n`),
    up('\x81\x84\0\0\0\0evil'),
    down('\x81\x04evil'),
  ];
}

interface Request {
  readonly method: string;
  readonly head: string;
  readonly content: Uint8Array;
  readonly isExpecting: boolean;
}

function request(random: Random): Request {
  const method = random.pick(['GET', 'POST', 'POST', 'HEAD', 'PUT']);
  const path = random.pick(['/', '/login', '/zz', '/admin?token=a', '/attack?x=1', '/a/../login', '/%6cogin']);
  const start = `${method} ${path} HTTP/1.1\r\nHost: h.example\r\n${extraField(random)}`;
  if (method !== 'POST' && method !== 'PUT') {
    return { method, head: `${start}\r\n`, content: new Uint8Array(0), isExpecting: false };
  }
  const isExpecting = random.below(7) === 0;
  const { framing, content } = framed(random);
  const expects = isExpecting ? 'Expect: 100-continue\r\n' : '';
  return { method, head: `${start}${expects}${framing}\r\n`, content, isExpecting };
}

function response(random: Random, method: string): Uint8Array {
  const status = random.pick(['200 OK', '200 OK', '302 Found', '404 Not Found', '204 No Content', '304 Not Modified']);
  const start = `HTTP/1.1 ${status}\r\n${extraField(random)}`;
  if (/^(204|304)/.test(status)) return concat(start, '\r\n');
  const { framing, content } = framed(random);
  return method === 'HEAD' ? concat(start, framing, '\r\n') : concat(start, framing, '\r\n', content);
}

const extraField = (random: Random): string =>
  random.pick(['', 'X-Test: one\r\n', 'Cookie: sess=1\r\n', 'x-test:one\r\n', `X-Pad: ${'p'.repeat(400)}\r\n`]);

/** Content as it goes over the wire, and the fields that tell how it is to be read. */
function framed(random: Random): { framing: string; content: Uint8Array } {
  const { coding, packed } = coded(random);
  const field = coding === '' ? '' : `Content-Encoding: ${coding}\r\n`;
  if (random.below(3) === 0)
    return { framing: `${field}Transfer-Encoding: chunked\r\n`, content: chunked(random, packed) };
  return { framing: `${field}Content-Length: ${packed.length}\r\n`, content: packed };
}

function coded(random: Random): { coding: string; packed: Uint8Array } {
  const plain = fromLatin1(random.below(5) === 0 ? random.pick(['doneevil', 'done', 'evil']) : words(random));
  const coding = random.pick(['', '', 'gzip', 'br', 'deflate']);
  if (coding === 'gzip') return { coding, packed: gzipSync(plain) };
  if (coding === 'br') return { coding, packed: brotliCompressSync(plain) };
  if (coding === 'deflate') return { coding, packed: deflateSync(plain) };
  return { coding, packed: plain };
}

function chunked(random: Random, bytes: Uint8Array): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + random.between(1, random.pick([3, 50, 4000])));
    chunks.push(concat(`${(end - at).toString(16)}\r\n`, bytes.subarray(at, end), '\r\n'));
    at = end;
  }
  return concat(...chunks, random.pick(['0\r\n\r\n', '0\r\nX-Test: one\r\n\r\n']));
}

function http2(random: Random): Turn[] {
  const none = new Uint8Array(0);
  const asked: Uint8Array[] = [PREFACE, frame('settings', 0, 0, none)];
  const answered: Uint8Array[] = [frame('settings', 0, 0, none)];
  for (let stream = 1; stream <= 2 * random.between(1, 4); stream += 2) {
    const bodies = some(random, 0, 3, () => fromLatin1(words(random).slice(0, 16_000)));
    const method: [string, string] = [':method', bodies.length > 0 ? 'POST' : 'GET'];
    const path: [string, string] = [':path', random.pick(['/two', '/login'])];
    const head = fields(method, path, [':scheme', 'https'], [':authority', 'h.example']);
    asked.push(frame('headers', FLAGS.endHeaders | (bodies.length > 0 ? 0 : FLAGS.endStream), stream, head));
    for (const [n, data] of bodies.entries()) {
      asked.push(frame('data', n === bodies.length - 1 ? FLAGS.endStream : 0, stream, data));
    }
    const { coding, packed } = coded(random);
    const answer: [string, string][] = [
      [':status', '200'],
      ...(coding === '' ? [] : [['content-encoding', coding] as [string, string]]),
    ];
    answered.push(frame('headers', FLAGS.endHeaders, stream, fields(...answer)));
    const cut = random.below(packed.length + 1);
    answered.push(frame('data', 0, stream, packed.subarray(0, cut)));
    answered.push(frame('data', FLAGS.endStream, stream, packed.subarray(cut)));
  }
  return [up(...asked), down(...answered)];
}

function smtp(random: Random): Turn[] {
  const mails = some(random, 1, 2, () => [
    up(`MAIL FROM:<a@b>\r\nRCPT TO:<${random.pick(['root', 'x'])}@d>\r\nDATA\r\n`),
    down('250 ok\r\n250 ok\r\n354 go\r\n'),
    up(`${mail(random)}.\r\n`),
    down('250 ok\r\n'),
  ]);
  const greeting = [down('220 mx ESMTP\r\n'), up('EHLO c\r\n'), down('250-mx\r\n250 PIPELINING\r\n')];
  return [...greeting, ...mails.flat(), up('QUIT\r\n'), down('221 bye\r\n')];
}

function mail(random: Random): string {
  const text = words(random);
  if (random.below(2) === 0) return `Subject: x\r\n\r\n${text}\r\n..dots\r\n`;
  const lines = Buffer.from(text, 'latin1').toString('base64').replace(/.{76}/g, '$&\r\n');
  return [
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=bb',
    '',
    '--bb',
    'Content-Type: application/octet-stream',
    `Content-Disposition: attachment; filename="${random.pick(['a.exe', 'b.txt'])}"`,
    'Content-Transfer-Encoding: base64',
    '',
    lines,
    '--bb--',
    '',
  ].join('\r\n');
}

function ftp(random: Random): Turn[] {
  const commands = some(random, 0, 4, () => [
    up(`${random.pick(['RETR', 'STOR', 'CWD'])} ${random.pick(['evil', 'good'])}.txt\r\n`),
    down(random.pick(['150 opening\r\n226 done\r\n', '550 no\r\n', '226-a\r\n b\r\n226 end\r\n'])),
  ]);
  const login = [down('220 ftp\r\n'), up('USER a\r\n'), down('331 pw\r\n'), up('PASS b\r\n'), down('230 in\r\n')];
  return [...login, ...commands.flat()];
}

function dns(random: Random): Turn[] {
  return some(random, 1, 3, () => {
    const hosts = some(random, 1, 3, () => random.pick(['evil.example', 'good.example']));
    const messages = (flags: number): Uint8Array[] =>
      hosts.map((host, id) => withLength(message({ id, flags }, question(host))));
    return [up(...messages(0x0100)), down(...messages(0x8180))];
  }).flat();
}

function smb(random: Random): Turn[] {
  const writes = some(random, 0, 2, (n) =>
    asked(9, 10 + n, body.write('persistent-volat', 0, fromLatin1(random.pick(['evil data', 'good data']))), on),
  );
  return [...connected, ...opened, ...writes, ...closed];
}

/** For a message of a test that fails. */
export const describeTurns = (turns: readonly Turn[]): string =>
  turns
    .map(({ direction, bytes }) => `${direction === TO_SERVER ? '>' : '<'} ${JSON.stringify(latin1(bytes))}`)
    .join('\n');
