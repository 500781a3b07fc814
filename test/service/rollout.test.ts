import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readHeld } from '../../src/patches/held-store.ts';
import type { Pins } from '../../src/patches/policy.ts';
import { PolicyStore } from '../../src/patches/policy-store.ts';
import type { Notice } from '../../src/service/notify/notice.ts';
import { Rollout } from '../../src/service/rollout.ts';
import { alertLine, dropLine, eveLines } from '../support/eve-lines.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-rollout-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const pin = (pins: Pins): void => new PolicyStore(folder).setPins(pins);

function setUp() {
  const world = {
    nowMs: 1000,
    totals: { flows: 0, lostLines: 0, isInspecting: true },
    problem: null as string | null,
    promoted: [] as string[],
    notices: [] as Notice[],
  };
  const rollout = new Rollout({
    stateFolder: folder,
    soak: () => ({ timeMs: DAY_MS, flows: 100 }),
    totals: () => world.totals,
    promote: async (id) => {
      world.promoted.push(id);
      if (world.problem === null) pin({});
      return world.problem;
    },
    notify: (notice) => world.notices.push(notice),
    log: pino({ level: 'silent' }),
    now: () => world.nowMs,
    monotonicMs: () => world.nowMs,
  });
  const pass = async (durationMs: number, flows: number): Promise<void> => {
    world.nowMs += durationMs;
    world.totals = { ...world.totals, flows: world.totals.flows + flows };
    await rollout.look();
  };
  return { rollout, world, pass };
}

const alert = (id: string, more: object = {}): string =>
  alertLine({
    alert: { gid: 1, signature_id: 7, metadata: { vpatch_hold: [`soak ${id}`] } },
    vpatch: { mode: 'prevent', would_block: true, ...more },
  });

test('what has not matched for so long and so many connections blocks', async () => {
  pin({ 'cve-2021-1': 'soak', '1:7': 'detect', 'cve-2021-2': 'on' });
  const { world, pass } = setUp();
  await pass(DAY_MS, 99);
  expect(world.promoted).toEqual([]);
  await pass(1, 1);
  expect(world.promoted).toEqual(['cve-2021-1']);
  await pass(DAY_MS, 100);
  expect(world.promoted).toHaveLength(1);
  expect(readHeld(folder)).toEqual({});
});

test('a match begins the soak anew, and is kept for the report', async () => {
  pin({ 'cve-2021-1': 'soak' });
  const { rollout, world, pass } = setUp();
  await pass(DAY_MS - 1, 1000);
  rollout.read(eveLines(dropLine()));
  rollout.read(eveLines(alert('cve-2021-1'), alert('cve-2021-1', { folded: { events: 40 } }), alert('another')));
  await pass(HOUR_MS, 10);
  expect(world.promoted).toEqual([]);
  expect(readHeld(folder)).toEqual({
    'cve-2021-1': {
      hold: 'soak',
      sinceMs: 1000,
      hits: 41,
      lastHitMs: DAY_MS + 999,
      cleanMs: HOUR_MS,
      cleanFlows: 10,
      rules: { '1:7': 41 },
      sources: { '192.0.2.1': 41 },
    },
  });
});

test('only inspected time counts, and none in which events were lost', async () => {
  pin({ 'cve-2021-1': 'soak' });
  const { world, pass } = setUp();
  world.totals = { ...world.totals, isInspecting: false };
  await pass(DAY_MS, 1000);
  world.totals = { ...world.totals, isInspecting: true };
  await pass(DAY_MS, 1000);
  expect(world.promoted).toEqual([]);
  await pass(HOUR_MS, 10);
  expect(readHeld(folder)['cve-2021-1']).toMatchObject({ cleanMs: HOUR_MS, cleanFlows: 10 });
  world.totals = { ...world.totals, lostLines: 1 };
  await pass(DAY_MS, 1000);
  expect(readHeld(folder)['cve-2021-1']).toMatchObject({ cleanMs: 0, cleanFlows: 0 });
});

test('goes on after a restart, and anew after another pin', async () => {
  pin({ 'cve-2021-1': 'soak' });
  const first = setUp();
  await first.pass(HOUR_MS, 10);
  await first.rollout.stop();
  const second = setUp();
  await second.pass(HOUR_MS, 10);
  expect(readHeld(folder)['cve-2021-1']).toMatchObject({ cleanMs: 2 * HOUR_MS, cleanFlows: 20 });
  pin({ 'cve-2021-1': 'detect' });
  await second.pass(HOUR_MS, 10);
  expect(readHeld(folder)['cve-2021-1']).toMatchObject({ hold: 'detect', cleanFlows: 10 });
});

test('a promotion that fails is told, and tried again later', async () => {
  pin({ 'cve-2021-1': 'soak' });
  const { world, pass } = setUp();
  world.problem = 'the disk is full';
  await pass(DAY_MS, 100);
  await pass(60_000, 1);
  expect(world.promoted).toHaveLength(1);
  expect(world.notices.map(({ title }) => title)).toEqual([
    'cve-2021-1 goes on to be held, although its soak is over: the disk is full',
  ]);
  world.problem = null;
  await pass(HOUR_MS, 1);
  expect(world.promoted).toHaveLength(2);
});

test('sources beyond the first are told together', async () => {
  pin({ 'cve-2021-1': 'detect' });
  const { rollout, pass } = setUp();
  for (let at = 0; at < 30; at++) {
    rollout.read(eveLines(alert('cve-2021-1').replace('192.0.2.1', `192.0.2.${at}`)));
  }
  await pass(1, 1);
  expect(Object.keys(readHeld(folder)['cve-2021-1']!.sources)).toHaveLength(21);
  expect(readHeld(folder)['cve-2021-1']!.sources.others).toBe(10);
});

test('files that are damaged end nothing', async () => {
  mkdirSync(join(folder, 'policy'));
  writeFileSync(join(folder, 'policy', 'held.json'), '{');
  writeFileSync(join(folder, 'policy', 'pins.json'), '{');
  const { rollout, world, pass } = setUp();
  await pass(DAY_MS, 1000);
  rollout.read(eveLines(alert('cve-2021-1')));
  await rollout.stop();
  expect(world.promoted).toEqual([]);
});
