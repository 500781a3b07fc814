import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Condition, conditionsWith, holds, written } from '../support/conditions.ts';
import { fuzzRuns, fuzzTimeMs, SEED } from '../support/fuzz.ts';
import { conversation, datagrams, ENDS, Player } from '../support/play.ts';
import { down, up } from './support.ts';

/*
 * Many rules at once against what each of them means by itself. How candidates are found (patterns shared and cut,
 * ports, addresses, heads, answers that are remembered) must not show in what is found.
 */

const BLOCK = 'abcABC-2'.repeat(5);
const letters = fc
  .array(fc.constantFrom('a', 'b', 'A', 'B', 'c', '-', '2'), { minLength: 1, maxLength: 4 })
  .map((list) => list.join(''));
/** Longer than what is searched for; some end alike. */
const long = fc
  .record({ head: fc.constantFrom('', 'a', 'bB', '-'), tail: fc.constantFrom('', 'c', 'Ab') })
  .map(({ head, tail }) => head + BLOCK + tail);
const word = fc.constantFrom('GET', 'POST', 'User-Agent', '200 OK', 'agent', 'example', '.abc', 'ST');
const wanted = fc.oneof(
  { weight: 8, arbitrary: letters },
  { weight: 1, arbitrary: long },
  { weight: 1, arbitrary: word },
);
/** What buffers and payloads are made of: nothing that a parser changes, nor takes for something else. */
const text = fc
  .array(fc.oneof({ weight: 12, arbitrary: letters }, { weight: 1, arbitrary: long }), { maxLength: 6, size: 'max' })
  .map((list) => list.join(''));

/** One request and its answer; '' is a part that is not there. */
interface Exchange {
  readonly path: string;
  readonly agent: string;
  readonly cookie: string;
  readonly body: string;
  readonly server: string;
  readonly content: string;
}

const bodyLines = (body: string): string => (body === '' ? '' : `Content-Length: ${body.length}\r\n`);
const line = (name: string, value: string): string => (value === '' ? '' : `${name}: ${value}\r\n`);
const present = (part: string): string[] => (part === '' ? [] : [part]);
const methodOf = ({ body }: Exchange): string => (body === '' ? 'GET' : 'POST');
const requestFields = ({ agent, body }: Exchange): string =>
  `Host: example\r\n${line('User-Agent', agent)}${bodyLines(body)}`;
const requestHead = (one: Exchange): string =>
  `${methodOf(one)} /${one.path} HTTP/1.1\r\n${requestFields(one)}${line('Cookie', one.cookie)}`;
const responseFields = ({ server, content }: Exchange): string =>
  `${line('Server', server)}Content-Length: ${content.length}\r\n`;
const requestOf = (one: Exchange): string => `${requestHead(one)}\r\n${one.body}`;
const responseOf = (one: Exchange): string => `HTTP/1.1 200 OK\r\n${responseFields(one)}\r\n${one.content}`;

/** What is in a buffer, by its name: none where it is not there. */
const REQUEST_BUFFERS: Readonly<Record<string, (exchange: Exchange) => string[]>> = {
  'http.method': (one) => [methodOf(one)],
  'http.uri': ({ path }) => [`/${path}`],
  'http.uri.raw': ({ path }) => [`/${path}`],
  'http.user_agent': ({ agent }) => present(agent),
  'http.cookie': ({ cookie }) => present(cookie),
  'http.header': (one) => [requestFields(one)],
  'http.request_header': (one) => `${requestFields(one)}${line('Cookie', one.cookie)}`.split('\r\n').slice(0, -1),
  'http.request_line': (one) => [`${methodOf(one)} /${one.path} HTTP/1.1`],
  'http.host.raw': () => ['example'],
  'http.request_body': ({ body }) => present(body),
};
const RESPONSE_BUFFERS: typeof REQUEST_BUFFERS = {
  'http.stat_code': () => ['200'],
  'http.stat_msg': () => ['OK'],
  'http.server': ({ server }) => present(server),
  'http.header': (one) => [responseFields(one)],
  'http.response_header': (one) => responseFields(one).split('\r\n').slice(0, -1),
  'http.response_body': ({ content }) => present(content),
  'file.data': ({ content }) => present(content),
};
const TRANSFORMS: Readonly<Record<string, (buffer: string) => string>> = {
  to_lowercase: (buffer) => buffer.toLowerCase(),
  to_uppercase: (buffer) => buffer.toUpperCase(),
  dotprefix: (buffer) => `.${buffer}`,
  strip_whitespace: (buffer) => buffer.replace(/\s/g, ''),
};

interface BufferPart {
  readonly buffer: string;
  readonly transform: string | null;
  readonly conditions: readonly Condition[];
}

type RuleModel =
  | {
      readonly type: 'payload';
      readonly header: string;
      readonly ends: Ends;
      readonly flow: '' | 'to_server' | 'to_client';
      readonly conditions: readonly Condition[];
    }
  | {
      readonly type: 'transaction';
      readonly isRequest: boolean;
      readonly ends: Ends;
      readonly parts: readonly BufferPart[];
      /** A content of no buffer: in the same direction of the stream. */
      readonly payload: string | null;
    };

/** From where to where a rule's bytes travel. */
interface Ends {
  readonly text: string;
  readonly fits: (source: End, destination: End) => boolean;
}

interface End {
  readonly address: string;
  readonly port: number;
}

const SERVER_PORTS = [80, 9000, 9001];
const portSets: readonly (readonly [string, (port: number) => boolean])[] = [
  ['any', () => true],
  ['80', (port) => port === 80],
  ['[9000:9001]', (port) => port === 9000 || port === 9001],
  ['[80,9001]', (port) => port === 80 || port === 9001],
  ['!9000', (port) => port !== 9000],
  ['[1024:,!9001]', (port) => port >= 1024 && port !== 9001],
];
const addressSets: readonly (readonly [string, (address: string) => boolean])[] = [
  ['any', () => true],
  ['192.0.2.2', (address) => address === '192.0.2.2'],
  ['!192.0.2.2', (address) => address !== '192.0.2.2'],
  ['[192.0.2.0/31,2001:db8::1]', (address) => address.endsWith('1')],
  ['[192.0.2.0/24,!192.0.2.1]', (address) => address === '192.0.2.2'],
  ['[any,![192.0.2.0/24,2001:db8::2]]', (address) => address === '2001:db8::1'],
  ['2001:db8::/32', (address) => address.includes(':')],
];
const end: fc.Arbitrary<readonly [string, (end: End) => boolean]> = fc
  .record({
    addresses: fc.oneof({ weight: 2, arbitrary: fc.constant(addressSets[0]!) }, fc.constantFrom(...addressSets)),
    ports: fc.oneof({ weight: 3, arbitrary: fc.constant(portSets[0]!) }, fc.constantFrom(...portSets)),
  })
  .map(({ addresses: [addresses, isThere], ports: [ports, isOn] }) => [
    `${addresses} ${ports}`,
    ({ address, port }) => isThere(address) && isOn(port),
  ]);
const ends: fc.Arbitrary<Ends> = fc
  .record({ source: end, destination: end, isBidirectional: fc.nat(5).map((n) => n === 0) })
  .map(({ source: [from, isFrom], destination: [to, isTo], isBidirectional }) => ({
    text: `${from} ${isBidirectional ? '<>' : '->'} ${to}`,
    fits: (source, destination) =>
      (isFrom(source) && isTo(destination)) || (isBidirectional && isFrom(destination) && isTo(source)),
  }));

const conditions = conditionsWith(wanted, 3);
const payloadRule = fc
  .record({
    type: fc.constant('payload' as const),
    header: fc.constantFrom('udp', 'tcp', 'tcp', 'tcp-pkt', 'tcp-stream', 'ip'),
    ends,
    flow: fc.constantFrom('' as const, 'to_server' as const, 'to_client' as const),
    conditions,
  })
  // Packets without payload have a size too, and a stream has none.
  .filter(({ conditions: list }) => list.some(({ type }) => type !== 'size'))
  .filter(({ header, conditions: list }) => header !== 'tcp-stream' || list.every(({ type }) => type !== 'size'));
const partIn = (buffers: typeof REQUEST_BUFFERS): fc.Arbitrary<BufferPart> =>
  fc.record({
    buffer: fc.constantFrom(...Object.keys(buffers)),
    transform: fc.oneof(
      { weight: 5, arbitrary: fc.constant(null) },
      { weight: 1, arbitrary: fc.constantFrom(...Object.keys(TRANSFORMS)) },
    ),
    conditions,
  });
const transactionRule = fc.boolean().chain((isRequest) =>
  fc.record({
    type: fc.constant('transaction' as const),
    isRequest: fc.constant(isRequest),
    ends,
    parts: fc.uniqueArray(partIn(isRequest ? REQUEST_BUFFERS : RESPONSE_BUFFERS), {
      minLength: 1,
      maxLength: 2,
      selector: ({ buffer }) => buffer,
    }),
    payload: fc.oneof({ weight: 6, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: letters }),
  }),
);
const ruleModel: fc.Arbitrary<RuleModel> = fc.oneof(payloadRule, transactionRule, transactionRule);

/** Null: vpatch does not take such a rule. */
function ruleText(rule: RuleModel, sid: number): string {
  const options = (list: readonly Condition[], sizeKeyword: string): string =>
    list.map((one, i) => written(one, sid + i, sizeKeyword)).join(' ');
  if (rule.type === 'payload') {
    const flow = rule.flow === '' ? '' : `flow:${rule.flow}; `;
    return `alert ${rule.header} ${rule.ends.text} (${flow}${options(rule.conditions, 'dsize')} sid:${sid};)`;
  }
  const raw = rule.payload === null ? '' : `content:"${rule.payload}"; `;
  const parts = rule.parts.map(
    ({ buffer, transform, conditions: list }) =>
      `${buffer}; ${transform === null ? '' : `${transform}; `}${options(list, 'bsize')} `,
  );
  const flow = rule.isRequest ? 'to_server' : 'to_client';
  return `alert http ${rule.ends.text} (flow:${flow}; ${raw}${parts.join('')}sid:${sid};)`;
}

/** What travels between a client and a server: one payload in each direction. */
interface Traffic {
  readonly version: 4 | 6;
  readonly clientPort: number;
  readonly serverPort: number;
  readonly transport: 'tcp' | 'udp';
  readonly sent: string;
  readonly answered: string;
  readonly exchanges: readonly Exchange[];
}

function isMatch(rule: RuleModel, traffic: Traffic): boolean {
  const { version, transport, sent, answered, exchanges } = traffic;
  const client: End = { address: ENDS[version][0], port: traffic.clientPort };
  const server: End = { address: ENDS[version][1], port: traffic.serverPort };
  const fits = (isRequest: boolean): boolean =>
    isRequest ? rule.ends.fits(client, server) : rule.ends.fits(server, client);
  if (rule.type === 'transaction') {
    const buffers = rule.isRequest ? REQUEST_BUFFERS : RESPONSE_BUFFERS;
    if (!fits(rule.isRequest)) return false;
    if (rule.payload !== null && !(rule.isRequest ? sent : answered).includes(rule.payload)) return false;
    return exchanges.some((exchange) =>
      rule.parts.every(({ buffer, transform, conditions: list }) =>
        buffers[buffer]!(exchange).some((one) => holds(list, transform === null ? one : TRANSFORMS[transform]!(one))),
      ),
    );
  }
  const { header, flow } = rule;
  if (header !== 'ip' && !header.startsWith(transport)) return false;
  return [true, false].some((isSent) => {
    const payload = isSent ? sent : answered;
    if (payload === '' || flow === (isSent ? 'to_client' : 'to_server')) return false;
    return fits(isSent) && holds(rule.conditions, payload);
  });
}

const exchange: fc.Arbitrary<Exchange> = fc.record({
  path: text,
  agent: text,
  cookie: text,
  body: text,
  server: text,
  content: text,
});
const version = fc.oneof({ weight: 3, arbitrary: fc.constant(4 as const) }, fc.constant(6 as const));
const traffic: fc.Arbitrary<Omit<Traffic, 'clientPort'>> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .record({
        version,
        serverPort: fc.constantFrom(...SERVER_PORTS),
        exchanges: fc.array(exchange, { minLength: 1, maxLength: 3 }),
      })
      .map(({ exchanges, ...rest }) => ({
        ...rest,
        transport: 'tcp' as const,
        sent: exchanges.map(requestOf).join(''),
        answered: exchanges.map(responseOf).join(''),
        exchanges,
      })),
  },
  fc
    .record({
      version,
      serverPort: fc.constantFrom(...SERVER_PORTS),
      transport: fc.constantFrom('tcp' as const, 'udp' as const),
      sent: text,
      answered: text,
    })
    // Who sends the first datagram is the client.
    .map((one) => ({ ...one, sent: one.sent === '' ? 'a' : one.sent, exchanges: [] })),
);

/** In pieces, a rule on payload looks at what is there, and a regular expression may take it too early. */
function mayDiffer(rule: RuleModel, isFound: boolean): boolean {
  if (rule.type === 'payload' || rule.payload !== null) return true;
  return isFound && rule.parts.some(({ conditions: list }) => list.some(({ type }) => type === 'pcre'));
}

test(
  'of many rules at once, those match that would match alone',
  () => {
    let hits = 0;
    const sets = fc.array(ruleModel, { minLength: 1, maxLength: 60, size: 'max' });
    const connections = fc.array(
      fc.record({ one: traffic, segmentBytes: fc.option(fc.integer({ min: 1, max: 30 }), { freq: 2 }) }),
      { minLength: 1, maxLength: 12, size: 'max' },
    );
    fc.assert(
      fc.property(sets, connections, (set, all) => {
        const rules = set.map((rule, i) => ruleText(rule, i + 1));
        const player = new Player({ rules: rules.join('\n'), config: { rules: { maxAlertsPerPacket: 1000 } } });
        for (const [i, { one, segmentBytes }] of all.entries()) {
          const { serverPort, sent, answered, transport } = one;
          const between = { clientPort: 10_000 + i, serverPort, ipv6: one.version === 6 };
          player.played.alerts = [];
          const turns = [up(sent), down(answered)].filter(({ bytes }) => bytes.length > 0);
          const packets =
            transport === 'udp'
              ? datagrams(turns, between)
              : conversation(turns, segmentBytes === null ? between : { ...between, segmentBytes });
          for (const packet of packets) player.send(packet);
          const found = new Set(player.played.alerts);
          hits += found.size;
          const wrong = set.flatMap((rule, at) => {
            const isFound = found.has(at + 1);
            if (isFound === isMatch(rule, { ...one, clientPort: between.clientPort })) return [];
            const isInPieces = segmentBytes !== null && transport === 'tcp';
            return isInPieces && mayDiffer(rule, isFound) ? [] : [{ rule: rules[at], isFound }];
          });
          expect({ wrong, one, segmentBytes }).toEqual({ wrong: [], one, segmentBytes });
        }
      }),
      { numRuns: fuzzRuns(100), ...SEED },
    );
    expect(hits).toBeGreaterThan(500);
  },
  fuzzTimeMs(60_000),
);
