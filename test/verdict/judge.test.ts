import { expect, test } from 'vitest';
import { VERDICT } from '../../src/capture/source.ts';
import type { Match } from '../../src/detect/match-list.ts';
import { actsOnFlow } from '../../src/detect/rule-traits.ts';
import type { RuleAction } from '../../src/rules/rule.ts';
import { Findings, heldBy, Judgement, judge, type VerdictSettings } from '../../src/verdict/judge.ts';
import { ruleOf } from '../support/rules.ts';

const MAX_ALERTS_PER_PACKET = 15;
const PREVENT: VerdictSettings = {
  mode: 'prevent',
  onLimit: VERDICT.drop,
  onUnknownConnection: VERDICT.drop,
  onStrayEnd: VERDICT.drop,
  maxAlertsPerPacket: MAX_ALERTS_PER_PACKET,
};
const DETECT: VerdictSettings = { ...PREVENT, mode: 'detect' };

/** A match in the stream, as far as the rule looks into it. */
function match(action: RuleAction, order = 0, options = ''): Match {
  const rule = ruleOf(`${action} tcp any any -> any any (msg:"${action}"; ${options} sid:${order + 1};)`);
  const isInStream = rule.inspections.length > 0 && rule.packetTests.length === 0;
  return {
    rule,
    order,
    transaction: null,
    protocol: null,
    action,
    isReported: !rule.isSilent,
    actsOnFlow: actsOnFlow(rule, isInStream),
  };
}

function judged(settings: VerdictSettings, findings: Partial<Omit<Findings, 'reset'>>): Judgement {
  const judgement = new Judgement();
  judge(Object.assign(new Findings(findings.matches ?? []), findings), settings, judgement);
  return judgement;
}

test('a fragment of a condemned packet drops in both modes, whatever else matches', () => {
  for (const settings of [PREVENT, DETECT]) {
    const findings = { isOfCondemnedPacket: true, matches: [match('pass')] };
    expect(judged(settings, findings)).toMatchObject({ verdict: VERDICT.drop, reason: 'defrag error', rejects: false });
  }
});

test('a packet with nothing to say about it is accepted', () => {
  expect(judged(PREVENT, {})).toMatchObject({ verdict: VERDICT.accept, reason: null, reportedMatches: 0 });
});

test.each(['drop', 'reject', 'rejectsrc', 'rejectdst', 'rejectboth'] as const)(
  '%s blocks in prevent mode',
  (action) => {
    const judgement = judged(PREVENT, { matches: [match(action)] });
    expect(judgement).toMatchObject({ verdict: VERDICT.drop, reason: 'rules', condemnsFlow: true });
    expect(judgement.rejects).toBe(action !== 'drop');
  },
);

test.each(['drop', 'reject'] as const)('%s only reports in detect mode', (action) => {
  const judgement = judged(DETECT, { matches: [match(action)] });
  expect(judgement).toMatchObject({ verdict: VERDICT.accept, condemnsFlow: false, reportedMatches: 1 });
});

test('an alert never blocks', () => {
  expect(judged(PREVENT, { matches: [match('alert')] })).toMatchObject({ verdict: VERDICT.accept, reportedMatches: 1 });
});

test('pass hides what is judged after it, and not what is judged before it', () => {
  const judgement = judged(PREVENT, { matches: [match('alert', 0), match('pass', 1), match('drop', 2)] });
  expect(judgement).toMatchObject({ verdict: VERDICT.accept, exemptsFlow: true, reportedMatches: 1 });
});

test.each([DETECT, PREVENT])('a failed check drops in $mode mode, and its alerts are still reported', (settings) => {
  const judgement = judged(settings, { failedCheck: 'tcp.port_zero', matches: [match('alert')] });
  expect(judgement).toMatchObject({
    verdict: VERDICT.drop,
    reason: 'check',
    check: 'tcp.port_zero',
    reportedMatches: 1,
  });
  expect(judgement.condemnsFlow).toBe(false);
});

test('a failed check of a protocol condemns the flow: the parser has gone on, the server has not', () => {
  const judgement = judged(DETECT, { failedCheck: 'http.request_nul', hasBrokenProtocol: true });
  expect(judgement.condemnsFlow).toBe(true);
});

test('a failed check wins over pass', () => {
  expect(judged(PREVENT, { failedCheck: 'ipv4.same_src_dst', matches: [match('pass')] }).verdict).toBe(VERDICT.drop);
});

test.each(['drop', 'check'] as const)('a flow condemned by a %s drops without another word', (condemnedBy) => {
  const judgement = judged(PREVENT, { condemnedBy, isBareReset: true, matches: [match('alert')] });
  expect(judgement).toMatchObject({ verdict: VERDICT.drop, reason: 'flow drop', reportedMatches: 0 });
  expect(judgement.rejects).toBe(false);
});

test('a rejected flow is rejected whenever it sends again, and the reset that says so passes', () => {
  expect(judged(PREVENT, { condemnedBy: 'reject' })).toMatchObject({ verdict: VERDICT.drop, rejects: true });
  expect(judged(PREVENT, { condemnedBy: 'reject', isBareReset: true })).toMatchObject({
    verdict: VERDICT.accept,
    rejects: false,
  });
});

test.each(['detect', 'soak'] as const)(
  'a rule that is held (%s) only reports, and keeps no other one from blocking',
  (hold) => {
    const held = match('drop', 0, `metadata:vpatch_hold ${hold} this;`);
    expect(judged(PREVENT, { matches: [held] })).toMatchObject({
      verdict: VERDICT.accept,
      condemnsFlow: false,
      reportedMatches: 1,
    });
    const other = match('drop', 1);
    const judgement = judged(PREVENT, { matches: [held, other] });
    expect(judgement).toMatchObject({ verdict: VERDICT.drop, reason: 'rules', reportedMatches: 2 });
    expect(judgement.rule).toBe(other.rule);
  },
);

test.each([
  ['detect', null, null, 'mode'],
  ['prevent', null, null, null],
  ['prevent', 'soak', null, 'soak'],
  ['detect', 'detect', null, 'detect'],
  ['prevent', 'soak', 'dns-answer', 'dns-answer'],
] as const)('in %s mode, a hold %s and a packet spared as %s: %s', (mode, hold, sparedAs, expected) => {
  const rule = match('drop', 0, hold === null ? '' : `metadata:vpatch_hold ${hold} this;`).rule;
  expect(heldBy(rule, mode, sparedAs)).toBe(expected);
});

test.each(['drop', 'reject'] as const)('no %s rule drops what the host cannot do without', (action) => {
  const judgement = judged(PREVENT, { sparedAs: 'dns-answer', matches: [match(action)] });
  expect(judgement).toMatchObject({
    verdict: VERDICT.accept,
    condemnsFlow: false,
    rejects: false,
    reportedMatches: 1,
  });
  expect(judged(PREVENT, { sparedAs: 'dns-answer', condemnedBy: action }).verdict).toBe(VERDICT.accept);
});

test('a check drops even what the host cannot do without', () => {
  expect(judged(PREVENT, { sparedAs: 'dns-answer', failedCheck: 'udp.pkt_too_small' }).verdict).toBe(VERDICT.drop);
  expect(judged(PREVENT, { sparedAs: 'dns-answer', condemnedBy: 'check' }).verdict).toBe(VERDICT.drop);
});

test.each([
  ['memory-limit', 'stream memcap'],
  ['outside-stream', 'stream error'],
] as const)('%s drops in prevent mode as the configuration says', (outcome, reason) => {
  expect(judged(PREVENT, { outcome })).toMatchObject({ verdict: VERDICT.drop, reason });
  expect(judged({ ...PREVENT, onLimit: VERDICT.accept }, { outcome }).verdict).toBe(VERDICT.accept);
  expect(judged(DETECT, { outcome }).verdict).toBe(VERDICT.accept);
  expect(judged(PREVENT, { outcome, isExempt: true }).verdict).toBe(VERDICT.accept);
  expect(judged(PREVENT, { outcome, matches: [match('pass', 0, 'flags:S;')] }).verdict).toBe(VERDICT.accept);
});

test('what a limit kept from inspection is not let in by being sent again', () => {
  for (const outcome of ['memory-limit', 'rule-limit'] as const) {
    expect(judged(PREVENT, { outcome, isInStream: true }).condemnsFlow).toBe(true);
    // A datagram, or bytes that the stream did not take, are inspected anew.
    expect(judged(PREVENT, { outcome }).condemnsFlow).toBe(false);
    const accepting = { ...PREVENT, onLimit: VERDICT.accept };
    expect(judged(accepting, { outcome, isInStream: true }).condemnsFlow).toBe(false);
  }
});

test('a connection that is not followed drops whole in prevent mode as the configuration says', () => {
  const findings = { outcome: 'unknown-connection' } as const;
  expect(judged(PREVENT, findings)).toMatchObject({ verdict: VERDICT.drop, reason: 'stream midstream' });
  expect(judged(PREVENT, findings).condemnsFlow).toBe(true);
  expect(judged({ ...PREVENT, onUnknownConnection: VERDICT.accept }, findings).verdict).toBe(VERDICT.accept);
  expect(judged(DETECT, findings).verdict).toBe(VERDICT.accept);
});

test('the end of a connection that is not followed drops or passes as the configuration says', () => {
  const followed = { ...PREVENT, onUnknownConnection: VERDICT.accept };
  for (const isExempt of [true, false]) {
    const reset = { outcome: 'unknown-reset', isExempt } as const;
    expect(judged(PREVENT, reset)).toMatchObject({ reason: 'stream error', condemnsFlow: false });
    expect(judged({ ...PREVENT, onStrayEnd: VERDICT.accept }, reset).verdict).toBe(VERDICT.accept);
    expect(judged(DETECT, reset).verdict).toBe(VERDICT.accept);
    const fin = { outcome: 'unknown-fin', isExempt } as const;
    expect(judged(PREVENT, fin)).toMatchObject({ reason: 'stream midstream', condemnsFlow: true });
    expect(judged(followed, fin)).toMatchObject({ reason: 'stream error', condemnsFlow: false });
    expect(judged({ ...PREVENT, onStrayEnd: VERDICT.accept }, fin).verdict).toBe(VERDICT.accept);
  }
});

test('at most fifteen alerts are reported, the first in order, and silent rules take no place', () => {
  const loud = Array.from({ length: 20 }, (_, i) => match('alert', i));
  expect(judged(DETECT, { matches: loud }).reportedMatches).toBe(MAX_ALERTS_PER_PACKET);
  const silent = Array.from({ length: 20 }, (_, i) => match('alert', i, 'noalert;'));
  expect(judged(DETECT, { matches: [...silent, match('alert', 20)] }).reportedMatches).toBe(21);
});

test('a rule that blocks does so behind more alerts than are reported', () => {
  const alerts = Array.from({ length: 20 }, (_, i) => match('alert', i));
  expect(judged(PREVENT, { matches: [...alerts, match('drop', 20)] })).toMatchObject({
    verdict: VERDICT.drop,
    reportedMatches: MAX_ALERTS_PER_PACKET,
  });
});

test.each([
  ['', true],
  ['content:"x";', true],
  ['flags:S;', false],
  ['content:"x"; dsize:1;', false],
])('pass with %j exempts the flow: %s', (options, exemptsFlow) => {
  const judgement = judged(PREVENT, { matches: [match('pass', 0, options), match('drop', 1)] });
  expect(judgement).toMatchObject({ verdict: VERDICT.accept, exemptsFlow });
});

test('a judgement is emptied before it is used again', () => {
  const judgement = new Judgement();
  judge(new Findings([match('reject')]), PREVENT, judgement);
  judge(new Findings([]), PREVENT, judgement);
  expect(judgement).toEqual(new Judgement());
});
