import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EventStore } from '../../../src/service/history/event-store.ts';
import { HistoryWriter } from '../../../src/service/history/history-writer.ts';
import { alertLine, dropLine, NOW_MS } from '../../support/eve-lines.ts';

const DAY_MS = 86_400_000;
const MIB = 1024 * 1024;
const LIMITS = { maxAgeMs: 30 * DAY_MS, maxBytes: 64 * MIB };

let folder: string;
let file: string;
let told: (string | null)[];
let notes: string[];
let writer: HistoryWriter;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-history-'));
  file = join(folder, 'state', 'history.db');
  told = [];
  notes = [];
  writer = writerWith(LIMITS);
});
afterEach(() => {
  writer.close();
  rmSync(folder, { recursive: true });
});

const writerWith = (limits: typeof LIMITS): HistoryWriter =>
  new HistoryWriter({
    file,
    limits,
    onProblem: (problem) => told.push(problem),
    onNote: (note) => notes.push(note),
  });

function rows<Row>(sql: string): Row[] {
  const database = new Database(file, { readonly: true });
  try {
    return database.prepare<Row>(sql).all();
  } finally {
    database.close();
  }
}

const trimAll = (nowMs: number): void => {
  while (writer.trim(nowMs));
};

const modeOf = (path: string): number => statSync(path).mode & 0o777;

test('what is written is there at once for others, in files that only the owner can read', () => {
  const lines = [alertLine(), dropLine(), alertLine({ source: '2001:db8::1' })];
  expect(writer.write(lines, NOW_MS)).toBe(0);
  expect(rows('SELECT line FROM lines ORDER BY id')).toEqual(lines.map((line) => ({ line })));
  // Two alerts of one rule have one kind.
  expect(rows('SELECT name, cves FROM kinds ORDER BY id')).toEqual([
    { name: 'rule 9000001', cves: 'CVE-2021-44228' },
    { name: 'tcp.syn_fin', cves: '' },
  ]);
  expect(modeOf(join(folder, 'state'))).toBe(0o700);
  expect(readdirSync(join(folder, 'state')).map((name) => modeOf(join(folder, 'state', name)))).toEqual([
    0o600, 0o600, 0o600,
  ]);
  expect(told).toEqual([]);
});

test('a later start goes on with what is there', () => {
  writer.write([alertLine()], NOW_MS);
  writer.close();
  writer = writerWith(LIMITS);
  writer.write([alertLine()], NOW_MS);
  expect(rows('SELECT kind FROM events')).toEqual([{ kind: 1 }, { kind: 1 }]);
});

test('what is no event is lost, and nothing else', () => {
  expect(writer.write(['{"event_type":"alert"', alertLine()], NOW_MS)).toBe(1);
  expect(rows('SELECT id FROM events')).toHaveLength(1);
});

test('what is too old is deleted with its line', () => {
  writer.write([alertLine({ time: '2026-10-01T00:00:00.000000+0000' }), alertLine()], NOW_MS);
  trimAll(NOW_MS);
  expect(rows('SELECT time_ms FROM events')).toEqual([{ time_ms: NOW_MS }]);
  expect(rows('SELECT id FROM lines')).toHaveLength(1);
});

test('whatever comes, the file stays below its limit, and the newest events are there', () => {
  const maxBytes = MIB;
  writer.close();
  writer = writerWith({ ...LIMITS, maxBytes });
  let last = 0;
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 40 }), (lengths) => {
      const lines = lengths.map((length) => {
        last++;
        const time = new Date(NOW_MS + last * 1000).toISOString().replace('Z', '000+0000');
        return alertLine({ time, payload_printable: 'x'.repeat(length) });
      });
      expect(writer.write(lines, NOW_MS)).toBe(0);
      trimAll(NOW_MS);
      expect(statSync(file).size).toBeLessThan(maxBytes * 2);
      const [newest] = rows<{ time: number; kept: number }>(
        'SELECT max(time_ms) AS time, count(*) AS kept FROM events',
      );
      expect(newest!.time).toBe(NOW_MS + last * 1000);
    }),
    { numRuns: 30 },
  );
  const store = EventStore.open(file, { ...LIMITS, maxBytes });
  expect(store.usedBytes).toBeLessThanOrEqual(maxBytes);
  store.close();
});

test('a smaller limit makes the file smaller', () => {
  writer.write(
    Array.from({ length: 200 }, () => alertLine({ payload_printable: 'x'.repeat(20_000) })),
    NOW_MS,
  );
  writer.close();
  const before = statSync(file).size;
  writer = writerWith({ ...LIMITS, maxBytes: MIB });
  trimAll(NOW_MS);
  writer.close();
  expect(before).toBeGreaterThan(4 * MIB);
  expect(statSync(file).size).toBeLessThanOrEqual(MIB);
});

test('a damaged file is set aside, and a new one begins', () => {
  writer.write([alertLine()], NOW_MS);
  writer.close();
  writeFileSync(file, 'this is no database, whatever its name says'.repeat(200));
  expect(writer.write([alertLine()], NOW_MS)).toBe(0);
  expect(notes).toEqual([expect.stringContaining(`is in ${file}.damaged now`)]);
  expect(existsSync(`${file}.damaged`)).toBe(true);
  expect(rows('SELECT id FROM events')).toHaveLength(1);
  expect(told).toEqual([]);
});

test('one that is damaged while it is written, too', () => {
  writer.write(
    Array.from({ length: 500 }, () => alertLine({ payload_printable: 'x'.repeat(1000) })),
    NOW_MS,
  );
  writer.close();
  const { size } = statSync(file);
  const database = new Database(file);
  database.pragma('journal_mode = DELETE');
  database.close();
  // The header stays: what is wrong shows when rows are added.
  const damaged = Buffer.alloc(size - 4096, 0xff);
  writeFileSync(file, Buffer.concat([readHead(4096), damaged]));
  expect(writer.write([alertLine()], NOW_MS)).toBe(0);
  expect(notes).toHaveLength(1);
});

function readHead(bytes: number): Buffer {
  return Buffer.from(readFileSync(file).subarray(0, bytes));
}

test.each([
  ['removed with its folder', () => rmSync(join(folder, 'state'), { recursive: true }), 1],
  ['moved away', () => renameSync(file, `${file}.old`), 1],
  ['replaced by another one', () => renameSync(`${file}.copy`, file), 2],
])('one that is %s while it is written begins anew, and loses what comes to nobody', (_, change, count) => {
  writer.write([alertLine()], NOW_MS);
  writer.close();
  copyFileSync(file, `${file}.copy`);
  writer.write([], NOW_MS);
  change();
  expect(writer.write([alertLine()], NOW_MS)).toBe(0);
  expect(rows('SELECT id FROM events')).toHaveLength(count);
  expect(notes).toEqual([`the history in ${file} was removed by somebody else: a new one begins`]);
  writer.write([alertLine()], NOW_MS);
  expect(rows('SELECT id FROM events')).toHaveLength(count + 1);
  expect(notes).toHaveLength(1);
  expect(told).toEqual([]);
});

test('the history of a later version is left alone', () => {
  writer.write([alertLine()], NOW_MS);
  writer.close();
  const database = new Database(file);
  database.pragma('user_version = 99');
  database.close();
  expect(writer.write([alertLine(), dropLine()], NOW_MS)).toBe(2);
  expect(told).toEqual([expect.stringContaining('is a history of version 99')]);
  expect(rows('SELECT id FROM events')).toHaveLength(1);
});

test('where nothing can be written, events are lost until it can be again, and that is told once', () => {
  writeFileSync(join(folder, 'state'), 'a file where the folder is to be');
  expect(writer.write([alertLine()], NOW_MS)).toBe(1);
  expect(writer.write([alertLine(), alertLine()], NOW_MS + 1_000)).toBe(2);
  expect(told).toEqual([expect.stringContaining('cannot be written, and events are lost to it')]);
  rmSync(join(folder, 'state'));
  // It is not tried with each event.
  expect(writer.write([alertLine()], NOW_MS + 2_000)).toBe(1);
  expect(writer.write([alertLine()], NOW_MS + 10_000)).toBe(0);
  expect(told).toHaveLength(2);
  expect(told[1]).toBeNull();
  // Nor does a clock that was set back keep it from being tried.
  rmSync(join(folder, 'state'), { recursive: true });
});

describe.skipIf(!canMount())('on a disk', () => {
  let disk: string;
  beforeEach(() => {
    disk = join(folder, 'disk');
    mkdirSync(disk);
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'none', disk]);
    file = join(disk, 'history.db');
    writer = writerWith(LIMITS);
  });
  afterEach(() => {
    writer.close();
    spawnSync('umount', [disk]);
  });

  test('that is full, events are lost until there is room again, and what was kept stays', () => {
    expect(writer.write([alertLine()], NOW_MS)).toBe(0);
    const large = alertLine({ payload_printable: 'x'.repeat(1_000_000) });
    expect(writer.write([large], NOW_MS)).toBe(1);
    expect(told).toEqual([
      expect.stringMatching(/cannot be written, .*: (?:database or disk is full|disk I\/O error)/),
    ]);
    expect(writer.write([alertLine()], NOW_MS + 6_000)).toBe(0);
    expect(told.at(-1)).toBeNull();
    expect(rows('SELECT id FROM events')).toHaveLength(2);
  });

  test('that others have filled, nothing is damaged', () => {
    expect(writer.write([alertLine()], NOW_MS)).toBe(0);
    const filler = join(disk, 'filler');
    spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4096']);
    let lost = 0;
    for (let i = 1; i <= 100; i++) lost += writer.write([alertLine()], NOW_MS + i * 6_000);
    expect(lost).toBeGreaterThan(0);
    rmSync(filler);
    expect(writer.write([alertLine()], NOW_MS + 1_000_000)).toBe(0);
    expect(notes).toEqual([]);
    expect(rows('SELECT id FROM events')).toHaveLength(102 - lost);
    expect(rows('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  });
});

function canMount(): boolean {
  const place = mkdtempSync(join(tmpdir(), 'vpatch-mount-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', place]);
  if (status === 0) spawnSync('umount', [place]);
  else console.warn('SKIPPED, NO FULL DISK IS TESTED: nothing can be mounted here');
  rmSync(place, { recursive: true });
  return status === 0;
}
