import { describe, expect, test } from 'vitest';
import { TO_SERVER } from '../../src/base/direction.ts';
import { LINK } from '../../src/wire/packet.ts';
import { message, question } from '../app/dns-messages.ts';
import { compileText } from '../rules/support.ts';
import { buildTcp, buildUdp } from '../support/packets.ts';
import { conversation, datagrams, Player, playPackets, type Turn } from '../support/play.ts';
import { alertsOf, down, up } from './support.ts';

/** A datagram whose length field says more than was sent. */
const truncated = buildUdp({ payload: 'attack', lengthBytes: 100, destinationPort: 53 });
const TRUNCATED = 'decode-event:udp.pkt_too_small;';

describe('decode-event', () => {
  test('meets a packet that a check drops, and the alert says that it was blocked', () => {
    const rules = `alert pkthdr any any -> any any (${TRUNCATED} sid:1;)`;
    const { alerts, blockedAlerts, dropped, dropReasons } = playPackets([truncated], { rules });
    expect({ alerts, blockedAlerts, dropped, dropReasons }).toEqual({
      alerts: [1],
      blockedAlerts: [1],
      dropped: [1],
      dropReasons: ['udp.pkt_too_small'],
    });
  });

  test('meets it where the check only reports, and a drop rule blocks it in prevent mode', () => {
    const rules = `drop pkthdr any any -> any any (${TRUNCATED} sid:1;)`;
    const config = { checks: { policy: 'report' } } as const;
    expect(playPackets([truncated], { rules, config }).blockedAlerts).toEqual([]);
    const { blockedAlerts, dropReasons } = playPackets([truncated], { rules, config, mode: 'prevent' });
    expect({ blockedAlerts, dropReasons }).toEqual({ blockedAlerts: [1], dropReasons: ['rules'] });
  });

  test('meets it where the checks are off', () => {
    const rules = `alert pkthdr any any -> any any (${TRUNCATED} sid:1;)`;
    const { alerts, anomalies } = playPackets([truncated], { rules, config: { checks: { policy: 'off' } } });
    expect({ alerts, anomalies }).toEqual({ alerts: [1], anomalies: [] });
  });

  test.each([
    ['pkthdr any any -> any any', [1]],
    ['ip any any -> any any', [1]],
    ['ip any any -> 192.0.2.0/24 any', []],
    ['udp any any -> any any', []],
  ])('a frame without an IP header meets rules for everybody: %s', (header, expected) => {
    const rules = `alert ${header} (decode-event:ethernet.pkt_too_small; sid:1;)`;
    expect(playPackets([new Uint8Array(5)], { rules, linkType: LINK.ethernet }).alerts).toEqual(expected);
  });

  test('the other conditions of the rule hold as ever', () => {
    const lsrr = Uint8Array.of(0x83, 3, 4, 0);
    const packet = (payload: string) => buildTcp({ payload, ipOptions: lsrr, flags: 'SF' });
    const options = 'decode-event:ipv4.opt_source_route; decode-event:tcp.syn_fin; content:"abc";';
    const rules = `alert tcp any any -> any any (${options} sid:1;)
alert tcp any any -> any any (decode-event:tcp.syn_fin; decode-event:tcp.port_zero; sid:2;)
alert tcp 203.0.113.0/24 any -> any any (decode-event:tcp.syn_fin; sid:3;)`;
    expect(playPackets([packet('xabcx'), packet('xx')], { rules }).alerts).toEqual([1]);
  });

  test('a pass rule exempts the packet from other rules, and not from the check', () => {
    const rules = `pass pkthdr any any -> any any (${TRUNCATED} sid:1;)
alert pkthdr any any -> any any (${TRUNCATED} sid:2;)`;
    const { alerts, dropped } = playPackets([truncated], { rules });
    expect({ alerts, dropped }).toEqual({ alerts: [], dropped: [1] });
  });

  test('packets without events, and other events, are nothing to such rules', () => {
    const rules = `alert ip any any -> any any (${TRUNCATED} sid:1;)`;
    const trailing = buildUdp({ payload: 'attack', lengthBytes: 10 });
    expect(playPackets([buildUdp({ payload: 'x' }), trailing], { rules }).alerts).toEqual([]);
  });
});

describe('stream-event', () => {
  const resent = () => {
    const packets = conversation([up('abc')]);
    packets.splice(4, 0, packets[3]!);
    return packets;
  };

  test('meets the packet in which TCP tracking found it', () => {
    const rules = `alert tcp any any -> any any (stream-event:pkt_retransmission; sid:1;)
alert tcp any any -> any any (flow:established,to_client; stream-event:pkt_retransmission; sid:2;)
alert tcp any any -> any any (flow:established,to_server; stream-event:pkt_retransmission; content:"abc"; sid:3;)`;
    expect(playPackets(resent(), { rules }).alerts).toEqual([1, 3]);
    expect(playPackets(conversation([up('abc')]), { rules }).alerts).toEqual([]);
  });

  test('tells once in each direction that rules look no further', () => {
    const rules = 'alert tcp any any -> any any (stream-event:reassembly_depth_reached; sid:1;)';
    const config = { stream: { depthBytes: 50 } };
    const talk = [up('x'.repeat(50)), up('y'), down('x'.repeat(200)), up('z'.repeat(100))];
    const { alerts, anomalies } = playPackets(conversation(talk), { rules, config });
    expect({ alerts, anomalies }).toEqual({ alerts: [1, 1], anomalies: [] });
  });

  test('names events of ours too', () => {
    const packets = conversation([up('abcd')]);
    const other = buildTcp({
      source: '192.0.2.1',
      destination: '192.0.2.2',
      sourcePort: 40_000,
      destinationPort: 80,
      sequence: 1003,
      acknowledgement: 5001,
      payload: 'XX',
    });
    const early = buildTcp({
      source: '192.0.2.1',
      destination: '192.0.2.2',
      sourcePort: 40_000,
      destinationPort: 80,
      sequence: 1003,
      acknowledgement: 5001,
      payload: 'cd',
    });
    const rules = `alert tcp any any -> any any (stream-event:tcp.retransmit_differs; sid:1;)
alert tcp any any -> any any (stream-event:reassembly_overlap_different_data; sid:2;)`;
    const { alerts } = playPackets([...packets.slice(0, 3), early, other], { rules });
    expect(alerts).toEqual([1, 2]);
  });
});

describe('app-layer-event', () => {
  const noHost = 'GET /a HTTP/1.1\r\n\r\n';
  const good = 'GET /b HTTP/1.1\r\nHost: a\r\n\r\n';
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
  const rule = (options: string, header = 'http any any -> any any') =>
    `alert ${header} (${options} app-layer-event:http.missing_host_header; sid:1;)`;

  test('matches once in a transaction', () => {
    expect(alertsOf(rule(''), [up(noHost), down(answer), up(good), down(answer), up(noHost)])).toEqual([1, 1]);
    expect(alertsOf(rule(''), [up(good), down(answer)])).toEqual([]);
  });

  test('however the request is cut', () => {
    for (let segmentBytes = 1; segmentBytes < noHost.length; segmentBytes++) {
      const { alerts } = playPackets(conversation([up(noHost), up(good)], { segmentBytes }), { rules: rule('') });
      expect(alerts).toEqual([1]);
    }
  });

  test.each([
    ['flow:established,to_server;', 'http any any -> any any', [1]],
    ['flow:established,to_client;', 'http any any -> any any', [1]],
    ['flow:established,to_client; http.stat_code; content:"200";', 'http any any -> any any', []],
    ['', 'tcp any any -> any 80', [1]],
    ['', 'tcp any any -> any 81', []],
    ['', 'ip any any -> any any', [1]],
    ['http.uri; content:"/a";', 'http any any -> any any', [1]],
    ['http.uri; content:"/b";', 'http any any -> any any', []],
    ['content:"GET /a";', 'tcp any any -> any any', [1]],
    ['content:"GET /b";', 'tcp any any -> any any', []],
  ])('%s %s', (options, header, expected) => {
    expect(alertsOf(rule(options, header), [up(noHost), down(answer)])).toEqual(expected);
  });

  test('two events of one transaction', () => {
    const both = rule('app-layer-event:http.uri_double_encoding;');
    expect(alertsOf(both, [up('GET /%2561 HTTP/1.1\r\n\r\n')])).toEqual([1]);
    expect(alertsOf(both, [up(noHost), down(answer), up('GET /%2561 HTTP/1.1\r\nHost: a\r\n\r\n')])).toEqual([]);
  });

  test('an event belongs to both directions of its transaction', () => {
    const layers = 'app-layer-event:http.too_many_encoding_layers;';
    const rules = `alert http any any -> any any (flow:established,to_server; ${layers} sid:1;)
alert http any any -> any any (flow:established,to_client; ${layers} sid:2;)
alert http any any -> any any (flow:established; ${layers} sid:3;)`;
    const encoded = 'HTTP/1.1 200 OK\r\nContent-Encoding: identity, gzip, identity, gzip\r\nContent-Length: 1\r\n\r\nx';
    expect(alertsOf(rules, [up(good), down(encoded)])).toEqual([1, 2, 3]);
  });

  test('but of DNS, question and answer are apart', () => {
    const rules = ['to_server', 'to_client'].map((direction, i) => {
      return `alert dns any any -> any any (flow:${direction}; app-layer-event:dns.z_flag_set; sid:${i + 1};)`;
    });
    const asked: Turn = { direction: TO_SERVER, bytes: message({ flags: 0x0140 }, question('a')) };
    expect(playPackets(datagrams([asked]), { rules: rules.join('\n') }).alerts).toEqual([1]);
  });

  test('two requests at once are two transactions', () => {
    expect(alertsOf(rule(''), [up(noHost + noHost)])).toEqual([1, 1]);
  });

  test('a drop rule blocks and condemns the flow', () => {
    const player = new Player({ rules: rule('').replace('alert', 'drop'), mode: 'prevent' });
    const arrived = conversation([up(noHost), down(answer)]).map((packet) => player.send(packet));
    expect(arrived.indexOf(false)).toBe(3);
    expect(arrived.slice(3)).not.toContain(true);
  });
});

describe('names', () => {
  const diagnosticOf = (options: string, protocol = 'ip') => {
    const { rules, diagnostics } = compileText(`alert ${protocol} any any -> any any (${options} sid:1;)`);
    return { isLoaded: rules.length === 1, ...diagnostics[0] };
  };

  test.each([
    'decode-event:arp.pkt_too_small;',
    'stream-event:reassembly_no_segment;',
    'app-layer-event:http.lzma_memlimit_reached;',
    'engine-event:stream.wrong_thread;',
  ])("Suricata's that never happen here load with a warning: %s", (options) => {
    const { isLoaded, severity, message } = diagnosticOf(options);
    expect({ isLoaded, severity }).toEqual({ isLoaded: true, severity: 'warning' });
    expect(message).toContain('never raises');
  });

  test.each([
    ['decode-event:ipv4.trunk_pkt;', 'did you mean ipv4.trunc_pkt?'],
    ['stream-event:pkt_invalid_acks;', 'did you mean stream.pkt_invalid_ack?'],
    ['app-layer-event:http.missing_host;', 'there is no event "http.missing_host"'],
    ['decode-event:nonsense;', 'there is no event "nonsense"'],
    ['decode-event:pkt_invalid_ack;', 'there is no event'],
    ['app-layer-event:nfs.malformed_data;', 'protocol nfs is not inspected yet'],
    ['decode-event;', 'needs a value'],
  ])('unknown ones are errors: %s', (options, message) => {
    const diagnostic = diagnosticOf(options);
    expect(diagnostic).toMatchObject({ isLoaded: false, severity: 'error' });
    expect(diagnostic.message).toContain(message);
  });

  test('an event of another protocol than the rule', () => {
    expect(diagnosticOf('app-layer-event:http.missing_host_header;', 'dns').message).toBe(
      'http.missing_host_header is an event of http, and the rule is for dns',
    );
    expect(diagnosticOf('app-layer-event:http.missing_host_header;', 'udp').isLoaded).toBe(false);
  });

  test('case does not matter', () => {
    expect(diagnosticOf('decode-event:IPV4.Trunc_Pkt;')).toEqual({ isLoaded: true });
  });
});
