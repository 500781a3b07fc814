import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import Database from 'better-sqlite3';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { alertLine, dropLine, eveLines } from '../../support/eve-lines.ts';
import { until } from '../../support/netns.ts';
import { PROGRAM } from '../../support/vpatch-process.ts';

/** Of the built program: a thread needs a file that Node can read. */
const { History } = (await import(
  pathToFileURL(join(dirname(PROGRAM), 'service/history/history.js')).href
)) as typeof import('../../../src/service/history/history.ts');

const LIMITS = { maxAgeMs: 30 * 86_400_000, maxBytes: 64 * 1024 * 1024 };
const now = (): string => new Date().toISOString().replace('Z', '000+0000');

let folder: string;
let file: string;
let failures: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vpatch-history-'));
  file = join(folder, 'state', 'history.db');
  failures = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const opened = () =>
  new History({
    file,
    limits: LIMITS,
    log: pino({ level: 'silent' }),
    onFailure: (what) => failures.push(what),
  });

function keptLines(): string[] {
  const database = new Database(file, { readonly: true });
  try {
    if (database.pragma('user_version', { simple: true }) === 0) return [];
    return database
      .prepare<{ line: string }>('SELECT line FROM lines ORDER BY id')
      .all()
      .map(({ line }) => line);
  } finally {
    database.close();
  }
}

test('keeps alerts and drops, and no records, while it runs and at its end', async () => {
  const history = opened();
  const first = alertLine({ time: now() });
  const last = dropLine({ time: now() });
  history.read(eveLines(first, '{"timestamp":"","event_type":"flow"}'));
  await until('the first is there', () => existsSync(file) && keptLines().length > 0);
  history.read(eveLines(last));
  await history.close();
  expect(keptLines()).toEqual([first, last]);
  expect(history.status).toEqual({ file, lostEvents: 0, problem: null });
  expect(failures).toEqual([]);
});

test('what does not fit is lost and counted, and so is what comes after the end', async () => {
  const history = opened();
  const large = eveLines(alertLine({ time: now(), payload_printable: 'x'.repeat(1_000_000) }));
  for (let i = 0; i < 8; i++) history.read(large);
  expect(history.status.lostEvents).toBe(4);
  await history.close();
  history.read(large);
  expect(history.status.lostEvents).toBe(5);
  expect(keptLines()).toHaveLength(4);
});

test('a file that cannot be made is told, and costs its events only', async () => {
  writeFileSync(join(folder, 'state'), 'in the way');
  const history = opened();
  history.read(eveLines(alertLine({ time: now() })));
  await until('it is told', () => failures.length > 0);
  expect(history.status.problem).toContain('cannot be written');
  await history.close();
  expect(history.status.lostEvents).toBe(1);
});
