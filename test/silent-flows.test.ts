import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { AppLayer } from '../src/app/app-layer.ts';
import { fromLatin1 } from '../src/base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../src/base/direction.ts';
import { runAll } from '../src/base/steps.ts';
import { message, question } from './app/dns-messages.ts';
import { fuzzRuns } from './support/fuzz.ts';
import { usedMemory } from './support/heap.ts';
import {
  configOf,
  conversation,
  datagrams,
  type Played,
  Player,
  type PlayOptions,
  playPackets,
  rulesetOf,
  type Turn,
} from './support/play.ts';

afterEach(() => void vi.restoreAllMocks());

const RULES = [
  'alert tcp-stream any any -> any any (flow:to_server; content:"/first"; content:"/second"; distance:0; sid:1;)',
  'alert tcp-stream any any -> any any (flow:to_server; content:"token="; content:!"/third"; distance:0; sid:2;)',
  'alert tcp-stream any any -> any any (flow:to_client; pcre:"/done.*done/s"; sid:3;)',
  'alert http any any -> any any (http.uri; content:"/second"; content:"token="; sid:4;)',
  'alert http any any -> any any (http.request_body; content:"token"; content:"done"; distance:0; sid:5;)',
  'alert http any any -> any any (http.stat_code; content:"200"; file.data; content:"done"; endswith; sid:6;)',
  'alert http any any -> any any (http.uri; content:"/first"; flowbits:set,seen; flowbits:noalert; sid:7;)',
  'alert http any any -> any any (http.uri; content:"/third"; flowbits:isset,seen; sid:8;)',
  'alert http any any -> any any (flow:to_client; frame:http1.response; content:"200"; sid:9;)',
  'alert tcp any any -> any any (flow:to_server; stream_size:client,>,200; dsize:>0; sid:10;)',
  'alert http any any -> any any (app-layer-event:http.unable_to_match_response_to_request; sid:11;)',
  'drop http any any -> any any (http.uri; content:"/attack"; sid:12;)',
  'alert ssh any any -> any any (ssh.software; content:"OpenSSH"; sid:13;)',
].join('\n');

const path = fc.constantFrom('/first', '/second?token=a', '/third', '/', '/attack');
const content = fc
  .array(fc.constantFrom('token', 'done', '/second', 'x'), { maxLength: 4 })
  .map((words) => words.join(''));
const request = fc
  .record({ path, content })
  .map(
    ({ path, content }) => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${content.length}\r\n\r\n${content}`,
  );
const response = fc.oneof(
  content.map((body) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
  content.map((body) => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n${body}`),
  fc.constantFrom(
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    'SSH-2.0-OpenSSH_9.2\r\n',
    '',
  ),
);
const up = (text: string): Turn => ({ direction: TO_SERVER, bytes: fromLatin1(text) });
const down = (text: string): Turn => ({ direction: TO_CLIENT, bytes: fromLatin1(text) });
const exchange = fc.tuple(request.map(up), response.map(down));
const mess = fc.array(fc.oneof(request.map(up), response.map(down)), { maxLength: 2 });
const turns = fc.array(fc.oneof(exchange, mess), { maxLength: 5 }).map((all) => all.flat());

/** All that was found, and which packets did not arrive. */
function found({ alerts, anomalies, dropped, dropReasons, appProtocols }: Played): unknown {
  return { alerts, anomalies, dropped, dropReasons, appProtocols };
}

test('what is found is the same where connections are packed between any two packets', () => {
  const pack = vi.spyOn(AppLayer.prototype, 'pack');
  const unpack = vi.spyOn(AppLayer.prototype, 'unpack');
  let alerts = 0;
  fc.assert(
    fc.property(turns, fc.constantFrom(7, 60, 1460), (all, segmentBytes) => {
      const packets = conversation(all, { segmentBytes });
      const options: PlayOptions = { rules: RULES, mode: 'prevent', config: { checks: { policy: 'report' } } };
      pack.mockClear();
      const lively = playPackets(packets, options);
      expect(pack).not.toHaveBeenCalled();
      unpack.mockClear();
      const silent = playPackets(packets, { ...options, stepMs: 3_500 });
      expect(unpack.mock.calls.length).toBeGreaterThan(2);
      expect(found(silent)).toEqual(found(lively));
      alerts += lively.alerts.length;
    }),
    { numRuns: fuzzRuns(40) },
  );
  expect(alerts).toBeGreaterThan(5);
});

const DNS_RULES = [
  'alert dns any any -> any any (dns.query; content:"one.example"; sid:1;)',
  'alert dns any any -> any any (dns.opcode:0; flow:to_client; sid:2;)',
  'alert udp any any -> any any (content:"two"; flowbits:set,two; sid:3;)',
  'alert dns any any -> any any (dns.query; content:"one"; flowbits:isset,two; sid:4;)',
  'alert dns any any -> any any (app-layer-event:dns.unsolicited_response; sid:5;)',
  'drop dns any any -> any any (dns.query; content:"bad"; sid:6;)',
].join('\n');

const QUERY_FLAGS = 0x0100;
const ANSWER_FLAGS = 0x8180;

test('the same for datagrams', () => {
  const unpack = vi.spyOn(AppLayer.prototype, 'unpack');
  const host = fc.constantFrom('one.example', 'two.example', 'bad.example');
  const id = fc.integer({ min: 1, max: 2 });
  const asked = fc.record({ id, host }).map(({ id, host }) => message({ id, flags: QUERY_FLAGS }, question(host)));
  const answered = fc.record({ id, host }).map(({ id, host }) => message({ id, flags: ANSWER_FLAGS }, question(host)));
  const junk = fc.constant(fromLatin1('nothing of the kind'));
  const turn = fc.oneof(
    asked.map((bytes): Turn => ({ direction: TO_SERVER, bytes })),
    answered.map((bytes): Turn => ({ direction: TO_CLIENT, bytes })),
    fc.record({ direction: fc.constantFrom(TO_SERVER, TO_CLIENT), bytes: junk }),
  );
  let alerts = 0;
  fc.assert(
    fc.property(fc.array(turn, { minLength: 1, maxLength: 8 }), (turns) => {
      const options: PlayOptions = { rules: DNS_RULES, mode: 'prevent', config: { checks: { policy: 'report' } } };
      const lively = playPackets(datagrams(turns), options);
      const silent = playPackets(datagrams(turns), { ...options, stepMs: 3_500 });
      expect(found(silent)).toEqual(found(lively));
      alerts += lively.alerts.length;
    }),
    { numRuns: fuzzRuns(100) },
  );
  expect(alerts).toBeGreaterThan(5);
  expect(unpack).toHaveBeenCalled();
});

test('a name that was asked for takes next to nothing', () => {
  const turns: Turn[] = [
    { direction: TO_SERVER, bytes: message({ flags: QUERY_FLAGS }, question('three.example')) },
    { direction: TO_CLIENT, bytes: message({ flags: ANSWER_FLAGS }, question('three.example')) },
  ];
  const player = new Player({ rules: DNS_RULES });
  const bytes = bytesOfSilent(player, 4_000, (clientPort) => datagrams(turns, { clientPort }));
  // While it is in use, it takes 1,800.
  expect(bytes).toBeLessThan(400);
});

const PAGE = [
  up('GET /page HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: browser\r\n\r\n'),
  down(`HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n${'x'.repeat(100)}`),
];
const STREAM_RULE = 'alert tcp any any -> any any (content:"/page"; content:"the rest"; sid:1;)';

/** Without the packets that end it. */
const openConnection = (clientPort: number, turns = PAGE): Uint8Array[] =>
  conversation(turns, { clientPort }).slice(0, -3);

/** Time goes on without packets, as far as all that is silent gets packed. */
function wait(player: Player, fromMs: number): void {
  for (let ms = 0; ms < 10_000; ms += 20) player.played.pipeline.expire(fromMs + ms);
}

/** What each of so many flows takes once it is silent; before them, as many others have begun. */
function bytesOfSilent(player: Player, flows: number, begin: (clientPort: number) => readonly Uint8Array[]): number {
  const play = (firstPort: number): void => {
    for (let port = firstPort; port < firstPort + flows; port++) {
      for (const packet of begin(port)) player.send(packet);
    }
    wait(player, player.timeMs);
  };
  play(1024);
  const before = usedMemory();
  play(1024 + flows);
  const after = usedMemory();
  return (after.heapBytes + after.bufferBytes - before.heapBytes - before.bufferBytes) / flows;
}

test('a silent connection takes a few hundred bytes, and is inspected as ever when it goes on', () => {
  const player = new Player({ rules: STREAM_RULE });
  const bytes = bytesOfSilent(player, 2_000, (clientPort) => openConnection(clientPort));
  // While it is in use, it takes 4,500. Of the 600 for a silent one, half is what it has said; memory is claimed in
  // pieces of 256 KiB.
  expect(bytes).toBeLessThan(1600);
  expect(player.played.alerts).toEqual([]);
  const [, , , ...further] = openConnection(5000, [...PAGE, up('GET /the rest HTTP/1.1\r\nHost: a\r\n\r\n')]);
  for (const packet of further.slice(-2)) player.send(packet);
  expect(player.played.alerts).toEqual([1]);
});

test('what a silent connection has said before is held against new rules', () => {
  const player = new Player({ rules: 'alert tcp any any -> any any (content:"nothing of the kind"; sid:2;)' });
  const packets = openConnection(1024, [...PAGE, up('GET /the rest HTTP/1.1\r\nHost: a\r\n\r\n')]);
  for (const packet of packets.slice(0, -2)) player.send(packet);
  wait(player, player.timeMs);
  const { pipeline } = player.played;
  pipeline.replacePolicy(runAll(pipeline.prepare(rulesetOf(STREAM_RULE, configOf()))), configOf());
  for (const packet of packets.slice(-2)) player.send(packet);
  expect(player.played.alerts).toEqual([1]);
});

test('where memory for windows is short, those of silent connections make room', () => {
  const config = { stream: { memoryBytes: 2 ** 18 } };
  const player = new Player({ rules: STREAM_RULE, mode: 'prevent', config });
  const upload = [up(`POST /page HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n${'y'.repeat(20_000)}`)];
  for (let port = 1024; port < 1224; port++) {
    for (const packet of openConnection(port, upload)) player.send(packet);
    if (port % 20 === 0) wait(player, player.timeMs);
  }
  player.played.pipeline.updateGauges();
  const { counters } = player.played.pipeline;
  expect(player.played.dropped).toEqual([]);
  expect(counters.get('detect.stream_window_memcap')).toBe(0);
  expect(counters.get('detect.stream_windows_shed')).toBeGreaterThan(10);
  expect(counters.get('detect.stream_window_memuse')).toBeLessThanOrEqual(2 ** 18);
  // One whose window is gone is inspected from where it is.
  const [first] = openConnection(1024, [...upload, up('GET /page HTTP/1.1\r\nX: the rest\r\n\r\n')]).slice(-2);
  player.send(first!);
  expect(player.played.alerts).toEqual([1]);
});

test('a silent connection ends as any other', () => {
  const player = new Player({ rules: STREAM_RULE });
  const { pipeline } = player.played;
  for (const packet of openConnection(1024)) player.send(packet);
  wait(player, player.timeMs);
  pipeline.updateGauges();
  expect(pipeline.counters.get('detect.stream_window_memuse')).toBeGreaterThan(0);
  player.finish();
  pipeline.updateGauges();
  expect(pipeline.counters.get('detect.stream_window_memuse')).toBe(0);
});
