import { describe, expect, test, vi } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { TO_SERVER } from '../../src/base/direction.ts';
import { Evaluator } from '../../src/detect/evaluator.ts';
import { buildTcp } from '../support/packets.ts';
import { conversation, Player, playPackets } from '../support/play.ts';
import { alertsOf, alertsOfEach, down, everyCut, type Piece, pieces, up } from './support.ts';

const rule = (options: string, protocol = 'tcp'): string =>
  `alert ${protocol} any any -> any any (flow:established,to_server; ${options} sid:1;)`;

test('an attack in the SYN drops, and what the client sends again in the handshake too', () => {
  const rules = 'drop tcp any any -> any any (content:"attack"; sid:1;)';
  const syn = buildTcp({ flags: 'S', sequence: 1000, payload: 'an attack' });
  const next = buildTcp({ flags: 'S', sequence: 1000 });
  expect(playPackets([syn, next], { rules, mode: 'prevent' }).dropped).toEqual([1, 2]);
});

describe('a match that straddles segments', () => {
  const text = 'some noise before USER anonymous\r\nand behind';
  test.each([
    ['one content', 'content:"anonymous";'],
    ['two contents', 'content:"USER"; content:"nonymous";'],
    ['contents with distance and within', 'content:"USER"; content:"anonymous"; distance:1; within:9;'],
    ['a placed content', 'content:"USER"; offset:18; depth:4;'],
    ['a regular expression behind a content', 'content:"USER "; pcre:"/^anon[a-z]+/R";'],
    ['a regular expression alone', 'pcre:"/USER\\s+anonymous/";'],
    ['data behind a content', 'content:"USER"; isdataat:10,relative;'],
    ['a content that is longer than what is searched for', 'content:"noise before USER anonymous|0d 0a|and be";'],
  ])('%s is found at every cut', (_name, options) => {
    const connections = everyCut(text).map((parts) => parts.map(up));
    expect(alertsOfEach(rule(options), connections)).toEqual(connections.map(() => [1]));
  });

  test('and byte by byte', () => {
    const turns = [...text].map(up);
    expect(alertsOf(rule('content:"USER"; content:"anonymous"; distance:1;'), turns)).toEqual([1]);
  });

  test('drops the packet that completes it', () => {
    const drop = rule('content:"attack";').replace('alert', 'drop');
    const { dropped } = playPackets(conversation([up('att'), up('ack'), up('more')]), { rules: drop, mode: 'prevent' });
    // SYN, SYN-ACK, ACK, "att", its ACK, "ack".
    expect(dropped[0]).toBe(6);
  });
});

describe('places', () => {
  test.each([
    ['depth', 'content:"abc"; depth:5;', ['x', 'xabc'], true],
    ['depth, one byte behind', 'content:"abc"; depth:5;', ['x', 'xxabc'], false],
    ['offset', 'content:"abc"; offset:3;', ['ab', 'cabc'], true],
    ['offset, one byte before', 'content:"abc"; offset:4;', ['xxx', 'abc'], false],
  ])('count from the start of the stream: %s', (_name, options, parts, isFound) => {
    const text = rule(options, 'tcp-stream');
    expect(alertsOf(text, parts.map(up))).toEqual(isFound ? [1] : []);
  });

  test('count from the start of each packet too, as in Suricata', () => {
    expect(alertsOf(rule('content:"abc"; depth:3;'), [up('x'.repeat(100)), up('abc')])).toEqual([1]);
    expect(alertsOf(rule('content:"abc"; depth:3;', 'tcp-stream'), [up('x'.repeat(100)), up('abc')])).toEqual([]);
  });

  test('are kept in a long stream that has lost its beginning', () => {
    const long = up('x'.repeat(60_000));
    expect(alertsOf(rule('content:"abc"; offset:60000; depth:3;', 'tcp-stream'), [long, up('abc')])).toEqual([1]);
    expect(alertsOf(rule('content:"abc"; depth:3;', 'tcp-stream'), [long, up('abc')])).toEqual([]);
  });
});

describe('how often', () => {
  test('once for one occurrence, however much follows', () => {
    const turns = [up('an attack'), ...Array.from({ length: 20 }, () => up('more'))];
    expect(alertsOf(rule('content:"attack";'), turns)).toEqual([1]);
  });

  test('again for what comes behind it', () => {
    expect(alertsOf(rule('content:"attack";'), [up('an attack'), up('an attack')])).toEqual([1, 1]);
    expect(alertsOf(rule('content:"one"; content:"two";'), [up('one two'), up('two'), up('one')])).toEqual([1, 1]);
  });

  test('once for a rule without fast pattern', () => {
    expect(alertsOf(rule('content:!"attack";'), [up('one'), up('two')])).toEqual([1]);
  });

  test('once where stream and packet both fit', () => {
    expect(alertsOf(rule('content:"abc"; depth:3;'), [up('abc')])).toEqual([1]);
    expect(alertsOf('alert ip any any -> any any (content:"abc"; sid:1;)', [up('abc')])).toEqual([1]);
  });

  test('once for re-sent bytes', () => {
    const bytes = fromLatin1('an attack');
    const piece = { direction: TO_SERVER, offset: 0, bytes } as const;
    expect(playPackets(pieces([piece, piece]), { rules: rule('content:"attack";', 'tcp-stream') }).alerts).toEqual([1]);
  });
});

describe('a rule that waits for more', () => {
  test('is not lost behind three hundred others', () => {
    const many = Array.from(
      { length: 400 },
      (_, i) => `alert tcp any any -> any any (content:"word${i}."; content:"never"; sid:${i + 10};)`,
    );
    const words = Array.from({ length: 400 }, (_, i) => `word${i}.`).join('');
    const rules = [rule('content:"first"; content:"last";'), ...many].join('\n');
    expect(alertsOf(rules, [up('first'), up(words), up('last')])).toEqual([1]);
  });

  test('waits until its application protocol is known', () => {
    const http = 'alert http any any -> any any (content:"/attack"; sid:1;)';
    const request = 'OPTIONS /attack HTTP/1.1\r\nHost: a\r\n\r\n';
    const connections = everyCut(request).map((parts) => parts.map(up));
    expect(alertsOfEach(http, connections)).toEqual(connections.map(() => [1]));
  });

  test('looks at no more than its budget again where bytes come singly', () => {
    const many = Array.from(
      { length: 200 },
      (_, i) => `alert tcp any any -> any any (content:"first word ${i}."; content:"never"; sid:${i + 10};)`,
    ).join('\n');
    const words = Array.from({ length: 200 }, (_, i) => `first word ${i}.`).join('');
    const looks = vi.spyOn(Evaluator.prototype, 'matches');
    const singly = 3000;
    playPackets(conversation([up(words), ...Array.from({ length: singly }, () => up('x'))]), { rules: many });
    const lookedBytes = looks.mock.calls.reduce((sum, [, , start, end]) => sum + end - start, 0);
    looks.mockRestore();
    // Unbounded: 200 rules that look at 3 to 6 kB each with every byte, 2.7 GB.
    expect(lookedBytes).toBeGreaterThan(10 * 2 ** 20);
    expect(lookedBytes).toBeLessThan(100 * 2 ** 20);
  });
});

describe('limits', () => {
  test('behind the depth, rules on the stream look no more', () => {
    const config = { stream: { depthBytes: 2000 } };
    expect(alertsOf(rule('content:"abc";'), [up('x'.repeat(1990)), up('abc')], { config })).toEqual([1]);
    expect(alertsOf(rule('content:"abc";'), [up('x'.repeat(2000)), up('abc')], { config })).toEqual([]);
    expect(alertsOf(rule('content:"abc"; depth:3;'), [up('x'.repeat(1990)), up('abc')], { config })).toEqual([1]);
    expect(alertsOf(rule('content:"abc"; depth:3;'), [up('x'.repeat(2000)), up('abc')], { config })).toEqual([]);
    expect(alertsOf(rule('content:"abc"; dsize:3;'), [up('x'.repeat(2000)), up('abc')], { config })).toEqual([1]);
    const player = new Player({ rules: rule('content:"abc";'), config });
    for (const packet of conversation([up('x'.repeat(1990)), up('x'.repeat(20))]).slice(0, 7)) player.send(packet);
    player.played.pipeline.updateGauges();
    expect(player.played.pipeline.counters.get('detect.stream_window_memuse')).toBe(0);
  });

  test('a full memory is counted, and each piece still inspected', () => {
    const config = { stream: { memoryBytes: 1024 } };
    const { alerts, pipeline } = playPackets(conversation([up('x'.repeat(9000)), up('abc')]), {
      rules: rule('content:"abc";'),
      config,
    });
    expect(alerts).toEqual([1]);
    expect(pipeline.counters.get('detect.stream_window_memcap')).toBeGreaterThan(0);
  });

  test('a long stream holds no more than its tail', () => {
    const player = new Player({ rules: rule('content:"abc";') });
    const packets = conversation([up('x'.repeat(200_000))]);
    for (const packet of packets.slice(0, -3)) player.send(packet);
    player.played.pipeline.updateGauges();
    expect(player.played.pipeline.counters.get('detect.stream_window_memuse')).toBeLessThanOrEqual(16_384);
    for (const packet of packets.slice(-3)) player.send(packet);
    player.finish();
    player.played.pipeline.updateGauges();
    expect(player.played.pipeline.counters.get('detect.stream_window_memuse')).toBe(0);
  });
});

describe('order on the wire', () => {
  const bytes = fromLatin1('an attack in pieces');
  const piece = (start: number, end: number): Piece => ({
    direction: TO_SERVER,
    offset: start,
    bytes: bytes.subarray(start, end),
  });

  test('a packet that fills a hole is judged together with all that becomes contiguous', () => {
    const drop = rule('content:"attack in pieces";', 'tcp-stream').replace('alert', 'drop');
    const list = [piece(12, 19), piece(8, 12), piece(0, 5), piece(5, 8)];
    const { alerts, dropped } = playPackets(pieces(list), { rules: drop, mode: 'prevent' });
    expect({ alerts, dropped }).toEqual({ alerts: [1], dropped: [7] });
  });

  test('behind a gap nothing is put together with what was before it', () => {
    const rules = rule('content:"abcdef";', 'tcp-stream');
    const ack = conversation([up('abc'), up('x'), up('def'), down('.')]);
    // The packet with "x" is missing, and the server acknowledges all.
    const { alerts, anomalies } = playPackets(
      ack.filter((_, i) => i !== 5),
      { rules },
    );
    expect(alerts).toEqual([]);
    expect(anomalies.map(({ event }) => event)).toContain('stream.reassembly_seq_gap');
  });

  test('nothing is found in a connection whose handshake was not seen', () => {
    const packets = conversation([up('an attack')]).slice(3);
    expect(playPackets(packets, { rules: rule('content:"attack";') }).alerts).toEqual([]);
  });
});
