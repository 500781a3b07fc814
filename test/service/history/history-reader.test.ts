import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAddressRange } from '../../../src/base/address-range.ts';
import { EveLine } from '../../../src/output/eve-lines.ts';
import { EventStore } from '../../../src/service/history/event-store.ts';
import { historyEvent } from '../../../src/service/history/history-event.ts';
import { type EventFilter, HistoryReader } from '../../../src/service/history/history-reader.ts';
import { alertLine, dropLine, NOW_MS } from '../../support/eve-lines.ts';

const LIMITS = { maxAgeMs: Number.MAX_SAFE_INTEGER, maxBytes: 64 * 1024 * 1024 };
const HOUR_MS = 3_600_000;
const atMs = (timeMs: number): string => new Date(timeMs).toISOString().replace('Z', '000+0000');

const folder = mkdtempSync(join(tmpdir(), 'vpatch-history-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A history with these lines. */
function historyOf(name: string, lines: readonly string[]): HistoryReader {
  const file = join(folder, `${name}.db`);
  const store = EventStore.open(file, LIMITS);
  store.add(lines.map((line) => historyEvent(new EveLine(line))));
  store.close();
  return HistoryReader.open(file);
}

const passing = (sid: number, more: object = {}) => ({
  alert: { action: 'allowed', gid: 1, signature_id: sid, rev: 1, signature: `rule ${sid}`, category: '', severity: 3 },
  vpatch: { mode: 'detect', ...more },
});

const LINES = [
  alertLine({ time: atMs(NOW_MS) }),
  dropLine({
    time: atMs(NOW_MS + 1),
    drop: { reason: 'rules' },
    vpatch: { mode: 'prevent', gid: 1, signature_id: 9_000_001 },
  }),
  alertLine({ time: atMs(NOW_MS + HOUR_MS), source: '203.0.113.5', ...passing(5, { would_block: true }) }),
  dropLine({
    time: atMs(NOW_MS + 2 * HOUR_MS),
    vpatch: { mode: 'detect', check: 'tcp.syn_fin', folded: { events: 40, several_sources: true } },
  }),
  alertLine({
    time: atMs(NOW_MS + 3 * HOUR_MS),
    source: '2001:0db8:0000:0000:0000:0000:0000:0001',
    ...passing(6, { cve: ['CVE-2021-4422', 'CVE-2014-6271'] }),
  }),
];

describe('a history', () => {
  let reader: HistoryReader;
  beforeAll(() => {
    reader = historyOf('some', LINES);
  });
  afterAll(() => reader.close());

  const numbers = (filter: EventFilter, limit = 100): number[] =>
    reader.lines(filter, limit).map((line) => LINES.indexOf(line));

  test.each<[string, EventFilter, number[]]>([
    ['all', {}, [0, 1, 2, 3, 4]],
    ['from a time on', { sinceMs: NOW_MS + 1 }, [1, 2, 3, 4]],
    ['before a time', { untilMs: NOW_MS + 1 }, [0]],
    ['of a rule, its drops too', { rules: [{ gid: 1, sid: 9_000_001 }] }, [0, 1]],
    [
      'of several rules',
      {
        rules: [
          { gid: 1, sid: 5 },
          { gid: 1, sid: 6 },
          { gid: 3, sid: 9_000_001 },
        ],
      },
      [2, 4],
    ],
    ['of no rule', { rules: [] }, []],
    ['of a check', { checks: ['tcp.syn_fin'] }, [3]],
    ['of reasons to drop', { checks: ['rules', 'rule 5'] }, [1]],
    ['of a CVE, and of none that begins like it', { cves: ['cve-2021-44228'] }, [0]],
    ['of one CVE of several', { cves: ['CVE-2014-6271'] }, [4]],
    ['of a network', { addresses: [parseAddressRange('203.0.113.0/24')!] }, [2]],
    ['of an address of IPv6', { addresses: [parseAddressRange('2001:db8::1')!] }, [4]],
    ['to an address', { addresses: [parseAddressRange('192.0.2.2')!] }, [0, 1, 2, 3, 4]],
    ['of a connection', { flowId: 1234, type: 'alert' }, [0, 2, 4]],
    ['of a type', { type: 'drop' }, [1, 3]],
    ['with an outcome', { action: 'would-block' }, [2]],
    ['in a mode', { mode: 'prevent' }, [0, 1]],
    ['with all of it', { mode: 'detect', type: 'alert', sinceMs: NOW_MS + 2 * HOUR_MS }, [4]],
  ])('shows events: %s', (_, filter, expected) => {
    expect(numbers(filter)).toEqual(expected);
    expect(reader.events(filter, 100)).toHaveLength(expected.length);
  });

  test('of too many, the newest are shown', () => {
    expect(numbers({}, 2)).toEqual([3, 4]);
  });

  test('sums by rule, where what a rule dropped counts with its alerts', () => {
    const sums = reader
      .groups('rule', {}, 10)
      .map(({ label, alerts, blocked, wouldBlock, drops }) => [label, alerts, blocked, wouldBlock, drops]);
    expect(sums[0]).toEqual(['tcp.syn_fin', 0, 0, 0, 40]);
    expect(sums[1]).toEqual(['1:9000001 rule 9000001', 1, 1, 0, 1]);
    expect(sums.slice(2).toSorted()).toEqual([
      ['1:5 rule 5', 1, 0, 1, 0],
      ['1:6 rule 6', 1, 0, 0, 0],
    ]);
    expect(reader.groups('rule', {}, 1)).toHaveLength(1);
  });

  test('sums by source, hour and day', () => {
    expect(reader.groups('source', {}, 10)[0]).toMatchObject({ label: null, drops: 40 });
    expect(reader.groups('hour', {}, 10).map(({ label, alerts, drops }) => [label, alerts, drops])).toEqual([
      [NOW_MS, 1, 1],
      [NOW_MS + HOUR_MS, 1, 0],
      [NOW_MS + 2 * HOUR_MS, 0, 40],
      [NOW_MS + 3 * HOUR_MS, 1, 0],
    ]);
    expect(reader.groups('hour', {}, 2).map(({ label }) => label)).toEqual([
      NOW_MS + 2 * HOUR_MS,
      NOW_MS + 3 * HOUR_MS,
    ]);
    expect(reader.groups('day', {}, 10)).toMatchObject([
      { label: Date.parse('2026-11-22'), alerts: 3, blocked: 1, wouldBlock: 1, drops: 41 },
    ]);
  });

  test('is read while it is written', () => {
    const store = EventStore.open(join(folder, 'some.db'), LIMITS);
    const before = numbers({}).length;
    store.add([historyEvent(new EveLine(alertLine({ sid: 77 })))]);
    expect(numbers({})).toHaveLength(before + 1);
    expect(reader.groups('rule', { rules: [{ gid: 1, sid: 77 }] }, 5)).toHaveLength(1);
    store.close();
  });
});

test('sums are those of the events, whatever the filter', () => {
  const sids = [1, 2, 3];
  const sources = ['192.0.2.1', '192.0.2.9', '198.51.100.1'];
  const line = fc
    .record({
      sid: fc.constantFrom(...sids),
      source: fc.constantFrom(...sources),
      hour: fc.nat(30),
      isDrop: fc.boolean(),
    })
    .map(({ hour, isDrop, ...rest }) => {
      const time = atMs(NOW_MS + hour * HOUR_MS);
      return isDrop ? dropLine({ ...rest, time }) : alertLine({ ...rest, time });
    });
  const filter = fc.record<EventFilter>(
    {
      type: fc.constantFrom('alert', 'drop'),
      rules: fc.array(fc.constantFrom(...sids).map((sid) => ({ gid: 1, sid }))),
      addresses: fc
        .constantFrom(['192.0.2.0/29'], ['198.51.100.1', '192.0.2.9'])
        .map((texts) => texts.map((text) => parseAddressRange(text)!)),
      sinceMs: fc.nat(30).map((hour) => NOW_MS + hour * HOUR_MS),
    },
    { requiredKeys: [] },
  );
  let made = 0;
  fc.assert(
    fc.property(fc.array(line, { maxLength: 30 }), filter, (lines, wanted) => {
      const reader = historyOf(`made-${made++}`, lines);
      try {
        const events = reader.events(wanted, 100);
        const count = (type: string) => events.filter((event) => event.type === type).length;
        for (const grouping of ['rule', 'source', 'hour', 'day'] as const) {
          const groups = reader.groups(grouping, wanted, 100);
          expect(groups.reduce((sum, { alerts }) => sum + alerts, 0)).toBe(count('alert'));
          expect(groups.reduce((sum, { drops }) => sum + drops, 0)).toBe(count('drop'));
        }
      } finally {
        reader.close();
      }
    }),
    { numRuns: 20 },
  );
});

describe('there is nothing to read', () => {
  test('where there is no file', () => {
    expect(() => HistoryReader.open(join(folder, 'absent.db'))).toThrow('there is no history');
  });

  test('where the service has not written yet', () => {
    const file = join(folder, 'new.db');
    new Database(file).close();
    EventStore.open(file, LIMITS).close();
    expect(HistoryReader.open(file).events({}, 5)).toEqual([]);
    const empty = join(folder, 'empty.db');
    new Database(empty).pragma('user_version = 0');
    expect(() => HistoryReader.open(empty)).toThrow(/there is no history|nothing is in the history yet/);
  });

  test('where it is of another version', () => {
    const file = join(folder, 'later.db');
    const database = new Database(file);
    database.pragma('user_version = 2');
    database.close();
    expect(() => HistoryReader.open(file)).toThrow('is a history of version 2');
  });
});
