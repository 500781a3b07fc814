import { expect, test } from 'vitest';
import { EveLine } from '../../../src/output/eve-lines.ts';
import { type HistoryEvent, historyEvent } from '../../../src/service/history/history-event.ts';
import { alertLine, dropLine, NOW_MS } from '../../support/eve-lines.ts';

const eventOf = (line: string): HistoryEvent => historyEvent(new EveLine(line));

test('an alert is kept with its rule, its connection and the line itself', () => {
  const line = alertLine();
  expect(eventOf(line)).toEqual({
    kind: {
      type: 'alert',
      gid: 1,
      sid: 9_000_001,
      rev: 2,
      name: 'rule 9000001',
      category: 'Attempted Administrator Privilege Gain',
      severity: 1,
      cves: ['CVE-2021-44228'],
    },
    timeMs: NOW_MS,
    action: 'blocked',
    mode: 'prevent',
    count: 1,
    source: '192.0.2.1',
    sourcePort: 40_000,
    destination: '192.0.2.2',
    destinationPort: 80,
    protocol: 'TCP',
    appProtocol: 'http',
    flowId: 1234,
    line,
  });
});

test.each([
  ['allowed', { mode: 'prevent' }],
  ['would-block', { mode: 'detect', would_block: true }],
])('an alert that passed is %s where vpatch says %j', (action, vpatch) => {
  const alert = { action: 'allowed', gid: 1, signature_id: 5, rev: 1, signature: 'x', category: '', severity: 3 };
  expect(eventOf(alertLine({ alert, vpatch })).action).toBe(action);
});

test('a drop is named for its check, or for its reason and the rule behind it', () => {
  expect(eventOf(dropLine())).toMatchObject({
    kind: { type: 'drop', name: 'tcp.syn_fin', sid: null, cves: [] },
    action: 'blocked',
    mode: 'detect',
  });
  const byRule = dropLine({ drop: { reason: 'rules' }, vpatch: { mode: 'prevent', gid: 1, signature_id: 5 } });
  expect(eventOf(byRule).kind).toMatchObject({ name: 'rules', gid: 1, sid: 5 });
});

test('a folded line stands for its events, and names no source where there were several', () => {
  const folded = { events: 84_210, since: '2026-11-22T11:59:50.000000+0000' };
  const vpatch = { mode: 'detect', check: 'tcp.syn_fin' };
  expect(eventOf(dropLine({ vpatch: { ...vpatch, folded } }))).toMatchObject({
    count: 84_210,
    source: '198.51.100.7',
  });
  const several = { ...folded, several_sources: true };
  expect(eventOf(dropLine({ vpatch: { ...vpatch, folded: several } })).source).toBeNull();
});
