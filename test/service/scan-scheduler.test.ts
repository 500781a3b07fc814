import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Config, DEFAULTS } from '../../src/config/config.ts';
import { policyRulesFile } from '../../src/config/state-paths.ts';
import { MAX_RUNS, readJournal } from '../../src/scan/schedule/journal.ts';
import type { CommandOutcome } from '../../src/service/command-process.ts';
import type { Notice } from '../../src/service/notify/notice.ts';
import type { Reloaded } from '../../src/service/policy-keeper.ts';
import { CLOCK_STEP_MS, ScanScheduler, START_PAUSE_MS } from '../../src/service/scan-scheduler.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const REFUSED: Reloaded = { status: 'refused', reasons: ['a test'] };
const TAKEN: Reloaded = {
  status: 'ok',
  version: 'x',
  rules: { loaded: 0, byAction: { alert: 0, drop: 0, pass: 0, reject: 0 }, held: 0, refused: [], warnings: 0 },
  newlyRefused: [],
  waiting: [],
  isChanged: true,
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-scheduler-'));
  vi.useFakeTimers({ now: Date.parse('2026-11-22T10:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

function setUp(schedule: Partial<Config['scan']['schedule']> = {}, stateFolder = folder) {
  const state = {
    settings: {
      ...DEFAULTS.scan,
      schedule: { ...DEFAULTS.scan.schedule, when: 'daily at 12:00', timeZone: 'UTC', ...schedule },
    } as Config['scan'],
    /** What a scan does, and how it ends. */
    scan: async (_signal: AbortSignal): Promise<CommandOutcome> => ({ result: 'ok', text: 'all well' }),
    reloaded: TAKEN,
    scans: [] as string[],
    reloads: 0,
    notices: [] as Notice[],
  };
  const scheduler = new ScanScheduler({
    settings: () => state.settings,
    stateFolder,
    scan: (_, signal) => {
      state.scans.push(new Date().toISOString().slice(0, 19));
      return state.scan(signal);
    },
    reload: async () => {
      state.reloads += 1;
      return state.reloaded;
    },
    notify: (notice) => void state.notices.push(notice),
    log: pino({ level: 'silent' }),
    now: () => Date.now(),
  });
  scheduler.start();
  return { scheduler, state };
}

function assign(version: string): void {
  const link = policyRulesFile(folder);
  mkdirSync(join(link, '..'), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(`versions/${version}.rules`, link);
}

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
const runs = () => readJournal(folder)?.runs;

test('scans when it is due, to the second, and remembers it', async () => {
  const { state } = setUp();
  state.scan = async () => {
    await new Promise((resolve) => setTimeout(resolve, 7_000));
    return { result: 'ok', text: '2 weaknesses found' };
  };
  await pass(2 * DAY_MS);
  expect(state.scans).toEqual(['2026-11-22T12:00:00', '2026-11-23T12:00:00']);
  expect(runs()?.[0]).toEqual({
    dueMs: Date.parse('2026-11-22T12:00:00Z'),
    startedMs: Date.parse('2026-11-22T12:00:00Z'),
    durationMs: 7_000,
    why: 'due',
    result: 'ok',
    text: '2 weaknesses found',
  });
});

test('remembers the last hundred', async () => {
  setUp({ when: 'hourly at minute 0' });
  await pass(5 * DAY_MS);
  expect(runs()).toHaveLength(MAX_RUNS);
  expect(runs()?.at(-1)?.dueMs).toBe(Date.parse('2026-11-27T10:00:00Z'));
});

test('a schedule that is new does not begin with a missed run', async () => {
  const { state } = setUp({ when: 'monthly on day 1 at 12:00' });
  await pass(DAY_MS);
  expect(state.scans).toEqual([]);
});

test('runs that were missed are made up for by one', async () => {
  const { scheduler } = setUp();
  await pass(DAY_MS);
  await scheduler.stop();
  vi.setSystemTime(Date.parse('2026-11-29T15:00:00Z'));

  const { state } = setUp();
  await pass(DAY_MS);
  expect(state.scans).toEqual(['2026-11-29T15:02:00', '2026-11-30T12:00:00']);
  expect(runs()?.map(({ why, dueMs }) => [why, new Date(dueMs).toISOString().slice(0, 10)])).toEqual([
    ['due', '2026-11-22'],
    ['missed', '2026-11-23'],
    ['due', '2026-11-30'],
  ]);
});

test('or left out, where the configuration says so', async () => {
  const { scheduler } = setUp({ isCaughtUp: false });
  await pass(DAY_MS);
  await scheduler.stop();
  vi.setSystemTime(Date.parse('2026-11-29T15:00:00Z'));

  const { state } = setUp({ isCaughtUp: false });
  await pass(DAY_MS);
  expect(state.scans).toEqual(['2026-11-30T12:00:00']);
});

test('a run that is due in the pause after the start is made after it', async () => {
  vi.setSystemTime(Date.parse('2026-11-22T11:00:00Z'));
  const first = setUp({ isCaughtUp: false });
  await pass(10 * MINUTE_MS);
  await first.scheduler.stop();
  vi.setSystemTime(Date.parse('2026-11-22T11:59:30Z'));
  const { state } = setUp({ isCaughtUp: false });
  await pass(START_PAUSE_MS);
  expect(state.scans).toEqual(['2026-11-22T12:01:30']);
});

test('one at a time: what is due meanwhile waits', async () => {
  const { state } = setUp({ when: 'hourly at minute 0' });
  let running = 0;
  state.scan = async () => {
    running += 1;
    expect(running).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 90 * MINUTE_MS));
    running -= 1;
    return { result: 'ok', text: '' };
  };
  await pass(4 * HOUR_MS);
  expect(state.scans).toEqual(['2026-11-22T11:00:00', '2026-11-22T12:31:00']);
});

test('a clock that is put forward brings the run that it passes over', async () => {
  const { state } = setUp();
  await pass(10 * MINUTE_MS);
  vi.setSystemTime(Date.parse('2026-11-23T08:00:00Z'));
  await pass(MINUTE_MS);
  expect(state.scans).toEqual(['2026-11-23T08:01:00']);
  await pass(4 * HOUR_MS);
  expect(state.scans).toEqual(['2026-11-23T08:01:00', '2026-11-23T12:00:00']);
});

test('a clock that is set back a little repeats nothing', async () => {
  const { state } = setUp();
  await pass(2 * HOUR_MS + MINUTE_MS);
  vi.setSystemTime(Date.now() - CLOCK_STEP_MS + MINUTE_MS);
  await pass(3 * HOUR_MS);
  expect(state.scans).toEqual(['2026-11-22T12:00:00']);
});

test('a clock that was years ahead does not stop scans for years', async () => {
  const { state } = setUp();
  vi.setSystemTime(Date.parse('2036-01-01T11:00:00Z'));
  await pass(2 * HOUR_MS);
  vi.setSystemTime(Date.parse('2026-11-22T11:00:00Z'));
  await pass(2 * HOUR_MS);
  expect(state.scans.at(-1)).toBe('2026-11-22T12:00:00');
});

test('a reload may change the schedule, or end it', async () => {
  const { state } = setUp();
  await pass(3 * HOUR_MS);
  state.settings = { ...state.settings, schedule: { ...state.settings.schedule, when: 'hourly at minute 30' } };
  await pass(HOUR_MS);
  expect(state.scans).toEqual(['2026-11-22T12:00:00', '2026-11-22T13:30:00']);
  state.settings = { ...state.settings, schedule: { ...state.settings.schedule, when: null } };
  await pass(DAY_MS);
  expect(state.scans).toHaveLength(2);
});

test('a policy that has changed is taken over, and no other', async () => {
  assign('one');
  const { state } = setUp();
  await pass(DAY_MS);
  expect(state.reloads).toBe(0);
  state.scan = async () => {
    assign('two');
    return { result: 'ok', text: '' };
  };
  await pass(2 * DAY_MS);
  expect(state.reloads).toBe(1);
});

test('a reload that was refused is tried again with the next scan', async () => {
  const { state } = setUp();
  state.reloaded = REFUSED;
  state.scan = async () => {
    assign('two');
    return { result: 'ok', text: '' };
  };
  await pass(DAY_MS);
  state.reloaded = TAKEN;
  await pass(2 * DAY_MS);
  expect([state.scans.length, state.reloads]).toEqual([3, 2]);
});

test('a scan that failed is remembered, and not tried again before the next is due', async () => {
  const { state } = setUp();
  state.scan = async () => ({ result: 'failed', text: 'no disk' });
  await pass(DAY_MS);
  expect(state.scans).toHaveLength(1);
  expect(runs()).toMatchObject([{ result: 'failed', text: 'no disk' }]);
});

test('a scan that ends with the service is made again after its next start', async () => {
  const { scheduler, state } = setUp();
  state.scan = (signal) =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve({ result: 'stopped', text: '' }));
    });
  await pass(2 * HOUR_MS + MINUTE_MS);
  await scheduler.stop();
  expect(runs()).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);

  const next = setUp();
  await pass(HOUR_MS);
  expect(next.state.scans).toHaveLength(1);
});

test('without a place for the history scans go on', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const { state } = setUp({}, file);
  await pass(2 * DAY_MS);
  expect(state.scans).toHaveLength(2);
});

test('a damaged history is begun anew', async () => {
  mkdirSync(join(folder, 'scans'));
  writeFileSync(join(folder, 'scans', 'schedule.json'), '{');
  const { state } = setUp();
  await pass(DAY_MS);
  expect(state.scans).toHaveLength(1);
  expect(runs()).toHaveLength(1);
});

test('new results are told, also over a restart, and failures', async () => {
  const { scheduler, state } = setUp({ when: 'hourly at minute 15' });
  await pass(2 * HOUR_MS);
  expect(state.notices).toMatchObject([{ kind: 'scan', details: [['now', 'all well']] }]);
  await scheduler.stop();

  const next = setUp({ when: 'hourly at minute 15' });
  next.state.scan = async () => ({ result: 'failed', text: 'no disk' });
  await pass(HOUR_MS);
  next.state.scan = async () => ({ result: 'ok', text: 'all well' });
  await pass(HOUR_MS);
  next.state.scan = async () => ({ result: 'ok', text: '1 weakness' });
  await pass(HOUR_MS);
  expect(next.state.notices).toMatchObject([
    { kind: 'failures', title: 'scan ended: failed; the policy stays as it is: no disk' },
    {
      kind: 'scan',
      details: [
        ['now', '1 weakness'],
        ['before', 'all well'],
      ],
    },
  ]);
});
