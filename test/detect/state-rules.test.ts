import { describe, expect, test } from 'vitest';
import { fromLatin1 } from '../../src/base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import { runAll } from '../../src/base/steps.ts';
import { compileRuleset } from '../../src/service/rule-set.ts';
import { compileText } from '../rules/support.ts';
import { configOf, conversation, datagrams, Player } from '../support/play.ts';
import { alertsOf, down, up } from './support.ts';

const rule = (options: string, sid: number, header = 'alert tcp any any -> any any'): string =>
  `${header} (${options} sid:${sid};)`;

describe('what pcre keeps', () => {
  const login = rule('content:"USER "; pcre:"/(?P<flow_user>\\w+) from (?<pkt_host>[a-z]+)/R"; noalert;', 9);

  test('of a flow is there for later packets, of a packet only for that one', () => {
    const rules = [
      login,
      rule('content:"attack"; flowvar:user,"root";', 1),
      rule('content:"from"; pktvar:host,evil;', 2),
      rule('content:"attack"; pktvar:host,evil;', 3),
    ].join('\n');
    expect(alertsOf(rules, [up('USER root from evil'), up('attack')])).toEqual([2, 1]);
    expect(alertsOf(rules, [up('USER anna from home'), up('attack')])).toEqual([]);
    expect(alertsOf(rules, [up('attack'), up('USER root from home')])).toEqual([]);
  });

  test('is named behind the pattern too, group by group', () => {
    const listed = rule(
      'content:"USER"; pcre:"/USER (\\S+) ([)(]+) \\((\\d)/, flow:user, pkt:odd,flow:number"; noalert;',
      9,
    );
    const ask = (options: string) => alertsOf(`${listed}\n${rule(options, 1)}`, [up('USER (root) () (7'), up('x')]);
    expect(ask('content:"x"; flowvar:user,(root); flowvar:number,7;')).toEqual([1]);
    expect(ask('content:"USER"; pktvar:odd,"()";')).toEqual([1]);
    expect(ask('content:"x"; flowvar:user,Root;')).toEqual([]);
  });

  test('is what the matching rule has seen', () => {
    const rules = [
      rule('content:"USER "; pcre:"/(?P<flow_user>\\w+)/R"; content:"!"; distance:0; noalert;', 9),
      rule('content:"attack"; flowvar:user,root;', 1),
    ].join('\n');
    expect(alertsOf(rules, [up('USER root. '), up('attack')])).toEqual([]);
    expect(alertsOf(rules, [up('USER root!'), up('attack')])).toEqual([1]);
  });

  test.each([
    ['pcre:"/a/, flow:x";', 'the pattern has 0 groups, and 1 are to be kept'],
    ['pcre:"/(a)/, host:x";', '"host:x" is neither flow:NAME nor pkt:NAME'],
    ['flowvar:x;', 'flowvar needs a name, a comma and a text'],
    ['flowvar:x,!"a";', 'flowvar needs a text, which cannot be negated'],
  ])('%s is refused', (options, message) => {
    const { diagnostics } = compileText(rule(options, 1));
    expect(diagnostics.map((diagnostic) => diagnostic.message)).toEqual([message]);
  });
});

test('bypass: no rule looks at what follows in the flow, whatever its action', () => {
  const rules = [rule('content:"trusted"; bypass;', 1), rule('content:"attack";', 2)].join('\n');
  expect(alertsOf(rules, [up('trusted attack'), up('attack'), down('attack')]).sort()).toEqual([1, 2]);
  expect(alertsOf(rules, [up('attack'), up('trusted'), up('attack')]).sort()).toEqual([1, 2]);
});

describe('flowbits', () => {
  const login = rule('content:"LOGIN"; flowbits:set,login; flowbits:noalert;', 9);
  const attack = rule('content:"attack"; flowbits:isset,login;', 1);

  test('are set by one packet and asked by another, in either direction', () => {
    expect(alertsOf([attack, login].join('\n'), [up('LOGIN'), up('attack')])).toEqual([1]);
    expect(alertsOf([attack, login].join('\n'), [up('LOGIN'), down('attack')])).toEqual([1]);
    expect(alertsOf([attack, login].join('\n'), [up('attack'), up('LOGIN')])).toEqual([]);
  });

  test('are those of a flow', () => {
    const player = new Player({ rules: [attack, login].join('\n') });
    for (const packet of conversation([up('LOGIN')], { clientPort: 10_001 })) player.send(packet);
    for (const packet of conversation([up('attack')], { clientPort: 10_002 })) player.send(packet);
    expect(player.played.alerts).toEqual([]);
  });

  test('are set before they are asked for in the same packet, whatever the order of the rules', () => {
    expect(alertsOf([attack, login].join('\n'), [up('attack, LOGIN')])).toEqual([1]);
  });

  test('are asked on transactions behind what the stream has set, and not the other way round', () => {
    const request = up('GET /login HTTP/1.1\r\nHost: a\r\n\r\n');
    const set = (options: string): string => rule(`${options} flowbits:set,seen; noalert;`, 1);
    const ask = (options: string): string => rule(`${options} flowbits:isset,seen;`, 2);
    expect(alertsOf(`${set('content:"login";')}\n${ask('http.uri; content:"login";')}`, [request])).toEqual([2]);
    expect(alertsOf(`${set('http.uri; content:"login";')}\n${ask('content:"login";')}`, [request])).toEqual([]);
  });

  test.each([
    ['isset,a|b', [up('a'), up('?')], [1]],
    ['isset,a|b', [up('c'), up('?')], []],
    ['isnotset,a|b', [up('a'), up('?')], [1]],
    ['isnotset,a|b', [up('a'), up('b'), up('?')], []],
    ['isnotset,a', [up('?')], [1]],
    ['isset,a', [up('a'), up('-'), up('?')], []],
    ['isset,t', [up('t'), up('?')], [1]],
    ['isset,t', [up('t'), up('t'), up('?')], []],
  ])('%s', (question, turns, alerts) => {
    const rules = [
      rule('content:"a"; flowbits:set,a; noalert;', 10),
      rule('content:"b"; flowbits:set,b; noalert;', 11),
      rule('content:"c"; flowbits:set,c; noalert;', 12),
      rule('content:"-"; flowbits:unset,a; noalert;', 13),
      rule('content:"t"; flowbits:toggle,t; noalert;', 14),
      rule(`content:"?"; flowbits:${question};`, 1),
    ];
    expect(alertsOf(rules.join('\n'), turns)).toEqual(alerts);
  });

  test('outlive a change of rules, and not the flow', () => {
    const player = new Player({ rules: login });
    const packets = conversation([up('LOGIN'), up('attack')]);
    for (const packet of packets.slice(0, 4)) player.send(packet);
    const texts = { classification: null, reference: null, threshold: null, reputation: null };
    const { ruleset } = compileRuleset({ ...texts, files: [{ file: 'new.rules', text: attack }] }, configOf());
    const { pipeline } = player.played;
    pipeline.replacePolicy(runAll(pipeline.prepare(ruleset)), configOf());
    for (const packet of packets.slice(4)) player.send(packet);
    expect(player.played.alerts).toEqual([1]);
    for (const packet of conversation([up('attack')], { clientPort: 10_002 })) player.send(packet);
    expect(player.played.alerts).toEqual([1]);
  });

  test('alone make a rule match every packet', () => {
    const rules = [
      rule('flags:S; flow:to_server; flowbits:set,syn; noalert;', 1),
      rule('flow:to_client; flowbits:isset,syn;', 2),
    ];
    const packets = conversation([down('x')]);
    const toClient = packets.filter((packet) => packet[15] === 2).length;
    expect(alertsOf(rules.join('\n'), [down('x')])).toEqual(Array.from({ length: toClient }, () => 2));
  });
});

describe('flowint', () => {
  const count = rule('content:"fail"; flowint:failed,+,1; noalert;', 9);

  test('counts and compares', () => {
    const rules = `${count}\n${rule('content:"fail"; flowint:failed,==,3;', 1)}`;
    expect(alertsOf(rules, [up('fail'), up('fail')])).toEqual([]);
    expect(alertsOf(rules, [up('fail'), up('fail'), up('fail'), up('fail')])).toEqual([1]);
  });

  test.each([
    ['content:"?"; flowint:failed,isset;', [up('fail'), up('?')], [1]],
    ['content:"?"; flowint:failed,isset;', [up('?')], []],
    ['content:"?"; flowint:failed,notset;', [up('?')], [1]],
    ['content:"?"; flowint:failed,isnotset;', [up('fail'), up('?')], []],
    ['content:"?"; flowint:failed,<,9;', [up('?')], []],
    ['content:"?"; flowint:failed,>=,never;', [up('fail'), up('?')], [1]],
    ['content:"?"; flowint:never,>=,failed;', [up('fail'), up('?')], []],
    ['content:"?"; flowint:failed,>=,limit;', [up('limit'), up('fail'), up('?')], []],
    ['content:"?"; flowint:failed,>=,limit;', [up('limit'), up('fail'), up('fail'), up('?')], [1]],
    ['content:"?"; flowint:below,isset;', [up('below'), up('?')], []],
    ['content:"?"; flowint:failed,>,4000000000;', [up('fail'), up('drop'), up('?')], [1]],
  ])('%s', (options, turns, alerts) => {
    const rules = [
      count,
      rule('content:"limit"; flowint:limit,=,2; noalert;', 10),
      rule('content:"below"; flowint:below,-,1; noalert;', 11),
      rule('content:"drop"; flowint:failed,-,2; noalert;', 12),
      rule(options, 1),
    ];
    expect(alertsOf(rules.join('\n'), turns)).toEqual(alerts);
  });
});

describe('bits of hosts', () => {
  /** Sends each text as one datagram to the server or back, in flows of their own. */
  function alertsOfDatagrams(rules: readonly string[], texts: readonly string[], stepMs = 1): number[] {
    const player = new Player({ rules: rules.join('\n'), stepMs });
    for (const [i, text] of texts.entries()) {
      const direction = text.startsWith('<') ? TO_CLIENT : TO_SERVER;
      const turn = { direction, bytes: fromLatin1(text) } as const;
      for (const packet of datagrams([turn], { clientPort: 10_000 + i })) player.send(packet);
    }
    return player.played.alerts;
  }
  const udp = (options: string, sid: number): string => rule(options, sid, 'alert udp any any -> any any');

  test.each([
    ['hostbits:set,bad;', 'hostbits:isset,bad;', ['set', '?'], [1]],
    ['hostbits:set,bad;', 'hostbits:isset,bad,dst;', ['set', '?'], []],
    ['hostbits:set,bad;', 'hostbits:isset,bad,dst;', ['set', '<?'], [1]],
    ['hostbits:set,bad,both;', 'hostbits:isset,bad,both;', ['set', '<?'], [1]],
    ['hostbits:toggle,bad;', 'hostbits:isset,bad;', ['set', 'set', '?'], []],
    ['hostbits:unset,bad;', 'hostbits:isnotset,bad;', ['set', '?'], [1]],
    ['xbits:set,bad,track ip_src;', 'xbits:isset,bad,track ip_src;', ['set', '?'], [1]],
    ['xbits:set,bad,track ip_src;', 'xbits:isset,bad,track ip_src;', ['set', '<?'], []],
    ['xbits:set,bad,track ip_src;', 'xbits:isset,bad,track ip_dst;', ['set', '<?'], [1]],
    ['xbits:set,bad,track ip_pair;', 'xbits:isset,bad,track ip_pair;', ['set', '<?'], [1]],
    ['xbits:set,bad,track ip_pair;', 'xbits:isset,bad,track ip_src;', ['set', '?'], []],
  ])('%s then %s', (set, ask, texts, alerts) => {
    const rules = [udp(`content:"set"; ${set} noalert;`, 9), udp(`content:"?"; ${ask}`, 1)];
    expect(alertsOfDatagrams(rules, texts)).toEqual(alerts);
  });

  test('expire with the time of packets', () => {
    const rules = [
      udp('content:"set"; xbits:set,bad,track ip_src,expire 2; noalert;', 9),
      udp('content:"?"; xbits:isset,bad,track ip_src;', 1),
    ];
    expect(alertsOfDatagrams(rules, ['set', '?', '?', '?'], 900)).toEqual([1, 1]);
  });
});
