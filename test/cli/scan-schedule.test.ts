import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { writeJournal } from '../../src/scan/schedule/journal.ts';
import { vpatch } from '../support/command-line.ts';

let folder: string;
let config: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-schedule-'));
  config = join(folder, 'vpatch.yaml');
  vi.useFakeTimers({ now: Date.parse('2026-10-20T10:00:00Z'), toFake: ['Date'] });
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

const configure = (...schedule: string[]): void =>
  writeFileSync(config, `scan:\n  schedule:\n${schedule.map((line) => `    ${line}\n`).join('')}`);
const scanSchedule = (...args: string[]) => vpatch('scan', 'schedule', '--config', config, '--state', folder, ...args);

test('without a schedule', async () => {
  configure('when: none');
  expect((await scanSchedule()).stdout).toBe(
    'no schedule: scan.schedule.when of the configuration is none\n\nno scan was made by the schedule yet\n',
  );
});

test('shows the next scans in local time, and the last ones', async () => {
  configure('when: weekly on sunday at 03:30', 'time-zone: Europe/Berlin');
  writeJournal(folder, {
    schedule: '',
    doneUntilMs: 0,
    runs: [
      {
        dueMs: Date.parse('2026-10-18T01:30:00Z'),
        startedMs: Date.parse('2026-10-18T06:12:00Z'),
        durationMs: 2_140,
        why: 'missed',
        result: 'ok',
        text: '2 weaknesses found\npolicy 5b1f03c7a921 is in force',
      },
    ],
  });
  expect((await scanSchedule('--count', '2')).stdout).toBe(`weekly on sunday at 03:30, Europe/Berlin

Next scans
  2026-10-25T03:30:00+01:00
  2026-11-01T03:30:00+01:00

Last scans
  2026-10-18T08:12:00+02:00  missed  2.1 s  ok  2 weaknesses found; policy 5b1f03c7a921 is in force
`);
  expect(JSON.parse((await scanSchedule('--json', '-n', '1')).stdout)).toEqual({
    schedule: 'weekly on sunday at 03:30',
    timeZone: 'Europe/Berlin',
    next: [{ due: '2026-10-25T03:30:00+01:00', start: '2026-10-25T03:30:00+01:00' }],
    last: [
      {
        due: '2026-10-18T03:30:00+02:00',
        started: '2026-10-18T08:12:00+02:00',
        durationMs: 2_140,
        why: 'missed',
        result: 'ok',
        text: '2 weaknesses found\npolicy 5b1f03c7a921 is in force',
      },
    ],
  });
});

test('shows when a run starts that jitter delays', async () => {
  configure('when: daily at 03:30', 'time-zone: UTC', 'jitter: 1h');
  expect((await scanSchedule('-n', '1')).stdout).toMatch(
    /^ {2}2026-10-2\dT03:30:00\+00:00 {2}starts 2026-10-2\dT0[34]:\d\d:\d\d\+00:00$/m,
  );
});

test('says where the configuration is wrong', async () => {
  configure(
    'when: weekly on mon at 03:30',
    'time-zone: Berlin',
    'counted-from: 2026-02-30',
    'jitter: 13h',
    'catchup: yes',
  );
  const { exitCode, stderr } = await scanSchedule();
  expect(exitCode).toBe(2);
  expect(stderr.split('\n')).toEqual([
    expect.stringMatching(
      /vpatch\.yaml:3:11: scan\.schedule\.when: expected a weekday of monday, .*found "weekly on mon/,
    ),
    expect.stringMatching(/:4:16: scan\.schedule\.time-zone: expected a time zone such as Europe\/Berlin, or system/),
    expect.stringMatching(/:5:19: scan\.schedule\.counted-from: expected a date such as 2024-01-01/),
    expect.stringMatching(/:6:13: scan\.schedule\.jitter: expected a duration from 0s to 12h/),
    expect.stringMatching(/:7:5: scan\.schedule\.catchup: .*did you mean catch-up/),
    '',
  ]);
});

test.each(['0', '1001', 'x'])('a count of %s', async (count) => {
  configure('when: daily at 03:30');
  expect(await scanSchedule('-n', count)).toMatchObject({ exitCode: 2 });
});
