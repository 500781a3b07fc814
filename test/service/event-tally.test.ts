import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventTally } from '../../src/service/event-tally.ts';
import { alertLine, dropLine } from './history/eve-events.ts';

const tallied = (...lines: readonly string[]) => {
  const tally = new EventTally(0);
  tally.read(lines.map((line) => `${line}\n`).join(''), 1_000);
  return tally.top(2_000, 10);
};

test('alerts by their rule, drops by their check, and both by source', () => {
  const byRule = dropLine({
    source: '192.0.2.1',
    drop: { reason: 'rules' },
    vpatch: { mode: 'prevent', gid: 1, signature_id: 9_000_001 },
  });
  const folded = { mode: 'detect', check: 'tcp.syn_fin', folded: { events: 40, several_sources: true } };
  expect(tallied(alertLine(), byRule, dropLine({ vpatch: folded }), '{"event_type":"flow"}')).toEqual({
    seconds: 2,
    rules: [
      { label: 'tcp.syn_fin', events: 40, blocked: 40 },
      { label: '1:9000001 rule 9000001', events: 1, blocked: 1 },
    ],
    sources: [
      { label: 'several', events: 40, blocked: 40 },
      { label: '192.0.2.1', events: 2, blocked: 2 },
    ],
  });
});

test('after five minutes, events are forgotten; a clock that was set back keeps none for ever', () => {
  const tally = new EventTally(0);
  tally.read(`${alertLine()}\n`, 1_000);
  tally.read(`${alertLine({ sid: 2 })}\n`, 200_000);
  expect(tally.top(299_000, 10).rules).toHaveLength(2);
  expect(tally.top(302_000, 10).rules.map(({ label }) => label)).toEqual(['1:2 rule 2']);
  expect(tally.top(400_000, 10).seconds).toBe(300);
  tally.read(`${alertLine({ sid: 3 })}\n`, 10_000_000);
  tally.read(`${alertLine({ sid: 4 })}\n`, 500_000);
  expect(tally.top(500_000, 10).rules.map(({ label }) => label)).toEqual(['1:4 rule 4']);
});

test('forged sources take bounded memory and bounded time', () => {
  const tally = new EventTally(0);
  const lines = Array.from({ length: 3_000 }, (_, i) => `${alertLine({ source: `10.0.${i >> 8}.${i & 255}` })}\n`);
  tally.read(lines.join(''), 1_000);
  const { rules, sources } = tally.top(1_000, 10_000);
  expect(rules).toMatchObject([{ events: 1_000 }]);
  expect(sources).toHaveLength(500);
});

test('the sums are those of all lines, the largest first', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ sid: fc.integer({ min: 1, max: 5 }), second: fc.nat(250) })), (events) => {
      const tally = new EventTally(0);
      for (const { sid, second } of events.toSorted((a, b) => a.second - b.second)) {
        tally.read(`${alertLine({ sid })}\n`, second * 1000);
      }
      const { rules } = tally.top(250_000, 10);
      for (const { label, events: counted } of rules) {
        expect(counted).toBe(events.filter(({ sid }) => label === `1:${sid} rule ${sid}`).length);
      }
      expect(rules.reduce((sum, { events: counted }) => sum + counted, 0)).toBe(events.length);
      expect(rules.map(({ events: counted }) => counted)).toEqual(
        rules.map(({ events: counted }) => counted).toSorted((a, b) => b - a),
      );
    }),
  );
});
