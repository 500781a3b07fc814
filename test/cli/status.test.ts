import { expect, test } from 'vitest';
import { statusText } from '../../src/cli/status.ts';
import { STATUS } from '../support/service-status.ts';

test('a service that works has a line for each thing, and none about trouble', () => {
  expect(statusText(STATUS)).toMatchInlineSnapshot(`
    "mode        prevent, since 2026-11-22T10:00:00.000Z
    inspecting  yes
                input and output on all interfaces but lo, nftables, fail open
    running     process 42, version 1.2.3, since 2026-11-22T10:00:00.000Z
    ruleset     0123456789ab, loaded 2026-11-22T10:00:00.500Z
                with the scan's policy ba9876543210
    rules       7 loaded, 3 drop, 4 alert, 0 refused
    packets     100 (0 MiB), 3 dropped
                3 rules
    alerts      2
    latency     half within 0.064 ms, 99 % within 0.128 ms, all within 0.128 ms
    pauses      none longer than 2.048 ms, of which workers themselves worked 1.024 ms at most
    queue 0     2 waiting, 0 dropped since it was full
    queue 1     the kernel says nothing of it
    flows       5 now, 2 of them bypassed; 20 so far, 7 bypassed
    memory      95.4 MiB resident, 0 MiB of it TCP reassembly
    events      0 lines lost
                file /var/log/vpatch/eve.json, 0 of them
    history     /var/lib/vpatch/history.db, 0 events lost
    "
  `);
});

test('what is not as it should be stands out, the most frequent first', () => {
  const text = statusText({
    ...STATUS,
    ruleset: { ...STATUS.ruleset, assigned: null, rules: { ...STATUS.ruleset.rules, held: 2, parked: 1 } },
    traffic: { ...STATUS.traffic, excepted: 4, dropsByReason: { rules: 3, flow_drop: 1_200 } },
    queues: [{ queue: 0, isInspecting: false, waiting: 12, overflowed: 5, beyondSocket: 3 }],
    events: { ...STATUS.events, outputs: [], lostLines: 0 },
    notify: { lostMessages: 6 },
    nextScan: '2026-11-23T03:00:00.000Z',
    history: { file: '/var/lib/vpatch/history.db', lostEvents: 9, problem: 'the disk is full' },
    incidents: { ...STATUS.incidents, restarts: 1, overflows: 2 },
  });
  expect(text).toMatchInlineSnapshot(`
    "mode        prevent, since 2026-11-22T10:00:00.000Z
    inspecting  yes
                input and output on all interfaces but lo, nftables, fail open
    running     process 42, version 1.2.3, since 2026-11-22T10:00:00.000Z
    ruleset     0123456789ab, loaded 2026-11-22T10:00:00.500Z
    rules       7 loaded, 3 drop, 4 alert, 2 of them held, 1 PARKED, 0 refused
    packets     100 (0 MiB), 3 dropped
                1,200 flow drop
                3 rules
    alerts      2, and 4 matches excepted
    latency     half within 0.064 ms, 99 % within 0.128 ms, all within 0.128 ms
    pauses      none longer than 2.048 ms, of which workers themselves worked 1.024 ms at most
    queue 0     12 waiting, 5 dropped since it was full (3 of them its socket), NO WORKER
    flows       5 now, 2 of them bypassed; 20 so far, 7 bypassed
    memory      95.4 MiB resident, 0 MiB of it TCP reassembly
    events      are written nowhere
    history     NO: the disk is full
    next scan   2026-11-23T03:00:00.000Z
    notified    6 messages could not be delivered
    incident    2 times a queue was full and may have let packets pass uninspected
    incident    1 workers had to be started again
    "
  `);
});

test('nothing in it can move the cursor of a terminal', () => {
  expect(statusText({ ...STATUS, nextScan: '\u001b[2Jsoon' })).not.toContain('\u001b');
});
