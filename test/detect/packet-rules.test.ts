import { describe, expect, test } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { runAll } from '../../src/base/steps.ts';
import { mergeConfig } from '../../src/config/overrides.ts';
import { compileRuleset } from '../../src/service/rule-set.ts';
import { buildIcmp, buildIp, buildTcp, buildUdp } from '../support/packets.ts';
import { conversation, datagrams, Player, playPackets } from '../support/play.ts';
import { alertsOf, down, up } from './support.ts';

describe('rules without content', () => {
  test('on addresses alone alert once for each direction of a flow', () => {
    const rules = 'alert ip any any -> any any (sid:1;)';
    expect(alertsOf(rules, [up('a'), down('b'), up('c')])).toEqual([1, 1]);
    expect(alertsOf('alert ip 192.0.2.1 any -> any any (sid:1;)', [up('a'), down('b'), up('c')])).toEqual([1]);
    const flows = [40_000, 40_001].flatMap((clientPort) => datagrams([up('a'), up('b')], { clientPort }));
    expect(playPackets(flows, { rules }).alerts).toEqual([1, 1]);
  });

  test('on addresses alone alert for each packet of a protocol without conversations', () => {
    const igmp = buildIp({ protocol: 2, payload: Uint8Array.of(0x16, 0, 0, 0, 224, 0, 0, 251) });
    expect(playPackets([igmp, igmp, igmp], { rules: 'alert ip any any -> any any (sid:1;)' }).alerts).toEqual([
      1, 1, 1,
    ]);
  });

  const alertsOfDatagrams = (rules: string): number[] =>
    playPackets(datagrams([up('a'), down('b'), up('c'), up('d')]), { rules }).alerts;

  test('on addresses and ports do the same', () => {
    expect(alertsOfDatagrams('alert udp any any -> any 53 (sid:1;)')).toEqual([1]);
    expect(alertsOfDatagrams('alert udp any !80 -> any any (sid:1;)')).toEqual([1, 1]);
    expect(alertsOfDatagrams('alert udp any any -> any 54 (sid:1;)')).toEqual([]);
  });

  test('alert for each packet where an address is negated, by a variable too', () => {
    expect(alertsOfDatagrams('alert udp any any -> !192.0.2.1 any (sid:1;)')).toEqual([1, 1, 1]);
    expect(alertsOfDatagrams('alert udp [192.0.2.0/24,!192.0.2.2] any -> any any (sid:1;)')).toEqual([1, 1, 1]);
    expect(alertsOfDatagrams('alert udp $EXTERNAL_NET any -> any 53 (sid:1;)')).toEqual([1, 1, 1]);
  });

  test('drop the flow where an address is negated', () => {
    const rules = 'drop udp !192.0.2.2 any -> any any (sid:1;)';
    const { alerts, dropped } = playPackets(datagrams([up('a'), down('b')]), { rules, mode: 'prevent' });
    expect({ alerts, dropped }).toEqual({ alerts: [1], dropped: [1, 2] });
  });

  test('alert for each packet where the state of the flow counts, or numbers or bits change', () => {
    expect(alertsOfDatagrams('alert udp any any -> any any (flow:stateless; sid:1;)')).toEqual([1, 1, 1, 1]);
    expect(alertsOfDatagrams('alert udp any any -> any 53 (flowint:n,+,1; sid:1;)')).toEqual([1, 1, 1]);
    expect(alertsOfDatagrams('alert udp any any -> any 53 (flowbits:toggle,b; sid:1;)')).toEqual([1, 1, 1]);
    expect(alertsOfDatagrams('alert udp any any -> any 53 (flowbits:set,b; sid:1;)')).toEqual([1]);
  });

  test('on ports match packets of protocols that have none', () => {
    const packets = [
      buildIcmp({ payload: fromLatin1('abcdef') }),
      buildIp({ protocol: 2, payload: fromLatin1('abcdef') }),
    ];
    const rules = [
      'alert ip any 80 -> any any (content:"abcdef"; sid:1;)',
      'alert ip any any -> any !80 (dsize:>0; sid:2;)',
      'alert ip any any -> any 80 (sid:3;)',
    ];
    for (const [i, rule] of rules.entries()) {
      expect(playPackets(packets, { rules: rule }).alerts).toEqual([i + 1, i + 1]);
    }
    expect(playPackets(packets.slice(0, 1), { rules: rules.join('\n') }).alerts.sort()).toEqual([1, 2, 3]);
  });

  test('in both directions match either way', () => {
    const packets = datagrams([up('a'), down('b')]);
    const both = 'alert udp 192.0.2.2 53 <> any any (dsize:1; sid:1;)';
    expect(playPackets(packets, { rules: both }).alerts).toEqual([1, 1]);
    expect(playPackets(packets, { rules: both.replace('<>', '->') }).alerts).toEqual([1]);
    expect(playPackets(packets, { rules: both.replace(' 53 ', ' 54 ') }).alerts).toEqual([]);
  });
});

describe('packets without flow', () => {
  const onAddresses = 'alert ip any any -> any any (sid:1;) alert tcp any any -> any any (sid:2;)'.replace(') ', ')\n');
  const tolerant = { checks: { policy: 'report' as const } };

  test('of protocols that have none each meet the rules on addresses', () => {
    const gre = buildIp({ protocol: 47, payload: '\0\0\x12\x34' });
    expect(playPackets([gre, gre, gre], { rules: onAddresses }).alerts).toEqual([1, 1, 1]);
  });

  test('of which only the addresses can be read meet the rules on these', () => {
    const broken = buildIp({ protocol: 6, payload: '\0\x50\0\x50' });
    expect(playPackets([broken], { rules: onAddresses, config: tolerant }).alerts).toEqual([1]);
    expect(playPackets([broken], { rules: onAddresses }).alerts).toEqual([]);
  });

  test('fragments meet rules on packets', () => {
    const rules = [
      'alert ip any any -> any any (fragbits:M; sid:1;)',
      'alert ip any any -> any any (flow:to_server; dsize:>0; sid:2;)',
    ].join('\n');
    const fragment = buildUdp({ payload: 'x'.repeat(200), moreFragments: true });
    expect(playPackets([fragment], { rules, config: { checks: { policy: 'off' } } }).alerts).toEqual([1]);
  });

  test('ICMP meets its rules', () => {
    const rules = 'alert icmp any any -> any any (itype:8; content:"ping"; sid:1;)';
    expect(
      playPackets([buildIcmp({ payload: 'a ping' }), buildIcmp({ type: 0, payload: 'a ping' })], { rules }).alerts,
    ).toEqual([1]);
  });
});

describe('the state of the flow', () => {
  const turns = [up('a'), down('b')];
  const rule = (state: string): string => `alert tcp any any -> any any (flow:${state}; flags:+A; sid:1;)`;
  const packets = conversation(turns);
  const numbersOf = (state: string): number[] => {
    const player = new Player({ rules: rule(state) });
    return packets.flatMap((packet, i) => {
      const before = player.played.alerts.length;
      player.send(packet);
      return player.played.alerts.length > before ? [i + 1] : [];
    });
  };

  test('established begins behind the packet that completes the handshake', () => {
    expect(numbersOf('established')).toEqual(packets.map((_, i) => i + 1).filter((number) => number >= 4));
  });

  test('not_established ends there', () => {
    expect(numbersOf('not_established')).toEqual([2, 3]);
  });

  test('stateless does not ask', () => {
    expect(numbersOf('stateless')).toEqual(packets.map((_, i) => i + 1).filter((number) => number >= 2));
  });

  test('of UDP is established when both have sent', () => {
    const rules = 'alert udp any any -> any any (flow:established; content:"x"; sid:1;)';
    expect(playPackets(datagrams([up('x'), up('x'), down('x'), up('x')]), { rules }).alerts).toEqual([1, 1]);
  });
});

describe('data of a SYN', () => {
  test('is judged as data of the connection: its receiver may read it at once', () => {
    const syn = buildTcp({ flags: 'S', sequence: 1000, payload: 'GET /attack HTTP/1.1\r\nHost: a\r\n\r\n' });
    const rules = [
      'drop http any any -> any any (flow:established,to_server; http.uri; content:"/attack"; sid:1;)',
      'drop tcp any any -> any any (flow:established,to_server; content:"/attack"; sid:2;)',
    ].join('\n');
    const { alerts, dropped } = playPackets([syn], { rules, mode: 'prevent' });
    expect({ alerts: alerts.sort(), dropped }).toEqual({ alerts: [1, 2], dropped: [1] });
  });
});

describe('actions', () => {
  test('a pass rule exempts the flow from then on', () => {
    const rules = [
      'alert tcp any any -> any any (content:"attack"; sid:1;)',
      'pass tcp any any -> any any (content:"trusted"; sid:2;)',
    ].join('\n');
    expect(alertsOf(rules, [up('attack'), up('trusted'), up('attack')])).toEqual([1]);
    expect(alertsOf(rules, [up('trusted attack'), up('attack')])).toEqual([]);
  });

  test('noalert says nothing and blocks all the same', () => {
    const rules = 'drop tcp any any -> any any (content:"attack"; noalert; sid:1;)';
    const { alerts, dropped } = playPackets(conversation([up('attack')]), { rules, mode: 'prevent' });
    expect({ alerts, first: dropped[0] }).toEqual({ alerts: [], first: 4 });
  });

  test('are told in the order in which they are judged', () => {
    const rules = [
      'alert udp any any -> any any (content:"x"; priority:1; sid:1;)',
      'drop udp any any -> any any (content:"x"; sid:2;)',
      'alert udp any any -> any any (content:"x"; priority:2; sid:3;)',
      'reject udp any any -> any any (content:"x"; sid:4;)',
    ].join('\n');
    expect(playPackets(datagrams([up('x')]), { rules }).alerts).toEqual([2, 4, 1, 3]);
  });
});

describe('rules that are replaced while flows live', () => {
  const compile = (text: string) =>
    compileRuleset(
      {
        files: [{ file: 'test.rules', text }],
        classification: null,
        reference: null,
        threshold: null,
        reputation: null,
      },
      mergeConfig({}),
    ).ruleset;
  const replaced = (first: string, second: string, turns: Parameters<typeof conversation>[0], at: number): number[] => {
    const player = new Player({ rules: first });
    conversation(turns).forEach((packet, i) => {
      const { pipeline } = player.played;
      if (i === at) pipeline.replacePolicy(runAll(pipeline.prepare(compile(second))), mergeConfig({}));
      player.send(packet);
    });
    return player.finish().alerts;
  };
  const other = 'alert tcp any any -> any any (content:"other"; priority:1; sid:9;)';
  const attack = 'alert tcp any any -> any any (content:"one"; content:"two"; sid:1;)';
  // SYN, SYN-ACK, ACK, first data, ACK: the change comes before the second data.
  const AT = 5;

  test('find what straddles the change', () => {
    expect(replaced(attack, `${other}\n${attack}`, [up('on'), up('e two')], AT)).toEqual([1]);
    expect(replaced(attack, `${other}\n${attack}`, [up('one'), up('two')], AT)).toEqual([1]);
    expect(replaced(other, attack, [up('one'), up('two')], AT)).toEqual([1]);
    const mixed = 'alert http any any -> any any (http.request_body; content:"def"; pkt_data; content:"abc"; sid:2;)';
    const request = [up('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc'), up('def')];
    expect(replaced(mixed, `${other}\n${mixed}`, request, AT)).toEqual([2]);
  });

  test('do not find again what the same rule has found', () => {
    expect(replaced(attack, `${other}\n${attack}`, [up('one two'), up('x')], AT)).toEqual([1]);
    const http = 'alert http any any -> any any (http.request_body; content:"abc"; sid:1;)';
    const request = [up('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc'), up('def')];
    expect(replaced(http, `${other}\n${http}`, request, AT)).toEqual([1]);
  });

  test('that are gone are not judged', () => {
    expect(replaced(attack, other, [up('one'), up('two')], AT)).toEqual([]);
    expect(replaced(`${other}\n${attack}`, attack, [up('one'), up('two other')], AT)).toEqual([1]);
  });

  test('go on with transactions under way', () => {
    const http = 'alert http any any -> any any (http.uri; content:"/form"; http.request_body; content:"def"; sid:1;)';
    const request = [up('POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc'), up('def')];
    expect(replaced(http, `${other}\n${http}`, request, AT)).toEqual([1]);
  });

  test('may name other addresses', () => {
    const rule = (ends: string, content: string): string => `alert tcp ${ends} (content:"${content}"; sid:1;)`;
    const from = rule('192.0.2.1 any -> !192.0.2.1 any', 'one');
    const to = rule('any any -> 192.0.2.2 any', 'one');
    const away = rule('!192.0.2.1 any -> 192.0.2.2 any', 'one');
    const turns = [up('on'), up('e')];
    for (let at = 0; at <= AT; at++) {
      // Of a stream that no rule was for, nothing is kept: `away` is no first one.
      for (const first of [from, to, other]) {
        expect({ at, first, found: [from, to, away].map((second) => replaced(first, second, turns, at)) }).toEqual({
          at,
          first,
          found: [[1], [1], []],
        });
      }
    }
  });
});
