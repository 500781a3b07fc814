import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import type { Overrides } from '../../src/config/overrides.ts';
import { EveWriter } from '../../src/output/eve.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { LINK } from '../../src/wire/packet.ts';
import { message, question, record } from '../app/dns-messages.ts';
import { buildIcmp, framed } from '../support/packets.ts';
import { configOf, conversation, datagrams, rulesetOf, type Turn } from '../support/play.ts';

// biome-ignore lint/suspicious/noExplicitAny: lines of JSON, whose fields the tests name.
type Event = Record<string, any>;
type Eve = NonNullable<NonNullable<Overrides['outputs']>['eve']>;

const turn = (direction: Turn['direction'], text: string): Turn => ({ direction, bytes: fromLatin1(text) });
const ask = (target: string, more = ''): Turn =>
  turn(TO_SERVER, `GET ${target} HTTP/1.1\r\nHost: shop.example\r\n${more}\r\n`);
const ANSWER = turn(TO_CLIENT, 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok');
const NO_CONTENT = turn(TO_CLIENT, 'HTTP/1.1 204 No Content\r\n\r\n');

/**
 * What is written of these packets, one a millisecond, but for anomalies and drops. `expireAfterMs`: time goes on
 * before the end.
 */
function written(
  packets: readonly Uint8Array[],
  eve: Eve,
  rules = '',
  { expireAfterMs = 0, ruleFiles = {} }: { expireAfterMs?: number; ruleFiles?: Record<string, string> } = {},
): Event[] {
  const events: Event[] = [];
  const output = { write: (line: string) => void events.push(JSON.parse(line)), lostLines: 0, close: async () => {} };
  const config = configOf({ outputs: { eve } });
  const pipeline = new Pipeline({
    config,
    mode: 'prevent',
    ruleset: rulesetOf(rules, config, ruleFiles),
    sink: new EveWriter(output, { mode: 'prevent', hasPacketNumbers: true }),
    seed: [1, 2],
    midstreamUntilMs: Number.NEGATIVE_INFINITY,
  });
  let timeMs = 1_700_000_000_000;
  for (const [index, bytes] of packets.entries()) {
    timeMs++;
    pipeline.process(framed(bytes, { timeMs, number: index + 1, linkType: LINK.rawIp }));
  }
  if (expireAfterMs > 0) pipeline.expire(timeMs + expireAfterMs);
  pipeline.finish();
  return events.filter(({ event_type }) => event_type !== 'anomaly' && event_type !== 'drop');
}

const typesOf = (events: readonly Event[]): string[] => events.map(({ event_type }) => event_type as string);

test('without being asked for, there are none', () => {
  expect(written(conversation([ask('/'), ANSWER]), {})).toEqual([]);
});

describe('an exchange', () => {
  test('is told when it is complete, with the client as its source', () => {
    const [event, ...others] = written(conversation([ask('/a'), ANSWER]), { records: ['http'] });
    expect(others).toEqual([]);
    expect(event).toEqual({
      timestamp: '2023-11-14T22:13:20.006000+0000',
      flow_id: expect.any(Number),
      pcap_cnt: 6,
      event_type: 'http',
      src_ip: '192.0.2.1',
      src_port: 40_000,
      dest_ip: '192.0.2.2',
      dest_port: 80,
      proto: 'TCP',
      tx_id: 0,
      app_proto: 'http',
      http: {
        hostname: 'shop.example',
        url: '/a',
        http_content_type: 'text/plain',
        http_method: 'GET',
        protocol: 'HTTP/1.1',
        status: 200,
        length: 2,
      },
      vpatch: { mode: 'prevent' },
    });
  });

  test('each of a connection is told once, pipelined ones too', () => {
    const packets = conversation([ask('/a'), ask('/b'), NO_CONTENT, ANSWER, ask('/c'), ANSWER]);
    const events = written(packets, { records: ['http'] });
    expect(events.map(({ tx_id, http }) => [tx_id, http.url, http.status])).toEqual([
      [0, '/a', 204],
      [1, '/b', 200],
      [2, '/c', 200],
    ]);
  });

  test.each([
    ['the connection ends', 0, conversation([ask('/a')])],
    ['its flow is forgotten', 4_000_000, conversation([ask('/a')]).slice(0, 4)],
    ['the traffic ends', 0, conversation([ask('/a')]).slice(0, 4)],
    ['the request is not even whole', 0, conversation([turn(TO_SERVER, 'GET /a HTTP/1.1\r\nHost')]).slice(0, 4)],
  ])('that nobody answered is told when %s', (_, expireAfterMs, packets) => {
    const events = written(packets, { records: ['http'] }, '', { expireAfterMs });
    expect(events.map(({ http }) => http.url)).toEqual(['/a']);
  });

  test('that a rule drops is told too, as far as it came', () => {
    const rule = 'drop http any any -> any any (msg:"a"; http.uri; content:"/attack"; sid:1;)';
    const events = written(conversation([ask('/attack'), ANSWER]), { records: ['http'] }, rule);
    const [record] = events.filter(({ event_type }) => event_type === 'http');
    expect(record!.http).toMatchObject({ url: '/attack', length: 0 });
    expect(record!.http).not.toHaveProperty('status');
  });

  test('of a flow that a pass rule exempts is told', () => {
    const rule = 'pass tcp any any -> any any (msg:"a"; sid:1;)';
    const events = written(conversation([ask('/a'), ANSWER]), { records: ['http'] }, rule);
    expect(typesOf(events)).toContain('http');
  });

  test('question and answer of DNS are two', () => {
    const asked = question('example.org');
    const answer = record('example.org', 1, Uint8Array.of(192, 0, 2, 7));
    const packets = datagrams([
      { direction: TO_SERVER, bytes: message({}, asked) },
      { direction: TO_CLIENT, bytes: message({ flags: 0x8180, counts: [1, 1, 0, 0] }, asked, answer) },
    ]);
    const events = written(packets, { records: ['dns'] });
    expect(events.map(({ src_ip, dns }) => [src_ip, dns.type, dns.rrname])).toEqual([
      ['192.0.2.1', 'query', 'example.org'],
      ['192.0.2.1', 'answer', 'example.org'],
    ]);
  });
});

describe('a file', () => {
  test('is told from whom it comes, with what carried it', () => {
    const [event] = written(conversation([ask('/a.txt'), ANSWER]), { records: ['fileinfo'], fileHashes: ['sha256'] });
    expect(event).toMatchObject({
      event_type: 'fileinfo',
      src_ip: '192.0.2.2',
      src_port: 80,
      dest_port: 40_000,
      app_proto: 'http',
      http: { url: '/a.txt', status: 200 },
      fileinfo: {
        filename: '/a.txt',
        gaps: false,
        state: 'CLOSED',
        magic: 'ASCII text, with no line terminators',
        sha256: createHash('sha256').update('ok').digest('hex'),
        stored: false,
        size: 2,
        tx_id: 0,
      },
    });
    expect(event!.fileinfo).not.toHaveProperty('md5');
  });

  test('has no digest that nobody asked for', () => {
    const [event] = written(conversation([ask('/a'), ANSWER]), { records: ['fileinfo'] });
    expect(Object.keys(event!.fileinfo)).toEqual(['filename', 'gaps', 'state', 'magic', 'stored', 'size', 'tx_id']);
  });

  test('has the digest that a rule asked for', () => {
    const rule = 'alert http any any -> any any (msg:"a"; filemd5:list; sid:1;)';
    const digest = createHash('md5').update('ok').digest('hex');
    const events = written(conversation([ask('/a'), ANSWER]), { records: ['fileinfo'] }, rule, {
      ruleFiles: { list: `${digest}\n` },
    });
    expect(events[0]!.fileinfo).toMatchObject({ md5: digest });
  });

  test('that is longer than what is kept is truncated, and has no digest', () => {
    const long = turn(TO_CLIENT, `HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`);
    const [event] = written(conversation([ask('/a'), long]), { records: ['fileinfo'], fileHashes: ['md5'] });
    expect(event!.fileinfo).toMatchObject({ state: 'TRUNCATED', size: 102_400 });
    expect(event!.fileinfo).not.toHaveProperty('md5');
  });

  test('each of a form is told', () => {
    const part = (name: string, content: string): string =>
      `--b\r\nContent-Disposition: form-data; name="f"; filename="${name}"\r\n\r\n${content}\r\n`;
    const body = `${part('one', '1')}${part('two', '22')}--b--\r\n`;
    const upload = turn(
      TO_SERVER,
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\n' +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    );
    const events = written(conversation([upload, NO_CONTENT]), { records: ['fileinfo'] });
    expect(events.map(({ src_port, fileinfo }) => [src_port, fileinfo.filename, fileinfo.size])).toEqual([
      [40_000, 'one', 1],
      [40_000, 'two', 2],
    ]);
  });
});

describe('a flow', () => {
  test('is told at its end', () => {
    const packets = conversation([ask('/a'), ANSWER]);
    const [event] = written(packets, { records: ['flow'] }, '', { expireAfterMs: 4_000_000 });
    const lengths = packets.map((packet) => packet.length);
    const isToServer = (index: number): boolean => packets[index]![15] === 1;
    const total = (wanted: boolean): number =>
      lengths.filter((_, index) => isToServer(index) === wanted).reduce((sum, length) => sum + length, 0);
    expect(event).toMatchObject({
      event_type: 'flow',
      src_ip: '192.0.2.1',
      app_proto: 'http',
      flow: {
        pkts_toserver: 6,
        pkts_toclient: 4,
        bytes_toserver: total(true),
        bytes_toclient: total(false),
        start: '2023-11-14T22:13:20.001000+0000',
        end: '2023-11-14T22:13:20.010000+0000',
        age: 0,
        state: 'closed',
        reason: 'timeout',
        alerted: false,
      },
    });
    expect(event).not.toHaveProperty('tx_id');
    expect(event!.flow).not.toHaveProperty('action');
  });

  test('says that a rule matched in it, and that it was dropped', () => {
    const rule = 'drop http any any -> any any (msg:"a"; http.uri; content:"/attack"; sid:1;)';
    const events = written(conversation([ask('/attack')]), { records: ['flow'] }, rule);
    expect(events.at(-1)!.flow).toMatchObject({ alerted: true, action: 'drop', reason: 'shutdown' });
  });

  test('whose protocol nobody knows says so', () => {
    const noise = Array.from({ length: 2 }, (_, i) => turn(i as Turn['direction'], '\x01\x02'.repeat(3000)));
    const [event] = written(conversation(noise), { records: ['flow'] });
    expect(event).toMatchObject({ app_proto: 'failed' });
  });

  test('of a connection after another between the same ports', () => {
    const again = conversation([ask('/b')], { initialSequences: [900_000, 800_000] });
    const events = written([...conversation([ask('/a'), ANSWER]), ...again], { records: ['flow', 'http'] });
    expect(events.map(({ http, flow }) => http?.url ?? flow.reason)).toEqual(['/a', 'tcp_reuse', '/b', 'shutdown']);
    expect(new Set(events.map(({ flow_id }) => flow_id)).size).toBe(2);
  });

  test('without ports has none, and no type that one of its packets may have had', () => {
    const [event] = written([buildIcmp({ type: 8 })], { records: ['flow'] });
    expect(event).toMatchObject({ proto: 'ICMP', flow: { state: 'new', pkts_toserver: 1 } });
    expect(event).not.toHaveProperty('icmp_type');
    expect(event).not.toHaveProperty('src_port');
  });
});

test('all is all', () => {
  const types = typesOf(written(conversation([ask('/a'), ANSWER]), { records: 'all' }));
  expect(types).toEqual(['fileinfo', 'http', 'flow']);
});

test('an alert shows how far its flow has got, seen from the client', () => {
  const rule = 'alert http any any -> any any (msg:"a"; file.data; content:"ok"; sid:1;)';
  const [alert] = written(conversation([ask('/a'), ANSWER]), {}, rule);
  expect(alert).toMatchObject({
    event_type: 'alert',
    src_ip: '192.0.2.2',
    flow: { pkts_toserver: 3, pkts_toclient: 3, src_ip: '192.0.2.1', dest_port: 80 },
  });
});

describe('packets behind an alert whose rule has tag', () => {
  const packets = [
    ...conversation([ask('/a'), ANSWER, ask('/b'), ANSWER]),
    ...datagrams([turn(TO_SERVER, 'x')]),
    ...conversation([ask('/c'), ANSWER], { clientPort: 41_000 }),
  ];
  const numbers = (tags: string): number[] => {
    const rules = `alert http any any -> any any (http.uri; content:"/a"; ${tags} sid:1;)`;
    const [alert, ...events] = written(packets, {}, rules);
    expect(alert!.event_type).toBe('alert');
    expect(typesOf(events)).toEqual(events.map(() => 'packet'));
    return events.map(({ pcap_cnt }) => pcap_cnt as number);
  };
  const all = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
  /** Of the first connection, which the alert is in. */
  const last = conversation([ask('/a'), ANSWER, ask('/b'), ANSWER]).length;

  test.each([
    ['', []],
    ['tag:session;', all(5, last)],
    ['tag:session,3,packets;', all(5, 7)],
    ['tag:session,1,bytes;', [5]],
    ['tag:host,1000,packets,src;', all(5, packets.length)],
    ['tag:host,1,packets,dst; tag:session,2,packets;', all(5, 6)],
  ])('%s', (tags, expected) => {
    expect(numbers(tags)).toEqual(expected);
  });

  test('by time', () => {
    // One packet a millisecond: none comes after a second.
    expect(numbers('tag:session,1,seconds;')).toEqual(all(5, last));
  });

  test('are shown as they came', () => {
    const rules = 'alert http any any -> any any (http.uri; content:"/a"; tag:session,1,packets; sid:1;)';
    const [, event] = written(packets, {}, rules);
    expect(event).toMatchObject({
      event_type: 'packet',
      pcap_cnt: 5,
      src_ip: '192.0.2.2',
      packet: Buffer.from(packets[4]!).toString('base64'),
      packet_info: { linktype: 12 },
    });
  });
});
