import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventTally } from '../../src/service/event-tally.ts';
import { alertLine, dropLine, eveLines } from '../support/eve-lines.ts';

/** A tally that begins at zero, fed and asked at the times that are named. */
function startTally() {
  let nowMs = 0;
  const tally = new EventTally(() => nowMs);
  return (timeMs: number): EventTally => {
    nowMs = timeMs;
    return tally;
  };
}

const tallied = (...lines: readonly string[]) => {
  const tally = startTally();
  tally(1_000).read(eveLines(...lines));
  return tally(2_000).top(10);
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
  const tally = startTally();
  tally(1_000).read(eveLines(alertLine()));
  tally(200_000).read(eveLines(alertLine({ sid: 2 })));
  expect(tally(299_000).top(10).rules).toHaveLength(2);
  expect(
    tally(302_000)
      .top(10)
      .rules.map(({ label }) => label),
  ).toEqual(['1:2 rule 2']);
  expect(tally(400_000).top(10).seconds).toBe(300);
  tally(10_000_000).read(eveLines(alertLine({ sid: 3 })));
  tally(500_000).read(eveLines(alertLine({ sid: 4 })));
  expect(
    tally(500_000)
      .top(10)
      .rules.map(({ label }) => label),
  ).toEqual(['1:4 rule 4']);
});

test('forged sources take bounded memory and bounded time', () => {
  const tally = startTally();
  const lines = Array.from({ length: 3_000 }, (_, i) => alertLine({ source: `10.0.${i >> 8}.${i & 255}` }));
  tally(1_000).read(eveLines(...lines));
  const { rules, sources } = tally(1_000).top(10_000);
  expect(rules).toMatchObject([{ events: 1_000 }]);
  expect(sources).toHaveLength(500);
});

test('the sums are those of all lines, the largest first', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ sid: fc.integer({ min: 1, max: 5 }), second: fc.nat(250) })), (events) => {
      const tally = startTally();
      for (const { sid, second } of events.toSorted((a, b) => a.second - b.second)) {
        tally(second * 1000).read(eveLines(alertLine({ sid })));
      }
      const { rules } = tally(250_000).top(10);
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
