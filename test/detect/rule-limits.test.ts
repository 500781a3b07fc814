import { describe, expect, test } from 'vitest';
import { PARK_AFTER, RuleLimits } from '../../src/detect/rule-limits.ts';
import { evaluationCounters } from '../../src/rules/evaluate.ts';
import { compileText } from '../rules/support.ts';
import { growthOf, LINEAR } from '../support/growth.ts';
import { configOf, conversation, datagrams, Player, type PlayOptions } from '../support/play.ts';
import { up } from './support.ts';

/** Each finds a place for its first content again and again, and the last one never comes. */
const CHAINS = {
  contents: 'content:"a"; content:"a"; within:600; content:"a"; within:600; content:"b"; within:2;',
  jumps:
    'content:"a"; byte_jump:1,0,relative; content:"a"; within:600; content:"a"; within:600; content:"b"; within:1;',
  patterns: 'content:"a"; pcre:"/a+/R"; pcre:"/a+/R"; content:"b"; within:1;',
  backtracking: 'content:"a"; pcre:"/(a+)+[bc]/";',
} as const;
const HOSTILE = 'a'.repeat(1200);
/** What the first of them matches. */
const MATCHING = 'aaaab';
/** Starts the same chains in another way, so that they end early. */
const HARMLESS = 'a'.repeat(8);

const ruleOf = (options: string, action = 'alert', sid = 1) =>
  `${action} udp any any -> any any (${options} sid:${sid};)`;

function play(rules: string, texts: readonly string[], options: PlayOptions = {}) {
  const player = new Player({ rules, ...options });
  for (const packet of datagrams(texts.map(up))) player.send(packet);
  return player.played;
}

const countOf = (anomalies: readonly { event: string }[], wanted: string) =>
  anomalies.filter(({ event }) => event === wanted).length;

describe.each(Object.entries(CHAINS))('a chain of %s that traffic makes dear', (_, chain) => {
  test('ends, is told of with its rule, and is parked when that happens again and again', () => {
    const { anomalies, pipeline } = play(ruleOf(chain), Array(PARK_AFTER + 20).fill(HOSTILE));
    expect(countOf(anomalies, 'detect.rule_exhausted')).toBe(PARK_AFTER);
    expect(countOf(anomalies, 'detect.rule_parked')).toBe(1);
    pipeline.updateGauges();
    expect(pipeline.counters.get('detect.rules_parked')).toBe(1);
  });

  test('says nothing of traffic that is not', () => {
    const { anomalies } = play(ruleOf(chain), Array(PARK_AFTER + 20).fill(HARMLESS));
    expect(anomalies).toEqual([]);
  });
});

test('of a rule that blocks, failure.limits decides what it could not be held against', () => {
  const texts = [HOSTILE, HARMLESS];
  const drop = ruleOf(CHAINS.contents, 'drop');
  expect(play(drop, texts, { mode: 'prevent' }).dropReasons).toEqual(['rule limit']);
  expect(play(drop, texts, { mode: 'detect' }).dropReasons).toEqual([]);
  expect(play(ruleOf(CHAINS.contents), texts, { mode: 'prevent' }).dropReasons).toEqual([]);
  const open = { failure: { limits: 'open' as const } };
  expect(play(drop, texts, { mode: 'prevent', config: open }).dropReasons).toEqual([]);
});

test('what could not be inspected of a connection does not arrive when it is sent again', () => {
  const rule = 'drop http any any -> any any (flow:to_server; http.uri; content:"a"; ';
  const rules = `${rule}content:"a"; within:600; content:"a"; within:600; content:"b"; within:2; sid:1;)`;
  const player = new Player({ rules, mode: 'prevent' });
  const [syn, synAck, ack, request] = conversation([up(`GET /${HOSTILE} HTTP/1.1\r\nHost: a\r\n\r\n`)]);
  for (const packet of [syn!, synAck!, ack!]) expect(player.send(packet)).toBe(true);
  for (let i = 0; i < 3; i++) expect(player.send(request!)).toBe(false);
  expect(player.played.dropReasons).toEqual(['rule limit', 'flow drop', 'flow drop']);
});

test('while it is parked, a rule that blocks still keeps what its pattern is in from arriving', () => {
  const texts = [...Array<string>(PARK_AFTER).fill(HOSTILE), `${HARMLESS} evil`, 'nothing of it'];
  const drop = ruleOf(CHAINS.contents, 'drop');
  const { dropped } = play(drop, texts, { mode: 'prevent' });
  expect(dropped).toEqual(Array.from({ length: PARK_AFTER + 1 }, (_, i) => i + 1));
});

test('a parked rule is tried again after a minute, and other rules never notice', () => {
  const rules = [ruleOf(CHAINS.contents), ruleOf('content:"a"; content:"evil";', 'alert', 2)].join('\n');
  const player = new Player({ rules, stepMs: 1500 });
  const send = (text: string) => {
    for (const packet of datagrams([up(text)])) player.send(packet);
  };
  for (let i = 0; i < PARK_AFTER; i++) send(`${HOSTILE} evil`);
  expect(player.played.alerts).toEqual(Array(PARK_AFTER).fill(2));
  for (let i = 0; i < 50; i++) send(MATCHING);
  // Parked at the last hostile packet, for a minute: 40 packets.
  expect(player.played.alerts.filter((sid) => sid === 1)).toHaveLength(11);
});

test('a parked rule is tried again when the clock is set back', () => {
  const limits = new RuleLimits();
  const [rule] = compileText(ruleOf(CHAINS.contents)).rules;
  const hourMs = 3_600_000;
  limits.begin(10 * hourMs);
  for (let i = 0; i < PARK_AFTER; i++) limits.exhausted(rule!, true);
  expect([limits.mayTry(rule!), limits.parkedRules]).toEqual([false, 1]);
  limits.begin(9 * hourMs);
  expect([limits.mayTry(rule!), limits.parkedRules]).toEqual([true, 0]);
});

test('one packet costs no more than a packet may, however many rules are dear', () => {
  const rules = Array.from({ length: 200 }, (_, i) => ruleOf(CHAINS.contents, 'alert', i + 1)).join('\n');
  const before = evaluationCounters.exhausted;
  const { anomalies } = play(rules, [HOSTILE]);
  expect(countOf(anomalies, 'detect.rule_exhausted')).toBe(200);
  // The others were not tried at all.
  expect(evaluationCounters.exhausted - before).toBeLessThan(80);
});

test('on streams and transactions it is the same', () => {
  const http = `alert http any any -> any any (http.request_body; ${CHAINS.contents} sid:1;)`;
  const tcp = `alert tcp any any -> any any (${CHAINS.contents} sid:1;)`;
  const request = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${HOSTILE.length}\r\n\r\n${HOSTILE}`;
  for (const rules of [http, tcp]) {
    const player = new Player({ rules, config: configOf() });
    for (const packet of conversation([up(request)])) player.send(packet);
    expect(countOf(player.played.anomalies, 'detect.rule_exhausted')).toBeGreaterThan(0);
  }
});

test('each rule that a packet is too much for is noted once, in time that grows with their number', async () => {
  const growth = await growthOf((scale) => {
    const [rule] = compileText(ruleOf('content:"a";')).rules;
    const rules = Array.from({ length: 1000 * scale }, () => ({ ...rule! }));
    const limits = new RuleLimits();
    return () => {
      limits.begin(0);
      for (let round = 0; round < 2; round++) for (const one of rules) limits.exhausted(one, false);
      expect(limits.reached).toHaveLength(rules.length);
    };
  });
  expect(growth).toBeLessThan(LINEAR);
});
