import { describe, expect, test } from 'vitest';
import { APP_PROTOCOLS } from '../../src/app/index.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import type { PortTable } from '../../src/detect/port-table.ts';
import { Ruleset } from '../../src/detect/ruleset.ts';
import type { Rule } from '../../src/rules/rule.ts';
import { IP_PROTOCOL } from '../../src/wire/packet.ts';
import { rulesOf } from '../support/rules.ts';

const { tcp, udp, icmp } = IP_PROTOCOL;
/** From port 1000. */
const hasRules = ({ portClasses }: Ruleset, ports: PortTable, destination = 80): boolean =>
  !ports.rulesFor(portClasses.pairOf(1000, destination)).isEmpty;
const rulesetOf = (text: string): Ruleset => Ruleset.of(rulesOf(text), APP_PROTOCOLS);

/** Where the one rule of the text is looked for, from port 1000 to port 80. */
function placesOf(text: string, protocol: number = tcp, direction: Direction = TO_SERVER): string[] {
  const ruleset = rulesetOf(text);
  const group = ruleset.packetGroup(protocol, 0, direction);
  const app = ruleset.appGroup('http', 0, direction);
  const places: [string, boolean][] = [
    ['stream', hasRules(ruleset, group.streamPorts)],
    ['stream unpatterned', hasRules(ruleset, group.streamUnpatterned)],
    ['packet', group.packet !== null && hasRules(ruleset, group.packetPorts)],
    ['placed', hasRules(ruleset, group.placedPorts)],
    ['packet unpatterned', hasRules(ruleset, group.packetUnpatterned)],
    ['address only', group.addressOnly.length > 0],
    ...(app === null ? [] : [...app.head, ...(app.gate?.searches ?? []), ...app.growing, ...app.complete]).map(
      ({ buffer }): [string, boolean] => [buffer.name, true],
    ),
    ['the payload before transactions', (app?.raw ?? null) !== null],
    ['transactions', (app?.unpatterned.length ?? 0) > 0],
  ];
  return places.flatMap(([name, isThere]) => (isThere ? [name] : []));
}

const rule = (header: string, options: string): string => `alert ${header} any any -> any any (${options} sid:1;)`;

describe('a rule on TCP is looked for in', () => {
  test.each([
    ['the stream', 'tcp', 'content:"abc";', ['stream']],
    ['stream and packets with depth', 'tcp', 'content:"abc"; depth:3;', ['stream', 'placed']],
    ['stream and packets with offset', 'tcp', 'content:"abc"; offset:3;', ['stream', 'placed']],
    ['the stream with within', 'tcp', 'content:"abc"; content:"d"; within:9;', ['stream']],
    ['the stream, with a regular expression alone', 'tcp', 'pcre:"/a+/";', ['stream unpatterned']],
    ['the stream, negated', 'tcp', 'content:!"abc";', ['stream unpatterned']],
    ['packets with dsize', 'tcp', 'content:"abc"; dsize:>3;', ['packet']],
    ['packets with flags', 'tcp', 'content:"abc"; flags:PA;', ['packet']],
    ['packets with ttl', 'tcp', 'content:"abc"; ttl:64;', ['packet']],
    ['packets with flags and no content', 'tcp', 'flags:S;', ['packet unpatterned']],
    ['packets with a port and no content', 'tcp', 'flow:to_server;', ['packet unpatterned']],
    ['packets for tcp-pkt', 'tcp-pkt', 'content:"abc";', ['packet']],
    ['the stream for tcp-stream, depth or not', 'tcp-stream', 'content:"abc"; depth:3;', ['stream']],
    ['the stream for only_stream', 'tcp', 'flow:only_stream; content:"abc"; depth:3;', ['stream']],
    ['packets for no_stream', 'tcp', 'flow:no_stream; content:"abc";', ['packet']],
    ['both for ip', 'ip', 'content:"abc";', ['stream', 'placed']],
    ['flows once for addresses alone', 'tcp', '', ['address only']],
    ['packets for a protocol alone', 'http', '', ['packet unpatterned']],
    ['the stream for http on payload', 'http', 'content:"abc";', ['stream']],
    ['its buffer', 'http', 'http.uri; content:"abc";', ['http.uri']],
    ['the buffer of its fast pattern', 'tcp', 'http.uri; content:"a"; http.header; content:"abc";', ['http.header']],
    ['every transaction without pattern', 'http', 'http.uri; pcre:"/a+/";', ['transactions']],
    [
      'the payload with a pattern of no buffer',
      'http',
      'http.method; content:"GET"; pkt_data; content:"abcdef";',
      ['the payload before transactions'],
    ],
  ])('%s', (_name, header, options, expected) => {
    expect(placesOf(rule(header, options))).toEqual(expected);
  });

  test.each([
    ['ip_proto:6;', ['packet unpatterned']],
    ['ip_proto:!47;', ['packet unpatterned']],
    ['ip_proto:41;', []],
    ['ip_proto:>6; content:"abc";', []],
    ['ip_proto:<100; ip_proto:!tcp;', []],
  ])('packets of the protocols that it asks for: %s', (options, expected) => {
    expect(placesOf(rule('ip', options))).toEqual(expected);
  });

  test('nothing of it concerns UDP', () => {
    expect(placesOf(rule('tcp', 'content:"abc";'), udp)).toEqual([]);
  });
});

describe('a rule on other protocols is looked for in packets', () => {
  test.each([
    ['udp', 'content:"abc";', udp, ['packet']],
    ['udp', 'pcre:"/a/";', udp, ['packet unpatterned']],
    ['ip', 'content:"abc";', udp, ['packet']],
    ['ip', 'flow:only_stream; content:"abc";', udp, []],
    ['icmp', 'itype:8;', icmp, ['packet unpatterned']],
    ['ip', 'content:"abc";', 47, ['packet']],
    ['udp', 'content:"abc";', 47, []],
  ])('%s with %s', (header, options, protocol, expected) => {
    expect(placesOf(rule(header, options), protocol)).toEqual(expected);
  });
});

describe('direction', () => {
  test.each([
    ['flow:to_server', 'flow:to_server; content:"abc";', ['stream'], []],
    ['flow:to_client', 'flow:to_client; content:"abc";', [], ['stream']],
    ['none', 'content:"abc";', ['stream'], ['stream']],
    ['a buffer of requests', 'http.uri; content:"abc";', ['http.uri'], []],
    ['a buffer of responses', 'http.stat_code; content:"404";', [], ['http.stat_code']],
    ['a buffer of both', 'http.header; content:"abc";', ['http.header'], ['http.header']],
  ])('%s', (_name, options, toServer, toClient) => {
    expect(placesOf(rule('tcp', options), tcp, TO_SERVER)).toEqual(toServer);
    expect(placesOf(rule('tcp', options), tcp, TO_CLIENT)).toEqual(toClient);
  });
});

test('a rule on transactions with a content of no buffer needs the stream', () => {
  const ruleset = rulesetOf('alert http any any -> any 80 (http.uri; content:"abc"; pkt_data; content:"d"; sid:1;)');
  const group = ruleset.packetGroup(tcp, 0, TO_SERVER);
  expect([hasRules(ruleset, group.streamReaders), hasRules(ruleset, group.streamReaders, 81)]).toEqual([true, false]);
});

describe('order', () => {
  const sids = (text: string, order?: string[]): number[] =>
    inOrder(Ruleset.of(rulesOf(text), APP_PROTOCOLS, order)).map(({ sid }) => sid);
  const inOrder = (ruleset: Ruleset): Rule[] =>
    Array.from({ length: ruleset.ruleCount }, (_, order) => ruleset.rule(order));
  const text = [
    'alert tcp any any -> any any (priority:1; sid:1;)',
    'reject tcp any any -> any any (sid:2;)',
    'drop tcp any any -> any any (priority:3; sid:3;)',
    'drop tcp any any -> any any (priority:1; sid:4;)',
    'pass tcp any any -> any any (sid:5;)',
    'alert tcp any any -> any any (priority:1; sid:6;)',
    'rejectboth tcp any any -> any any (priority:1; sid:7;)',
  ].join('\n');

  test('is by action, then by priority, then as written', () => {
    expect(sids(text)).toEqual([5, 4, 3, 7, 2, 1, 6]);
  });

  test('of actions can be set', () => {
    expect(sids(text, ['alert', 'reject', 'drop', 'pass'])).toEqual([1, 6, 7, 2, 4, 3, 5]);
  });
});

test('protocols that are asked for by turns have their own rules', () => {
  const ruleset = rulesetOf(
    [
      rule('http', 'http.uri; content:"abc";'),
      rule('dns', 'dns.query; content:"abc";').replace('sid:1', 'sid:2'),
      rule('tls', 'frame:tls.pdu; content:"abc";').replace('sid:1', 'sid:3'),
    ].join('\n'),
  );
  const buffersOf = (protocol: string): string[] =>
    (ruleset.appGroup(protocol, 0, TO_SERVER)?.head ?? []).map(({ buffer }) => buffer.name);
  for (let turn = 0; turn < 2; turn++) {
    expect(buffersOf('dns')).toEqual(['dns.query']);
    expect(ruleset.hasFrameRules('tls')).toBe(true);
    expect(buffersOf('http')).toEqual(['http.uri']);
    expect(ruleset.hasFrameRules('http')).toBe(false);
    expect(ruleset.appGroup('smtp', 0, TO_SERVER)).toBeNull();
    expect(ruleset.hasFrameRules('dns')).toBe(false);
    expect(buffersOf('dns')).toEqual(['dns.query']);
  }
});
