import { describe, expect, test, vi } from 'vitest';
import { fromLatin1 } from '../src/base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../src/base/direction.ts';
import type { Config, Mode } from '../src/config/config.ts';
import type { Overrides } from '../src/config/overrides.ts';
import { LINK } from '../src/wire/packet.ts';
import { usedMemory } from './support/heap.ts';
import { buildIcmp, buildTcp, buildUdp } from './support/packets.ts';
import { conversation, datagrams, Player, type PlayOptions, playPackets, type Turn } from './support/play.ts';

const RULE =
  'drop http any any -> any any (msg:"attack"; flow:established,to_server; http.uri; content:"/attack"; sid:1;)';
const request = (target: string): Turn => ({
  direction: TO_SERVER,
  bytes: fromLatin1(`GET ${target} HTTP/1.1\r\nHost: shop.example\r\n\r\n`),
});
const RESPONSE: Turn = {
  direction: TO_CLIENT,
  bytes: fromLatin1('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
};
const modes = ['detect', 'prevent'] as const;

describe('rules', () => {
  const packets = conversation([request('/page'), RESPONSE, request('/attack'), RESPONSE]);
  // SYN, SYN-ACK, ACK, request, ACK, response, ACK, then the attack.
  const attackPacket = 8;

  test('detect mode reports an attack and lets it pass', () => {
    const { alerts, blockedAlerts, dropped } = playPackets(packets, { rules: RULE });
    expect({ alerts, blockedAlerts, dropped }).toEqual({ alerts: [1], blockedAlerts: [], dropped: [] });
  });

  test('prevent mode drops it and everything behind it in both directions', () => {
    const { alerts, blockedAlerts, dropped, dropReasons } = playPackets(packets, { rules: RULE, mode: 'prevent' });
    expect({ alerts, blockedAlerts }).toEqual({ alerts: [1], blockedAlerts: [1] });
    expect(dropped).toEqual(packets.map((_, i) => i + 1).filter((number) => number >= attackPacket));
    expect(dropReasons).toEqual(['rules', ...Array(dropped.length - 1).fill('flow drop')]);
  });

  test('other flows between the same hosts go on', () => {
    const player = new Player({ rules: RULE, mode: 'prevent' });
    for (const packet of packets) player.send(packet);
    const others = conversation([request('/page'), RESPONSE], { clientPort: 40_001 });
    expect(others.map((packet) => player.send(packet))).toEqual(others.map(() => true));
  });

  test('the same attack is found over IPv6', () => {
    const overV6 = conversation([request('/attack')], { ipv6: true });
    expect(playPackets(overV6, { rules: RULE, mode: 'prevent' }).blockedAlerts).toEqual([1]);
  });

  test('a mode changed in between decides about the packets behind it', () => {
    const player = new Player({ rules: RULE });
    const first = conversation([request('/attack')]);
    expect(first.map((packet) => player.send(packet))).toEqual(first.map(() => true));
    player.played.pipeline.setMode('prevent');
    const second = conversation([request('/attack')], { clientPort: 40_001 });
    expect(second.map((packet) => player.send(packet)).slice(0, 4)).toEqual([true, true, true, false]);
  });

  test('nothing is found before the handshake is complete', () => {
    const withoutHandshake = packets.slice(3);
    expect(playPackets(withoutHandshake, { rules: RULE }).alerts).toEqual([]);
    expect(playPackets(withoutHandshake, { rules: RULE, midstreamUntilMs: Number.POSITIVE_INFINITY }).alerts).toEqual([
      1,
    ]);
  });
});

test('in the middle of a connection, a client is no server because its port is a lower one', () => {
  const [, , , attack] = conversation([request('/attack')], { clientPort: 53 });
  const player = new Player({ rules: RULE.replace('flow:established,to_server; ', ''), midstreamUntilMs: Infinity });
  player.send(attack!);
  expect(player.played.alerts).toEqual([1]);
});

describe('a flow that ends without a packet', () => {
  // The client falls silent within the head of its request.
  const silent = (clientPort: number) =>
    conversation([{ direction: TO_SERVER, bytes: fromLatin1('GET /attack HTTP/1.1\r\nHost: shop') }], { clientPort });
  const started = (clientPort: number) => silent(clientPort).slice(0, 4);

  test.each(modes)('is judged when it is forgotten, in %s mode with nothing left to drop', (mode) => {
    const player = new Player({
      rules: RULE,
      mode,
      config: { timeouts: { tcpEstablishedMs: 1000, tcpSilentMs: 1000 } },
    });
    for (const packet of started(40_000)) expect(player.send(packet)).toBe(true);
    expect(player.played.alerts).toEqual([]);
    player.played.pipeline.expire(1_700_000_005_000);
    expect(player.played).toMatchObject({ alerts: [1], blockedAlerts: [], dropped: [] });
  });

  test('is judged at the end of a capture, whether its packet was the last or not', () => {
    const player = new Player({ rules: RULE });
    for (const packet of [...started(40_000), ...started(40_001)]) player.send(packet);
    expect(player.finish().alerts).toEqual([1, 1]);
  });

  test('takes nothing from the packet during which it is forgotten', () => {
    const player = new Player({
      rules: RULE,
      mode: 'prevent',
      config: { timeouts: { tcpEstablishedMs: 50, tcpSilentMs: 50 } },
    });
    for (const packet of started(40_000)) player.send(packet);
    const attack = conversation([request('/attack')], { clientPort: 40_001 });
    for (const packet of attack.slice(0, 3)) player.send(packet);
    for (let i = 0; i < 60; i++) player.send(attack[2]!);
    expect(player.played).toMatchObject({ alerts: [1], blockedAlerts: [] });
    expect(player.send(attack[3]!)).toBe(false);
    expect(player.played).toMatchObject({ alerts: [1, 1], blockedAlerts: [1] });
  });

  test('takes nothing from the handshake of the connection that takes its ports', () => {
    const player = new Player({ rules: RULE, mode: 'prevent' });
    for (const packet of started(40_000)) player.send(packet);
    const next = conversation([request('/page'), RESPONSE], { initialSequences: [900_000_000, 700_000_000] });
    expect(next.map((packet) => player.send(packet))).toEqual(next.map(() => true));
    expect(player.played).toMatchObject({ alerts: [1], blockedAlerts: [] });
  });

  test('is no match for a rule that its flow was exempted from', () => {
    const pass = `pass tcp any any -> any any (sid:2;)\n${RULE}`;
    const player = new Player({ rules: pass });
    for (const packet of started(40_000)) player.send(packet);
    expect(player.finish().alerts).toEqual([]);
  });
});

describe('a connection whose beginning was not seen', () => {
  const packets = conversation([request('/attack'), RESPONSE]).slice(3);
  const dropAll = packets.map((_, i) => i + 1);
  const play = (stream: Overrides<Config['stream']>, isFollowed: boolean, mode: Mode = 'prevent', limits?: 'open') =>
    playPackets(packets, {
      rules: RULE,
      mode,
      config: { stream, ...(limits !== undefined && { failure: { limits } }) },
      ...(isFollowed && { midstreamUntilMs: Number.POSITIVE_INFINITY }),
    });

  test('drops in prevent mode where it is not followed, as what cannot be inspected does', () => {
    const { dropped, dropReasons } = play({}, false);
    expect(dropped).toEqual(dropAll);
    expect(new Set(dropReasons)).toEqual(new Set(['stream midstream', 'flow drop']));
    expect(play({}, false, 'detect').dropped).toEqual([]);
    expect(play({}, false, 'prevent', 'open').dropped).toEqual([]);
  });

  test('is inspected where it is followed', () => {
    expect(play({}, true).blockedAlerts).toEqual([1]);
  });

  test.each([
    ['ignore', []],
    ['pass', []],
    ['drop', dropAll],
  ] as const)('by the policy "%s", not followed', (midstreamPolicy, dropped) => {
    expect(play({ midstreamPolicy }, false).dropped).toEqual(dropped);
  });

  test.each([
    ['ignore', [1]],
    ['pass', []],
  ] as const)('by the policy "%s", followed', (midstreamPolicy, blocked) => {
    expect(play({ midstreamPolicy }, true).blockedAlerts).toEqual(blocked);
  });

  test('by the policy "drop", followed: it drops from its first packet on', () => {
    const reply = playPackets(packets.slice(1), {
      rules: RULE,
      mode: 'prevent',
      config: { stream: { midstreamPolicy: 'drop' } },
      midstreamUntilMs: Number.POSITIVE_INFINITY,
    });
    expect(reply.dropped).toEqual(dropAll.slice(1).map((number) => number - 1));
    expect(reply.dropReasons[0]).toBe('stream midstream');
    expect(play({ midstreamPolicy: 'drop' }, true, 'detect').dropped).toEqual([]);
  });

  test.each(['R', 'RA', 'FA'])('is not what only ends one, %s: that passes', (flags) => {
    const last = buildTcp({ flags, sequence: 5, acknowledgement: flags === 'R' ? 0 : 7, payload: '' });
    expect(playPackets([last], { mode: 'prevent' }).dropped).toEqual([]);
  });
});

describe('a connection of which packets passed uninspected', () => {
  const play = (midstreamPolicy: Config['stream']['midstreamPolicy'], target: string, isTold = true) => {
    const player = new Player({
      rules: RULE,
      mode: 'prevent',
      config: { stream: { midstreamPolicy } },
      midstreamUntilMs: Number.POSITIVE_INFINITY,
    });
    for (const packet of conversation([request('/page'), RESPONSE]).slice(0, 7)) player.send(packet);
    if (isTold) player.played.pipeline.noteLapse(0);
    // Both sides have sent 300,000 bytes meanwhile.
    const [later] = conversation([request(target)], { initialSequences: [301_000, 305_000] }).slice(3);
    player.send(later!);
    const { dropped, dropReasons, blockedAlerts, anomalies } = player.finish();
    return { dropped, dropReasons, blockedAlerts, events: anomalies.map(({ event }) => event) };
  };

  test('drops where nobody said so, without being read', () => {
    expect(play('auto', '/attack', false)).toMatchObject({ dropped: [8], blockedAlerts: [] });
  });

  test('is inspected from where it is, and told of', () => {
    const { events, ...rest } = play('auto', '/attack');
    expect(rest).toEqual({ dropped: [8], dropReasons: ['rules'], blockedAlerts: [1] });
    expect(events).toContain('tcp.picked_up_again');
    expect(play('auto', '/page').dropped).toEqual([]);
  });

  test.each([
    ['pass', '/attack', [], []],
    ['ignore', '/attack', [8], ['rules']],
    ['drop', '/page', [8], ['stream midstream']],
  ] as const)('by the policy "%s", with a request for %s', (policy, target, dropped, dropReasons) => {
    expect(play(policy, target)).toMatchObject({ dropped, dropReasons });
  });
});

test('one packet whose time is far back ends no connection', () => {
  const player = new Player({ rules: RULE });
  const [syn, ...others] = conversation([request('/attack'), RESPONSE]);
  const startMs = player.timeMs;
  player.send(syn!);
  for (const [n, packet] of others.entries()) {
    player.timeMs = n === 0 ? startMs - 10_000_000_000 : startMs + n;
    player.send(packet);
  }
  expect(player.finish().alerts).toHaveLength(1);
});

test('what fails half-way and does not arrive does not arrive when it is sent again', () => {
  const [syn, synAck, ack, request] = conversation([
    { direction: TO_SERVER, bytes: fromLatin1('GET / HTTP/1.1\r\n\r\n') },
  ]);
  const player = new Player();
  const { pipeline } = player.played;
  for (const packet of [syn!, synAck!, ack!]) expect(player.send(packet)).toBe(true);
  vi.spyOn(pipeline.content.reporter, 'judgement').mockImplementationOnce(() => {
    throw new Error('a mistake of ours');
  });
  expect(() => player.send(request!)).toThrow('a mistake of ours');
  pipeline.condemnFailed();
  expect(player.send(request!)).toBe(false);
  expect(player.played.dropReasons).toEqual(['flow drop']);
});

test('what fails at the end of a silent connection costs one packet, and leaves nothing to the next one', () => {
  const timeouts = { tcpSilentMs: 3_600_000 };
  const player = new Player({ rules: RULE, mode: 'prevent', config: { timeouts } });
  const { pipeline } = player.played;
  // All that the next connection says would be the rest of its body.
  const upload = fromLatin1('POST /page HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 100000\r\n\r\n');
  const first = conversation([{ direction: TO_SERVER, bytes: upload }]);
  for (const packet of first.slice(0, 4)) expect(player.send(packet)).toBe(true);
  const fails = vi.spyOn(pipeline.content.apps, 'end').mockImplementation(() => {
    throw new Error('a mistake of ours');
  });
  player.timeMs += 4_000_000;
  const [syn, ...others] = conversation([request('/page'), request('/attack')]);
  expect(() => player.send(syn!)).toThrow('a mistake of ours');
  pipeline.condemnFailed();
  pipeline.updateGauges();
  expect(pipeline.counters.get('flow.active')).toBe(0);
  fails.mockRestore();
  player.timeMs += 1_000;
  expect([syn!, ...others].map((packet) => player.send(packet)).slice(0, 6)).toEqual([...Array(5).fill(true), false]);
  expect(player.played.blockedAlerts).toEqual([1]);
});

describe('a flood of handshakes', () => {
  const config = { flow: { maxTcpFlows: 8 } };
  const syn = (port: number) => conversation([], { clientPort: port })[0]!;

  test('keeps no new client out, and hides no attack', () => {
    const player = new Player({ rules: RULE, mode: 'prevent', config, stepMs: 100 });
    const client = conversation([request('/attack')]);
    const flood = (first: number) => {
      for (let port = first; port < first + 12; port++) expect(player.send(syn(port))).toBe(true);
    };
    flood(1000);
    expect(player.send(client[0]!)).toBe(true);
    // Long enough to push the handshake out.
    flood(2000);
    expect(player.send(client[1]!)).toBe(true);
    flood(3000);
    expect(player.send(client[2]!)).toBe(true);
    expect(player.send(client[3]!)).toBe(false);
    expect(player.played.blockedAlerts).toEqual([1]);
    expect(player.played.anomalies).toContainEqual({ type: 'stream', event: 'flow.recycled', isBlocked: false });
  });

  test('takes no place of an established connection', () => {
    const player = new Player({ config, stepMs: 100 });
    for (let port = 1; port <= 8; port++) {
      const shaken = conversation([], { clientPort: port }).slice(0, 3);
      expect(shaken.map((packet) => player.send(packet))).toEqual([true, true, true]);
    }
    for (let port = 1000; port < 1020; port++) expect(player.send(syn(port))).toBe(false);
    expect(new Set(player.played.dropReasons)).toEqual(new Set(['flow.tcp_limit']));
    expect(conversation([request('/page')], { clientPort: 5 }).map((packet) => player.send(packet))).not.toContain(
      false,
    );
  });
});

describe('many condemned connections', () => {
  const config = { flow: { maxTcpFlows: 32 } };
  const client = conversation([request('/page')], { clientPort: 999 });
  const attack = (clientPort: number): Uint8Array[] => conversation([request('/attack')], { clientPort });

  test('keep no client out, and stay condemned', () => {
    const player = new Player({ rules: RULE, mode: 'prevent', config, stepMs: 100 });
    // As in live traffic: what is not known is followed from where it is.
    player.played.pipeline.noteLapse(Number.MAX_SAFE_INTEGER);
    for (let port = 1000; port < 1060; port++) {
      const arrived = attack(port).map((packet) => player.send(packet));
      expect(arrived.slice(0, 4)).toEqual([true, true, true, false]);
    }
    expect(client.map((packet) => player.send(packet))).not.toContain(false);
    for (let port = 1000; port < 1060; port++) expect(player.send(attack(port)[3]!)).toBe(false);
    // No rule had to find it again.
    expect(new Set(player.played.dropReasons.slice(-60))).toEqual(new Set(['flow drop']));
    expect(player.played.dropReasons).not.toContain('flow.tcp_limit');
  });

  test('that a rule lets not even begin, from forged addresses, keep no client out', () => {
    const rules = 'drop tcp any any -> any 23 (sid:1;)';
    const player = new Player({ rules, mode: 'prevent', config, stepMs: 40 });
    for (let clientPort = 1000; clientPort < 1100; clientPort++) {
      expect(player.send(conversation([], { clientPort, serverPort: 23 })[0]!)).toBe(false);
    }
    expect(client.map((packet) => player.send(packet))).not.toContain(false);
    expect(player.played.dropReasons.filter((reason) => reason !== 'rules')).toEqual([]);
  });
});

describe('reject rules', () => {
  const rules = RULE.replace('drop', 'reject');
  const packets = conversation([request('/attack'), RESPONSE]);
  const reset = (direction: 0 | 1): Uint8Array =>
    buildTcp({
      source: direction === 0 ? '192.0.2.1' : '192.0.2.2',
      destination: direction === 0 ? '192.0.2.2' : '192.0.2.1',
      sourcePort: direction === 0 ? 40_000 : 80,
      destinationPort: direction === 0 ? 80 : 40_000,
      flags: 'RA',
    });

  test('whoever sends on the connection is told, and the resets that tell it pass', () => {
    const player = new Player({ rules, mode: 'prevent' });
    const { judgement } = player.played.pipeline;
    const outcomes = packets.map((packet) => [player.send(packet), judgement.rejects]);
    expect(outcomes.slice(0, 3)).toEqual([
      [true, false],
      [true, false],
      [true, false],
    ]);
    expect(outcomes.slice(3)).toEqual(outcomes.slice(3).map(() => [false, true]));
    expect([player.send(reset(TO_CLIENT)), judgement.rejects]).toEqual([true, false]);
    expect(player.send(reset(TO_SERVER))).toBe(true);
  });

  test('a reset with data does not pass', () => {
    const player = new Player({ rules, mode: 'prevent' });
    for (const packet of packets) player.send(packet);
    const withData = buildTcp({
      source: '192.0.2.1',
      destination: '192.0.2.2',
      sourcePort: 40_000,
      destinationPort: 80,
      flags: 'R',
      payload: 'x',
    });
    expect(player.send(withData)).toBe(false);
  });

  test('detect mode rejects nothing', () => {
    const player = new Player({ rules });
    for (const packet of packets) {
      expect(player.send(packet)).toBe(true);
      expect(player.played.pipeline.judgement.rejects).toBe(false);
    }
    expect(player.played.alerts).toEqual([1]);
  });
});

describe('answers to DNS queries of this host', () => {
  const ANSWER_RULE = 'drop ip any any -> any any (msg:"answer"; content:"answer"; sid:1;)';
  const ask: Turn = { direction: TO_SERVER, bytes: fromLatin1('a question') };
  const answer: Turn = { direction: TO_CLIENT, bytes: fromLatin1('an answer') };
  const ETH0 = 2;
  const prevent = { mode: 'prevent', rules: ANSWER_RULE, outInterface: ETH0 } as const;

  test('are reported and never blocked by a rule, over UDP and TCP', () => {
    for (const packets of [datagrams([ask, answer, answer]), conversation([ask, answer], { serverPort: 53 })]) {
      const { alerts, blockedAlerts, dropped } = playPackets(packets, prevent);
      expect(alerts.length).toBeGreaterThan(0);
      expect({ blockedAlerts, dropped }).toEqual({ blockedAlerts: [], dropped: [] });
    }
  });

  test('arrive although a rule dropped a query', () => {
    const rules = 'drop udp any any -> any 53 (msg:"query"; sid:1;)';
    expect(playPackets(datagrams([ask, ask, answer]), { ...prevent, rules }).dropped).toEqual([1, 2]);
  });

  test.each([
    ['the same from another port', datagrams([ask, answer], { serverPort: 54 })],
    ['somebody who sends from port 53 unasked', datagrams([answer])],
    ['questions', datagrams([{ direction: TO_SERVER, bytes: answer.bytes }])],
    ['a TCP connection whose beginning was not seen', conversation([ask, answer], { serverPort: 53 }).slice(2)],
  ])('are nothing else: %s', (_name, packets) => {
    const { blockedAlerts } = playPackets(packets, { ...prevent, midstreamUntilMs: Number.POSITIVE_INFINITY });
    expect(blockedAlerts).toEqual([1]);
  });

  test('are not those of a DNS server on this host', () => {
    const player = new Player(prevent);
    const [query, reply] = datagrams([ask, answer]);
    expect([player.send(query!, ETH0), player.send(reply!)]).toEqual([true, false]);
  });

  test('are unknown in a capture', () => {
    expect(playPackets(datagrams([ask, answer]), { ...prevent, outInterface: 0 }).dropped).toEqual([2]);
  });

  test('are dropped when they are malformed', () => {
    const [query] = datagrams([ask]);
    const broken = buildUdp({
      source: '192.0.2.2',
      destination: '192.0.2.1',
      sourcePort: 53,
      destinationPort: 40_000,
      lengthBytes: 100,
    });
    expect(playPackets([query!, broken], prevent).dropReasons).toEqual(['udp.pkt_too_small']);
  });
});

describe('always-on checks', () => {
  const malformed: [string, Uint8Array, string][] = [
    ['SYN and FIN', buildTcp({ flags: 'SF' }), 'tcp.syn_fin'],
    ['no flags', buildTcp({ flags: 0 }), 'tcp.no_flags'],
    ['port 0', buildTcp({ flags: 'S', destinationPort: 0 }), 'tcp.port_zero'],
    ['source = destination', buildTcp({ flags: 'S', source: '10.0.0.2' }), 'ipv4.same_src_dst'],
    ['a header cut off in the middle', buildTcp({ flags: 'S' }).subarray(0, 14), 'ipv4.pkt_too_small'],
    ['a UDP length beyond the packet', buildUdp({ lengthBytes: 100 }), 'udp.pkt_too_small'],
  ];
  describe.each(modes)('in %s mode', (mode) => {
    test.each(malformed)('%s drops', (_name, packet, check) => {
      const { dropped, dropReasons, anomalies } = playPackets([packet], { mode });
      expect({ dropped, dropReasons }).toEqual({ dropped: [1], dropReasons: [check] });
      expect(anomalies.map(({ event }) => event)).toContain(check);
    });

    test.each([
      ['100 slashes and one more', `/${'a/'.repeat(100)}`, 'http.uri_path_depth_exceeded'],
      ['a climb above the root', '/a/../../etc/passwd', 'http.uri_traversal_above_root'],
      ['an encoded climb above the root', '/%2e%2e/%2e%2e/etc/passwd', 'http.uri_traversal_above_root'],
      ['a control byte', '/a\x01b', 'http.uri_illegal_character'],
    ])('%s drops, and condemns the flow', (_name, target, check) => {
      const { dropReasons } = playPackets(conversation([request(target), RESPONSE]), { mode });
      expect(dropReasons.slice(0, 2)).toEqual([check, 'flow drop']);
    });

    test.each(['/a/../b', '/%E3%81%82?q=%25', '/a?path=../../b', `/${'a/'.repeat(99)}`, '/caf\xe9', '/a%'])(
      'the target %s passes',
      (target) => {
        expect(playPackets(conversation([request(target), RESPONSE]), { mode }).dropped).toEqual([]);
      },
    );
  });

  test('a check that is set to report lets the packet pass, and says so', () => {
    const options: PlayOptions = { config: { checks: { actions: { 'tcp.syn_fin': 'report' } } } };
    const { dropped, anomalies } = playPackets([buildTcp({ flags: 'SF' })], options);
    expect(dropped).toEqual([]);
    expect(anomalies).toContainEqual({ type: 'decode', event: 'tcp.syn_fin', isBlocked: false });
  });

  test('new flows beyond the cap drop, those below it go on, and a place that is free again is given away', () => {
    const player = new Player({ config: { flow: { maxUdpFlows: 2 }, timeouts: { udpNewMs: 1000 } }, stepMs: 100 });
    const datagram = (port: number): Uint8Array => buildUdp({ sourcePort: port, payload: 'x' });
    expect([1, 2, 3, 1, 2].map((port) => player.send(datagram(port)))).toEqual([true, true, false, true, true]);
    for (let i = 0; i < 20; i++) player.send(datagram(1));
    expect(player.send(datagram(3))).toBe(true);
    expect(player.played.dropReasons).toEqual(['flow.udp_limit']);
  });

  test('TCP flows have a cap of their own', () => {
    const player = new Player({ config: { flow: { maxTcpFlows: 1 } } });
    expect(player.send(buildTcp({ flags: 'S', sourcePort: 1 }))).toBe(true);
    expect(player.send(buildTcp({ flags: 'S', sourcePort: 2 }))).toBe(false);
    expect(player.played.dropReasons).toEqual(['flow.tcp_limit']);
  });

  test.each([
    ['closed', 'prevent', false],
    ['open', 'prevent', true],
    ['closed', 'detect', true],
  ] as const)(
    'where they only report, failure.limits %s decides in %s mode about what nobody inspects',
    (limits, mode, passes) => {
      const config = {
        flow: { maxTcpFlows: 1, maxUdpFlows: 1 },
        checks: { policy: 'report' },
        failure: { limits },
      } as const;
      const player = new Player({ mode, config, rules: RULE });
      for (const packet of conversation([]).slice(0, 3)) player.send(packet);
      const [syn, synAck, ack, data] = conversation([request('/attack')], { clientPort: 40_001 });
      expect([syn!, synAck!, ack!, data!].map((packet) => player.send(packet))).toEqual([true, true, true, passes]);
      const datagram = (sourcePort: number): Uint8Array => buildUdp({ sourcePort, payload: 'x' });
      expect([1, 2, 1].map((port) => player.send(datagram(port)))).toEqual([true, passes, true]);
      expect(player.played.dropReasons).toEqual(passes ? [] : ['stream memcap', 'stream memcap']);
      expect(player.send(buildIcmp())).toBe(true);
    },
  );
});

describe('ordinary traffic', () => {
  test.each([
    ['ECN', buildTcp({ flags: 0xc2 })],
    [
      'TCP Fast Open',
      buildTcp({ flags: 'S', options: Uint8Array.of(34, 10, 1, 2, 3, 4, 5, 6, 7, 8), payload: 'GET /' }),
    ],
    ['an empty datagram', buildUdp({ payload: '' })],
    ['a packet of 65,535 bytes', buildTcp({ payload: 'x'.repeat(65_495) })],
  ])('%s passes in prevent mode', (_name, packet) => {
    const isLive = { midstreamUntilMs: Number.POSITIVE_INFINITY };
    expect(playPackets([packet], { mode: 'prevent', ...isLive }).dropped).toEqual([]);
  });

  test('what is not IP passes', () => {
    const arp = new Uint8Array(42);
    arp.set([0x08, 0x06], 12);
    expect(playPackets([arp], { mode: 'prevent', linkType: LINK.ethernet }).dropped).toEqual([]);
  });
});

describe('memory', () => {
  test('ends with the flows', () => {
    const { pipeline } = playPackets(conversation([request('/a'), RESPONSE]).slice(0, 5), { rules: RULE });
    pipeline.updateGauges();
    expect(pipeline.counters.get('flow.active')).toBe(0);
    expect(pipeline.counters.get('tcp.reassembly_memuse')).toBe(0);
    expect(pipeline.counters.get('detect.stream_window_memuse')).toBe(0);
  });

  test('does not grow with packets that match nothing', { timeout: 120_000 }, () => {
    const player = new Player({
      rules: `${RULE}\nalert tcp any any -> any any (msg:"never"; content:"never in here"; sid:2;)`,
      trustsChecksums: true,
    });
    for (const packet of conversation([]).slice(0, 3)) player.send(packet);
    const addresses = { source: '192.0.2.1', destination: '192.0.2.2' };
    const segment = buildTcp({ ...addresses, payload: 'x'.repeat(1000) });
    const answer = buildTcp({
      source: addresses.destination,
      destination: addresses.source,
      sourcePort: 80,
      destinationPort: 40_000,
      sequence: 5001,
      flags: 'A',
    });
    const datagram = buildUdp({ payload: 'x'.repeat(100) });
    const sequence = new DataView(segment.buffer, segment.byteOffset + 24, 8);
    sequence.setUint32(4, 5001);
    const acknowledgement = new DataView(answer.buffer, answer.byteOffset + 28, 4);
    let next = 1001;
    const play = (packets: number): void => {
      for (let i = 0; i < packets; i += 3) {
        sequence.setUint32(0, next);
        next = (next + 1000) >>> 0;
        acknowledgement.setUint32(0, next);
        player.send(segment);
        player.send(answer);
        player.send(datagram);
      }
    };
    play(200_000);
    const before = usedMemory().heapBytes;
    play(1_000_000);
    // A byte for each packet would be a megabyte.
    expect(usedMemory().heapBytes - before).toBeLessThan(500_000);
    expect(player.played.anomalies).toEqual([]);
    expect(player.played.dropped).toEqual([]);
  });
});

test('of a condemned flow, which is remembered for an hour, hardly anything is kept', () => {
  const player = new Player({ rules: RULE, mode: 'prevent' });
  const attack = (clientPort: number): void => {
    for (const packet of conversation([request('/attack')], { clientPort }).slice(0, 5)) player.send(packet);
  };
  for (let port = 1024; port < 2024; port++) attack(port);
  const before = usedMemory().heapBytes;
  for (let port = 2024; port < 4024; port++) attack(port);
  expect(player.played.blockedAlerts).toHaveLength(3000);
  expect((usedMemory().heapBytes - before) / 2000).toBeLessThan(2048);
});
