import { expect, test } from 'vitest';
import { healthLine, healthOf } from '../../src/service/health.ts';
import type { ServiceStatus } from '../../src/service/status.ts';
import { STATUS } from '../support/service-status.ts';

const judged = (status: Partial<ServiceStatus>, maxRefused = 0) => healthOf({ ...STATUS, ...status }, { maxRefused });
const withRefused = (refused: number): Partial<ServiceStatus> => ({
  ruleset: { ...STATUS.ruleset, rules: { ...STATUS.ruleset.rules, refused } },
});
const inactive = (failure: 'open' | 'closed'): ServiceStatus['interception'] => ({
  ...STATUS.interception,
  isActive: false,
  failure,
});
const [first, second] = STATUS.queues;
const oneMissing = { queues: [first!, { ...second!, isInspecting: false }] };

test('a service that works is OK, with figures for graphs', () => {
  expect(healthLine(judged({}))).toBe(
    'VPATCH OK - prevent mode, rules in force: 7, ruleset 0123456789ab | packets=100c bytes=5000c dropped=3c alerts=2c ' +
      'overflowed=0c overflows=0c lost_lines=0c restarts=0c waiting=2 flows=5 rules=7 refused=0 latency_p99=0.000128s resident=100000000B',
  );
});

test.each([
  ['restarts', 'restarts of workers in the last 5 minutes: 2'],
  ['overflowed', 'packets dropped since a queue was full in the last 5 minutes: 2'],
  ['overflows', 'times that a queue was full and may have let packets pass uninspected in the last 5 minutes: 2'],
  ['lostLines', 'event lines lost in the last 5 minutes: 2'],
  ['lostMessages', 'notifications that could not be delivered in the last 5 minutes: 2'],
  ['lostRules', 'removals of the firewall rules by somebody else in the last 5 minutes: 2'],
  ['failedPackets', 'packets that could not be inspected for a mistake of ours in the last 5 minutes: 2'],
])('new %s are a warning', (kind, text) => {
  const { state, reasons } = judged({ recent: { ...STATUS.recent, [kind]: 2 } });
  expect({ state, reasons }).toEqual({ state: 'WARNING', reasons: [expect.stringContaining(text)] });
});

test('old ones are none', () => {
  const incidents = { restarts: 3, lostRules: 3, lostLines: 3, failedPackets: 3, overflows: 3 };
  expect(judged({ incidents, events: { file: null, lostLines: 3, outputs: [] } }).state).toBe('OK');
});

test('refused rules are a warning, beyond as many as one is used to', () => {
  expect(judged(withRefused(3))).toMatchObject({
    state: 'WARNING',
    reasons: ['rules refused ("vpatch rules check" says why): 3'],
  });
  expect(judged(withRefused(3), 3).state).toBe('OK');
  expect(judged(withRefused(4), 3).state).toBe('WARNING');
});

test.each([
  ['open', oneMissing, 'traffic passes uninspected: no worker for queue 1, it is being started again'],
  ['closed', oneMissing, 'traffic is dropped: no worker for queue 1, it is being started again'],
  ['open', {}, 'traffic passes uninspected: the firewall rules are not in place'],
  ['closed', {}, 'traffic passes uninspected: the firewall rules are not in place'],
] as const)('fail %s: traffic that is not inspected is critical', (failure, status, reason) => {
  expect(judged({ ...status, interception: inactive(failure) })).toMatchObject({
    state: 'CRITICAL',
    reasons: [reason],
  });
});

test('the worst comes first', () => {
  const { state, reasons } = judged({ ...withRefused(1), interception: inactive('open') });
  expect(state).toBe('CRITICAL');
  expect(reasons).toEqual([expect.stringContaining('uninspected'), expect.stringContaining('rules refused')]);
});

test('a bar in a reason does not look like the beginning of the figures', () => {
  expect(healthLine({ state: 'UNKNOWN', reasons: ['/run/a|b: no'], figures: [] })).toBe(
    'VPATCH UNKNOWN - /run/a/b: no',
  );
});
