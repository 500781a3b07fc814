import { expect, test } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { EveWriter } from '../../src/output/eve.ts';
import { patternText } from '../../src/output/evidence.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { LINK } from '../../src/wire/packet.ts';
import { framed } from '../support/packets.ts';
import { configOf, conversation, rulesetOf, type Turn } from '../support/play.ts';

test.each([
  ['GET /', 'GET /'],
  ['a\r\nb', 'a|0d 0a|b'],
  ['|";:\\', '|7c 22 3b 3a 5c|'],
  ['\x00\xff', '|00 ff|'],
  ['', ''],
])('%j is written %j', (bytes, text) => {
  expect(patternText(fromLatin1(bytes))).toBe(text);
});

const turn = (direction: Turn['direction'], text: string): Turn => ({ direction, bytes: fromLatin1(text) });
const REQUEST = turn(TO_SERVER, 'GET /a/evil?id=12 HTTP/1.1\r\nHost: a\r\nUser-Agent: scanner/7\r\n\r\n');
const RESPONSE = turn(TO_CLIENT, 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret');

function matchedOf(rule: string): unknown {
  const lines: string[] = [];
  const output = { write: (line: string) => void lines.push(line), close: async () => {}, lostLines: 0 };
  const config = configOf();
  const pipeline = new Pipeline({
    config,
    mode: 'detect',
    ruleset: rulesetOf(rule, config),
    sink: new EveWriter(output, { mode: 'detect', hasPacketNumbers: false }),
    seed: [1, 2],
    midstreamUntilMs: 0,
  });
  for (const bytes of conversation([REQUEST, RESPONSE])) pipeline.process(framed(bytes, { linkType: LINK.rawIp }));
  const alert = lines.map((line) => JSON.parse(line) as EveLine).find(({ event_type: type }) => type === 'alert');
  return alert?.vpatch.matched;
}

interface EveLine {
  readonly event_type: string;
  readonly vpatch: { readonly matched?: unknown };
}

test.each([
  [
    'http.uri; content:"/evil"; http.user_agent; content:"scan"; content:"/"; distance:3;',
    [
      { buffer: 'http.uri', offset: 2, bytes: '/evil' },
      { buffer: 'http.user_agent', offset: 0, bytes: 'scan' },
      { buffer: 'http.user_agent', offset: 7, bytes: '/' },
    ],
  ],
  ['http.uri; pcre:"/id=[0-9]+/";', [{ buffer: 'http.uri', offset: 8, bytes: 'id=12' }]],
  ['http.uri; content:"/evil"; content:!"good";', [{ buffer: 'http.uri', offset: 2, bytes: '/evil' }]],
  [
    'content:"GET /a"; content:"evil"; within:5;',
    [
      { buffer: 'payload', offset: 0, bytes: 'GET /a' },
      { buffer: 'payload', offset: 7, bytes: 'evil' },
    ],
  ],
])('%s', (options, expected) => {
  expect(matchedOf(`alert tcp any any -> any any (msg:"x"; ${options} sid:1;)`)).toEqual(expected);
});
