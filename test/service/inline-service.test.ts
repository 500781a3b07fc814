import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Counters } from '../../src/base/counters.ts';
import { type Config, DEFAULTS, type Mode } from '../../src/config/config.ts';
import { policyRulesFile } from '../../src/config/state-paths.ts';
import type { Exception } from '../../src/detect/exceptions.ts';
import { PIPELINE_COUNTERS } from '../../src/output/pipeline-counters.ts';
import { EventTally } from '../../src/service/event-tally.ts';
import { ExceptionStore, newExceptionSchema } from '../../src/service/exception-store.ts';
import { HostAddresses } from '../../src/service/host-variables.ts';
import { InlineService } from '../../src/service/inline-service.ts';
import type { Interception } from '../../src/service/interception.ts';
import { KeptPolicy } from '../../src/service/kept-policy.ts';
import { LatencyHistogram } from '../../src/service/latency.ts';
import { PauseMeter } from '../../src/service/pauses.ts';
import type { Policy } from '../../src/service/policy.ts';
import { PolicyKeeper } from '../../src/service/policy-keeper.ts';
import type { RuleReport } from '../../src/service/rule-set.ts';
import type { RuleTexts } from '../../src/service/rule-texts.ts';
import { INTERCEPTION } from '../support/interception.ts';

const REPORT: RuleReport = {
  loaded: 7,
  byAction: { alert: 4, drop: 3, pass: 0, reject: 0 },
  held: 0,
  refused: [],
  warnings: 1,
};
const RULES: RuleTexts = { files: [], classification: null, reference: null, threshold: null, reputation: null };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-service-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function setUp(addresses: HostAddresses | null = null) {
  const counters = new Counters(PIPELINE_COUNTERS);
  const supervisor = {
    mode: 'detect' as Mode,
    counters: [counters.values, new Counters(PIPELINE_COUNTERS).values],
    incidents: { restarts: 0, lostRules: 0, lostLines: 0, failedPackets: 0, overflows: 0 },
    isIntercepting: true,
    latency: LatencyHistogram.figures([]),
    pauses: PauseMeter.figures([]),
    queues: [{ queue: 0, isInspecting: true }],
    interceptions: [] as Interception[],
    exceptions: [] as readonly Exception[],
    setExceptions(exceptions: readonly Exception[]): void {
      this.exceptions = exceptions;
    },
    setInterception(interception: Interception): void {
      this.interceptions.push(interception);
    },
    setMode(mode: Mode): void {
      this.mode = mode;
    },
  };
  const state = {
    nowMs: 1_000_000,
    next: DEFAULTS as Config,
    rules: RULES,
    adopted: [] as Policy[],
    problems: [] as string[],
  };
  const now = (): number => state.nowMs;
  const policies = new PolicyKeeper(
    {
      policy: KeptPolicy.of({ config: DEFAULTS, rules: RULES }),
      read: () =>
        state.problems.length > 0
          ? { status: 'invalid', problems: state.problems }
          : { status: 'ok', policy: { config: state.next, rules: state.rules } },
      check: async (policy) => ({
        rules: REPORT,
        checked: { ...policy, image: new Uint8Array(new SharedArrayBuffer(0)), datasets: [] },
      }),
      adopt: async (checked) => void state.adopted.push(checked),
      release: async () => {},
      now,
    },
    REPORT,
  );
  const stops: string[] = [];
  const headlines: string[] = [];
  const failures: string[] = [];
  const service = new InlineService({
    supervisor,
    policies,
    exceptions: ExceptionStore.open(join(folder, 'exceptions.json')),
    interception: INTERCEPTION,
    firewallName: 'fake',
    addresses,
    log: pino({ level: 'silent' }),
    now,
    version: '1.2.3',
    lostLines: () => 5,
    tally: new EventTally(now),
    outputs: () => [],
    history: () => null,
    lostMessages: () => 4,
    nextScanMs: () => 0,
    stop: (by) => stops.push(by),
    onChange: (headline) => headlines.push(headline),
    onFailure: (what) => failures.push(what),
  });
  return { service, supervisor, state, counters, stops, policies, headlines, failures };
}

test('status adds up the workers, and names what happened', () => {
  const { service, counters, state } = setUp();
  counters.set('decoder.pkts', 10);
  counters.set('ips.drop_reason.rules', 2);
  counters.set('check.tcp_syn_fin', 1);
  state.nowMs += 61_500;
  expect(service.status()).toMatchObject({
    version: '1.2.3',
    mode: 'detect',
    modeSince: new Date(1_000_000).toISOString(),
    uptimeSeconds: 61,
    ruleset: { rules: { loaded: 7, alert: 4, drop: 3, refused: 0, warnings: 1 } },
    traffic: { packets: 10, dropsByReason: { rules: 2 }, checks: { tcp_syn_fin: 1 } },
    events: { file: null, lostLines: 5, outputs: [] },
    notify: { lostMessages: 4 },
    nextScan: '1970-01-01T00:00:00.000Z',
  });
});

test('what went wrong lately is told apart from what did so long ago', () => {
  const { service, supervisor, state } = setUp();
  service.noteTroubles();
  supervisor.incidents = { ...supervisor.incidents, restarts: 1 };
  state.nowMs += 10_000;
  service.noteTroubles();
  expect(service.status()).toMatchObject({ incidents: { restarts: 1 }, recent: { restarts: 1, lostLines: 5 } });
  state.nowMs += 6 * 60_000;
  expect(service.status()).toMatchObject({ incidents: { restarts: 1 }, recent: { restarts: 0, lostLines: 0 } });
});

test('a mode holds since it was changed, not since it was asked for again', () => {
  const { service, state, headlines } = setUp();
  state.nowMs += 1_000;
  expect(service.setMode('prevent', 'a test')).toEqual({ mode: 'prevent', before: 'detect' });
  state.nowMs += 1_000;
  expect(service.setMode('prevent', 'a test')).toEqual({ mode: 'prevent', before: 'prevent' });
  expect(headlines).toEqual([expect.stringMatching(/^prevent mode, 7 rules, ruleset [0-9a-f]{12}$/)]);
  expect(service.status().modeSince).toBe(new Date(1_001_000).toISOString());
});

test('a refused reload is told', async () => {
  const { service, state, failures } = setUp();
  state.problems = ['vpatch.yaml:1:1: wrong'];
  await service.reload(false, 'SIGHUP');
  expect(failures).toEqual(['reload refused, everything stays as it was: vpatch.yaml:1:1: wrong']);
});

test('a reload changes the mode only where the configuration does', async () => {
  const { service, supervisor, state } = setUp();
  service.setMode('prevent', 'a test');
  await service.reload(false, 'a test');
  expect(supervisor.mode).toBe('prevent');
  state.next = { ...DEFAULTS, mode: 'prevent' };
  await service.reload(false, 'a test');
  state.next = DEFAULTS;
  await service.reload(false, 'a test');
  expect(supervisor.mode).toBe('detect');
});

test('a reload with other management ports changes the firewall rules, any other one leaves them alone', async () => {
  const { service, supervisor, state } = setUp();
  await service.reload(false, 'a test');
  expect(supervisor.interceptions).toEqual([]);
  state.next = { ...DEFAULTS, queue: { ...DEFAULTS.queue, managementPorts: [22] } };
  await service.reload(false, 'a test');
  await service.reload(false, 'a test');
  expect(supervisor.interceptions).toEqual([{ ...INTERCEPTION, managementPorts: [22] }]);
});

test('new addresses of the host are taken over, at most once in a while', async () => {
  const listed = ['192.0.2.1'];
  const addresses = new HostAddresses(() => ({
    status: 0,
    output: JSON.stringify([{ addr_info: listed.map((local) => ({ local })) }]),
    error: '',
  }));
  const { service, state, policies } = setUp(addresses);
  const home = (): string | undefined => policies.policy.config.variables.addresses.HOME_NET;
  await service.followAddresses();
  expect(state.adopted).toEqual([]);
  listed.push('192.0.2.9');
  await service.followAddresses();
  expect(home()).toContain('192.0.2.9');
  listed.push('192.0.2.10');
  state.nowMs += 29_000;
  await service.followAddresses();
  expect(state.adopted).toHaveLength(1);
  state.nowMs += 1_000;
  await service.followAddresses();
  expect(home()).toContain('192.0.2.10');
  listed.splice(0, 2);
  state.nowMs += 60_000;
  await service.followAddresses();
  expect(state.adopted).toHaveLength(2);
});

test('exceptions reach the workers, and those that are not there are told', async () => {
  const { service, supervisor } = setUp();
  const exception = newExceptionSchema.parse({ sid: 7, source: '192.0.2.1' });
  const added = await service.answer({ command: 'except-add', exception }, 'a test');
  expect(added).toMatchObject({ status: 'ok', result: { id: 1, sid: 7 } });
  expect(supervisor.exceptions).toMatchObject([{ id: 1, sid: 7, source: '192.0.2.1', path: null }]);
  expect(await service.answer({ command: 'except-list' }, 'a test')).toMatchObject({ result: [{ id: 1 }] });
  expect(await service.answer({ command: 'except-remove', ids: [1, 2] }, 'a test')).toMatchObject({
    status: 'failed',
    lines: ['there is no exception 2'],
  });
  expect(await service.answer({ command: 'except-remove', ids: [1] }, 'a test')).toMatchObject({ result: [{ id: 1 }] });
  expect(supervisor.exceptions).toEqual([]);
});

test('requests over the socket reach it', async () => {
  const { service, stops, supervisor } = setUp();
  expect(await service.answer({ command: 'mode', mode: 'prevent' }, 'a test')).toMatchObject({ status: 'ok' });
  expect(supervisor.mode).toBe('prevent');
  expect(await service.answer({ command: 'reload', force: false }, 'a test')).toMatchObject({ status: 'ok' });
  expect(await service.answer({ command: 'stop' }, 'a test')).toEqual({ status: 'ok', result: { pid: process.pid } });
  expect(stops).toEqual(['a test']);
});

test('status names the version of what the scan has assigned', async () => {
  const { service, state, policies } = setUp();
  expect(service.status().ruleset.assigned).toBeNull();
  const text = '# Made by vpatch.\n# Policy 0123456789ab\nalert ip any any -> any any (sid:1;)\n';
  const file = policyRulesFile(DEFAULTS.state.folder);
  state.rules = { ...RULES, files: [{ file, text }] };
  await policies.reload(false);
  expect(service.status().ruleset.assigned).toBe('0123456789ab');
});
