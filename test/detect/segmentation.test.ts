import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { buildTcp } from '../support/packets.ts';
import { Player } from '../support/play.ts';

/** Rules that look at streams and transactions, and at no packet of its own. */
const RULES = [
  'alert tcp-stream any any -> any any (flow:to_server; content:"admin"; sid:1;)',
  'alert tcp-stream any any -> any any (content:"login"; content:"token="; distance:0; within:40; sid:2;)',
  'alert tcp-stream any any -> any any (flow:to_server; content:"POST /"; depth:6; content:"zz"; distance:0; sid:3;)',
  'alert tcp-stream any any -> any any (flow:to_client; pcre:"/20[0-9] OK.*done/s"; sid:4;)',
  'alert http any any -> any any (http.uri; content:"/login"; sid:10;)',
  'alert http any any -> any any (http.method; content:"POST"; http.request_body; content:"token"; sid:11;)',
  'alert http any any -> any any (http.request_body; content:"zz"; endswith; sid:12;)',
  'alert http any any -> any any (http.uri; content:"/"; http.request_body; content:!"token"; sid:13;)',
  'alert http any any -> any any (http.stat_code; content:"200"; file.data; content:"done"; sid:14;)',
  'alert http any any -> any any (http.header; content:"X-Test|3a| one"; sid:15;)',
  'alert http any any -> any any (http.request_body; pcre:"/^token=[a-z]+$/"; sid:16;)',
  'alert http any any -> any any (flow:to_client; sid:17;)',
].join('\n');

const player = new Player({ rules: RULES });
let connections = 0;

type Cut = readonly [start: number, end: number];

/** All signature ids that the two streams set off when they are sent in these pieces, in this order. */
function alertsOf(
  request: string,
  requestCuts: readonly Cut[],
  response: string,
  responseCuts: readonly Cut[],
): number[] {
  const client = { source: '192.0.2.1', destination: '192.0.2.2', sourcePort: 1024 + connections, destinationPort: 80 };
  connections = (connections + 1) % 60_000;
  const server = {
    source: client.destination,
    destination: client.source,
    sourcePort: 80,
    destinationPort: client.sourcePort,
  };
  const streams = [fromLatin1(request), fromLatin1(response)] as const;
  player.played.alerts = [];
  player.send(buildTcp({ ...client, flags: 'S', sequence: 999, acknowledgement: 0 }));
  player.send(buildTcp({ ...server, flags: 'SA', sequence: 4999, acknowledgement: 1000 }));
  player.send(buildTcp({ ...client, flags: 'A', sequence: 1000, acknowledgement: 5000 }));
  for (const [start, end] of requestCuts) {
    const payload = streams[TO_SERVER].subarray(start, end);
    player.send(buildTcp({ ...client, sequence: 1000 + start, acknowledgement: 5000, payload }));
  }
  for (const [start, end] of responseCuts) {
    const payload = streams[TO_CLIENT].subarray(start, end);
    player.send(buildTcp({ ...server, sequence: 5000 + start, acknowledgement: 1000 + request.length, payload }));
  }
  const [requestEnd, responseEnd] = [1000 + request.length, 5000 + response.length];
  player.send(buildTcp({ ...client, flags: 'FA', sequence: requestEnd, acknowledgement: responseEnd }));
  player.send(buildTcp({ ...server, flags: 'FA', sequence: responseEnd, acknowledgement: requestEnd + 1 }));
  return [...new Set(player.played.alerts)].sort((a, b) => a - b);
}

const word = fc.constantFrom('admin', 'login', 'token=', 'zz', 'POST /', 'x', '\r\n', 'done', 'adm', 'in');
const body = fc.array(word, { maxLength: 6 }).map((words) => words.join(''));
const target = fc.constantFrom('/', '/login', '/admin?token=a', '/zz');
const request = fc
  .record({ method: fc.constantFrom('GET', 'POST'), target, body, field: fc.constantFrom('', 'X-Test: one\r\n') })
  .map(
    ({ method, target: path, body: content, field }) =>
      `${method} ${path} HTTP/1.1\r\nHost: a\r\n${field}Content-Length: ${content.length}\r\n\r\n${content}`,
  );
const response = body.map((content) => `HTTP/1.1 200 OK\r\nContent-Length: ${content.length}\r\n\r\n${content}`);

/** Pieces that together are the whole, then some of them again, all in any order. */
function cuts(length: number): fc.Arbitrary<Cut[]> {
  return fc
    .uniqueArray(fc.integer({ min: 1, max: Math.max(1, length - 1) }), { maxLength: 12 })
    .map((inner) => [0, ...inner.filter((at) => at < length).sort((a, b) => a - b), length])
    .map((bounds) => bounds.slice(1).map((end, i): Cut => [bounds[i]!, end]))
    .chain((pieces) =>
      fc
        .array(fc.constantFrom(...pieces), { maxLength: 4 })
        .chain((again) => fc.shuffledSubarray([...pieces, ...again], { minLength: pieces.length + again.length })),
    );
}

test('the same streams set off the same rules, however they are cut, ordered and repeated', () => {
  const traffic = fc
    .record({
      requests: fc.array(request, { minLength: 1, maxLength: 3 }),
      responses: fc.array(response, { maxLength: 3 }),
    })
    .map(({ requests, responses }) => [requests.join(''), responses.join('')] as const)
    .chain(([sent, answered]) =>
      fc.record({
        sent: fc.constant(sent),
        answered: fc.constant(answered),
        sentCuts: cuts(sent.length),
        answeredCuts: answered.length === 0 ? fc.constant([]) : cuts(answered.length),
      }),
    );
  let alerting = 0;
  fc.assert(
    fc.property(traffic, ({ sent, answered, sentCuts, answeredCuts }) => {
      const whole = alertsOf(sent, [[0, sent.length]], answered, answered.length === 0 ? [] : [[0, answered.length]]);
      alerting += whole.length;
      expect(alertsOf(sent, sentCuts, answered, answeredCuts)).toEqual(whole);
    }),
  );
  expect(alerting).toBeGreaterThan(50);
});
