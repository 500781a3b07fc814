import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EveWriter } from '../../src/output/eve.ts';
import { EventFolder, type EveRecord, type FoldedType, type FoldingSettings } from '../../src/output/event-folder.ts';
import { Packet } from '../../src/wire/packet.ts';
import { fuzzRuns } from '../support/fuzz.ts';

const SETTINGS: FoldingSettings = { singleEvents: 3, periodMs: 10_000, maxPerSecond: 20 };
const START_MS = 1_700_000_000_000;

interface Line {
  readonly event?: number;
  readonly timestamp?: string;
  readonly vpatch: { readonly folded?: { events: number; since: string; several_sources?: boolean } };
}

class Harness {
  readonly lines: Line[] = [];
  built = 0;
  readonly #folder: EventFolder;
  readonly #packet = new Packet();

  constructor(settings: Partial<FoldingSettings> = {}) {
    const write = (record: EveRecord): void => void this.lines.push(record as unknown as Line);
    this.#folder = new EventFolder(write, { ...SETTINGS, ...settings });
    this.#packet.ipVersion = 4;
  }

  tell(atMs: number, { type = 'anomaly', what = 'x', source = 1 }: Partial<Told> = {}): void {
    this.#packet.timeMs = START_MS + atMs;
    this.#packet.source[3] = source;
    this.#folder.tell(type, what, this.#packet, () => ({ event: this.built++, vpatch: { mode: 'detect' } }));
  }

  elapse(atMs: number): void {
    this.#folder.elapse(START_MS + atMs);
  }

  close(): Line[] {
    this.#folder.close();
    return this.lines;
  }

  get folded() {
    return this.lines.flatMap(({ vpatch }) => vpatch.folded ?? []);
  }
}

interface Told {
  readonly type: FoldedType;
  readonly what: string;
  readonly source: number;
}

/** How many events these lines are about. */
const told = (lines: readonly Line[]): number =>
  lines.reduce((sum, { vpatch }) => sum + (vpatch.folded?.events ?? 1), 0);

describe('a flood of one kind from one source', () => {
  test('is written one by one at first, then counted, and told of after the period', () => {
    const harness = new Harness();
    for (let i = 0; i < 1000; i++) harness.tell(i);
    expect(harness.lines).toHaveLength(3);
    harness.elapse(9_999);
    expect(harness.lines).toHaveLength(3);
    harness.elapse(11_000);
    expect(harness.folded).toEqual([{ events: 997, since: '2023-11-14T22:13:20.003000+0000' }]);
    expect(harness.lines[3]).toMatchObject({ event: 3, timestamp: '2023-11-14T22:13:20.999000+0000' });
    expect(harness.lines[3]!.vpatch).toMatchObject({ mode: 'detect' });
  });

  test('costs one record for all that is counted', () => {
    const harness = new Harness();
    for (let i = 0; i < 1000; i++) harness.tell(i);
    expect(harness.built).toBe(4);
  });

  test('that goes on has one line a period, and nothing is told twice', () => {
    const harness = new Harness();
    for (let atMs = 0; atMs <= 60_000; atMs += 10) harness.tell(atMs);
    expect(harness.lines.length).toBeLessThan(3 + 7);
    expect(told(harness.close())).toBe(6001);
    expect(told(harness.close())).toBe(6001);
  });

  test('that was silent for a whole period begins anew', () => {
    const harness = new Harness();
    for (let i = 0; i < 5; i++) harness.tell(i);
    harness.elapse(12_000);
    harness.elapse(24_000);
    for (let i = 0; i < 3; i++) harness.tell(25_000 + i);
    expect(harness.lines.map(({ vpatch }) => vpatch.folded?.events ?? 1)).toEqual([1, 1, 1, 2, 1, 1, 1]);
  });

  test('leaves other kinds, other sources and other types alone', () => {
    const harness = new Harness();
    for (let i = 0; i < 10; i++) harness.tell(i);
    harness.tell(11, { what: 'y' });
    harness.tell(12, { source: 2 });
    harness.tell(13, { type: 'alert' });
    expect(harness.lines).toHaveLength(6);
    expect(harness.folded).toEqual([]);
  });
});

describe('a flood from many sources', () => {
  test('is counted by kind beyond so many events a second, and fills no memory', () => {
    const harness = new Harness();
    for (let i = 0; i < 100_000; i++) harness.tell(i / 200, { source: i });
    expect(harness.lines).toHaveLength(20);
    expect(harness.close().at(-1)!.vpatch.folded).toMatchObject({ events: 99_980, several_sources: true });
    expect(told(harness.lines)).toBe(100_000);
    expect(harness.built).toBe(21);
  });

  test('is told of after the period in portions, so that no packet waits for the lines of all', () => {
    const harness = new Harness({ maxPerSecond: 100_000 });
    for (let i = 0; i < 10_000; i++) harness.tell(i / 1000, { source: i % 2000 });
    expect(harness.folded).toEqual([]);
    let longest = 0;
    for (let call = 0; call < 100; call++) {
      const before = harness.folded.length;
      harness.elapse(11_000 + call);
      longest = Math.max(longest, harness.folded.length - before);
    }
    expect(harness.folded).toHaveLength(2000);
    expect(longest).toBeLessThan(100);
    expect(told(harness.lines)).toBe(10_000);
  });

  test('hides no event of another type', () => {
    const harness = new Harness();
    for (let i = 0; i < 1000; i++) harness.tell(i / 10, { source: i });
    harness.tell(200, { type: 'alert', what: '1:7', source: 5000 });
    expect(harness.lines.at(-1)!.vpatch.folded).toBeUndefined();
    expect(harness.lines).toHaveLength(21);
  });
});

test('whatever comes, every event is in exactly one line', () => {
  const event = fc.record({
    pauseMs: fc.constantFrom(0, 1, 400, 1000, 9_000, 21_000, -5_000),
    type: fc.constantFrom<FoldedType>('alert', 'anomaly', 'drop'),
    what: fc.constantFrom('x', 'y'),
    source: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 300 }), (events) => {
      const harness = new Harness({ maxPerSecond: 5 });
      let atMs = 0;
      for (const { pauseMs, ...rest } of events) {
        atMs += pauseMs;
        harness.tell(atMs, rest);
      }
      expect(told(harness.close())).toBe(events.length);
    }),
    { numRuns: fuzzRuns(200) },
  );
});

test('EVE lines are folded where the settings ask for it', () => {
  const lines: string[] = [];
  const output = { write: (line: string) => void lines.push(line), lostLines: 0, close: async () => {} };
  const packet = new Packet();
  const eve = new EveWriter(output, { mode: 'detect', hasPacketNumbers: false, folding: SETTINGS });
  for (let i = 0; i < 8; i++) eve.drop(packet, null, { reason: 'check', check: 'ipv4.trunc_pkt', rule: null });
  eve.close();
  expect(lines).toHaveLength(4);
  expect(JSON.parse(lines[3]!)).toMatchObject({ event_type: 'drop', vpatch: { folded: { events: 5 } } });
});
