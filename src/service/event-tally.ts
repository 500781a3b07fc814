import type { EveLine, EveLines, EventReader } from '../output/eve-lines.ts';
import { historyEvent } from './history/history-event.ts';

/** What was counted for one rule, check or source. */
export interface TallyRow {
  /** `1:9000001 message`, a check, a reason to drop, or an address. */
  readonly label: string;
  /** Alerts; of a check, dropped packets; of a source, both. */
  readonly events: number;
  readonly blocked: number;
}

/** The most frequent of the last minutes, the first of them first. */
export interface TallyReport {
  /** For how long was counted. */
  readonly seconds: number;
  readonly rules: readonly TallyRow[];
  readonly sources: readonly TallyRow[];
}

const PERIOD_MS = 30_000;
/** Five minutes. */
const PERIODS = 10;
/**
 * Of rules and of sources in one period. Sources can be forged: who comes when all are taken may be counted in the
 * next.
 */
const MAX_LABELS = 500;
/** Lines that are taken apart in one second: some 10 ms of it. Floods are folded before, and do not come near it. */
const MAX_LINES_PER_SECOND = 1_000;
const SECOND_MS = 1_000;

type Counts = Map<string, { events: number; blocked: number }>;

interface Period {
  readonly startMs: number;
  readonly rules: Counts;
  readonly sources: Counts;
}

/** Which rules and sources have most events at present. Memory is bounded whatever comes. */
export class EventTally implements EventReader {
  readonly #now: () => number;
  readonly #startedAtMs: number;
  #periods: Period[] = [];
  #second = { startMs: 0, lines: 0 };

  /** `now` is the wall clock. */
  constructor(now: () => number) {
    this.#now = now;
    this.#startedAtMs = now();
  }

  read(lines: EveLines): void {
    const nowMs = this.#now();
    for (const line of lines) {
      if ((line.type === 'alert' || line.type === 'drop') && this.#mayRead(nowMs)) this.#count(line, nowMs);
    }
  }

  /** Not more than `most` rules and `most` sources. */
  top(most: number): TallyReport {
    const nowMs = this.#now();
    this.#forget(nowMs);
    return {
      seconds: Math.min(Math.round((nowMs - this.#startedAtMs) / SECOND_MS), (PERIODS * PERIOD_MS) / SECOND_MS),
      rules: largest(
        this.#periods.map(({ rules }) => rules),
        most,
      ),
      sources: largest(
        this.#periods.map(({ sources }) => sources),
        most,
      ),
    };
  }

  #mayRead(nowMs: number): boolean {
    if (Math.abs(nowMs - this.#second.startMs) >= SECOND_MS) this.#second = { startMs: nowMs, lines: 0 };
    return ++this.#second.lines <= MAX_LINES_PER_SECOND;
  }

  #count(line: EveLine, nowMs: number): void {
    const { kind, source, count, action } = historyEvent(line);
    const { rules, sources } = this.#current(nowMs);
    const blocked = action === 'blocked' ? count : 0;
    // What a rule drops is counted by its alert.
    if (kind.sid === null) add(rules, kind.name, count, blocked);
    else if (kind.type === 'alert') add(rules, `${kind.gid}:${kind.sid} ${kind.name}`, count, blocked);
    add(sources, source ?? 'several', count, blocked);
  }

  #current(nowMs: number): Period {
    const last = this.#periods.at(-1);
    if (last !== undefined && Math.abs(nowMs - last.startMs) < PERIOD_MS) return last;
    this.#forget(nowMs);
    const next: Period = { startMs: nowMs, rules: new Map(), sources: new Map() };
    this.#periods.push(next);
    return next;
  }

  /** Also what lies in a future that a clock has come back from. */
  #forget(nowMs: number): void {
    this.#periods = this.#periods.filter(({ startMs }) => Math.abs(nowMs - startMs) < PERIODS * PERIOD_MS);
  }
}

function add(counts: Counts, label: string, events: number, blocked: number): void {
  const known = counts.get(label);
  if (known !== undefined) {
    known.events += events;
    known.blocked += blocked;
  } else if (counts.size < MAX_LABELS) counts.set(label, { events, blocked });
}

function largest(periods: readonly Counts[], most: number): TallyRow[] {
  const sums: Counts = new Map();
  for (const [label, { events, blocked }] of periods.flatMap((counts) => [...counts])) {
    const sum = sums.get(label);
    sums.set(label, { events: events + (sum?.events ?? 0), blocked: blocked + (sum?.blocked ?? 0) });
  }
  return Array.from(sums, ([label, sum]) => ({ label, ...sum }))
    .sort((a, b) => b.events - a.events)
    .slice(0, most);
}
