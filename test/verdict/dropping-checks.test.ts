import { describe, expect, test } from 'vitest';
import { CHECKS } from '../../src/verdict/checks.ts';
import { playPackets } from '../support/play.ts';
import type { CheckCases } from './cases/check-case.ts';
import { CONNECTION_CASES } from './cases/connection-cases.ts';
import { FRAGMENT_CASES } from './cases/fragment-cases.ts';
import { PACKET_CASES } from './cases/packet-cases.ts';
import { PROTOCOL_CASES } from './cases/protocol-cases.ts';
import { TUNNEL_CASES } from './cases/tunnel-cases.ts';

const CASES: CheckCases = {
  ...PACKET_CASES,
  ...FRAGMENT_CASES,
  ...TUNNEL_CASES,
  ...CONNECTION_CASES,
  ...PROTOCOL_CASES,
};
const dropping = CHECKS.filter(({ byDefault }) => byDefault === 'drop').map(({ name }) => name);

test('every check that drops by default has a case in test/verdict/cases, and every case is of such a check', () => {
  expect(dropping.length).toBeGreaterThan(90);
  expect(dropping.filter((name) => CASES[name] === undefined)).toEqual([]);
  expect(Object.keys(CASES).filter((name) => !dropping.includes(name))).toEqual([]);
});

describe.each(Object.entries(CASES))('%s', (name, { fails, arrives, inInterfaces, linkType, config }) => {
  const options = {
    ...(inInterfaces !== undefined && { inInterfaces }),
    ...(linkType !== undefined && { linkType }),
    ...(config !== undefined && { config }),
  };

  test.each(['detect', 'prevent'] as const)('drops in %s mode', (mode) => {
    const { anomalies, dropReasons, pipeline } = playPackets(fails, { ...options, mode });
    expect(anomalies.find(({ event }) => event === name)).toMatchObject({ event: name, isBlocked: true });
    expect(dropReasons).not.toEqual([]);
    const { values } = pipeline.counters;
    expect(values[pipeline.counters.index(`check.${name.replace('.', '_')}`)]).toBeGreaterThan(0);
  });

  test('what comes closest to it arrives', () => {
    const { anomalies, dropReasons } = playPackets(arrives, {
      ...options,
      mode: 'prevent',
      // As live: a packet may be of a connection that was there before.
      midstreamUntilMs: Number.POSITIVE_INFINITY,
    });
    expect(anomalies.map(({ event }) => event)).not.toContain(name);
    expect(dropReasons).toEqual([]);
  });
});
