import type { Config } from '../config/config.ts';
import { reasonOf } from '../config/problem.ts';
import type { EveEvent, EveLines, EventReader } from '../output/eve-lines.ts';
import type { Logger } from '../output/log.ts';
import { type Held, readHeld, writeHeld } from '../patches/held-store.ts';
import { PolicyStore } from '../patches/policy-store.ts';
import { HOLD_KEY } from '../rules/hold.ts';
import type { Notice } from './notify/notice.ts';
import { failureNotice } from './notify/open.ts';

export interface RolloutParts {
  readonly stateFolder: string;
  /** As it is now: a reload may change it. */
  readonly soak: () => Config['scan']['soak'];
  /** Counted since the start. */
  readonly totals: () => RolloutTotals;
  /** Has what is pinned block. Resolves with what was wrong; null where nothing was. */
  readonly promote: (id: string, signal: AbortSignal) => Promise<string | null>;
  readonly notify: (notice: Notice) => void;
  readonly log: Logger;
  /** Wall clock, and one that nobody sets. */
  readonly now: () => number;
  readonly monotonicMs: () => number;
}

export interface RolloutTotals {
  readonly flows: number;
  /** Events that nobody saw: among them may be a match. */
  readonly lostLines: number;
  readonly isInspecting: boolean;
}

/** A promotion that failed is tried again after so long. */
const RETRY_MS = 3_600_000;
/** Sources that are told apart; hits of others count as OTHER_SOURCES. */
const MAX_SOURCES = 20;
const OTHER_SOURCES = 'others';

/** Watches rules that are held, and has those that soak block once they have not matched for long. */
export class Rollout implements EventReader {
  readonly #parts: RolloutParts;
  #held: Record<string, Held>;
  #totals: RolloutTotals;
  #lookedMs: number;
  #nextTryMs = Number.NEGATIVE_INFINITY;
  readonly #ended = new AbortController();
  #promotion: Promise<void> = Promise.resolve();
  /** As it is on disk. */
  #written: string;

  constructor(parts: RolloutParts) {
    this.#parts = parts;
    this.#totals = parts.totals();
    this.#lookedMs = parts.monotonicMs();
    this.#held = this.#read();
    this.#written = JSON.stringify(this.#held);
    this.#followPins();
  }

  read(lines: EveLines): void {
    for (const line of lines) if (line.type === 'alert' && line.text.includes(MARK)) this.#count(line.event);
  }

  /** To be called each minute or so. */
  async look(): Promise<void> {
    const { soak, totals, monotonicMs } = this.#parts;
    const before = this.#totals;
    const nowMs = monotonicMs();
    const elapsedMs = nowMs - this.#lookedMs;
    this.#totals = totals();
    this.#lookedMs = nowMs;
    this.#followPins();
    if (this.#totals.lostLines > before.lostLines) this.#beginAnew();
    else if (before.isInspecting && this.#totals.isInspecting) {
      for (const held of Object.values(this.#held)) {
        held.cleanMs += elapsedMs;
        held.cleanFlows += this.#totals.flows - before.flows;
      }
    }
    this.#write();
    const { timeMs, flows } = soak();
    const over = Object.entries(this.#held).filter(
      ([, { hold, cleanMs, cleanFlows }]) => hold === 'soak' && cleanMs >= timeMs && cleanFlows >= flows,
    );
    if (over.length === 0 || nowMs < this.#nextTryMs) return;
    this.#nextTryMs = nowMs + RETRY_MS;
    this.#promotion = this.#promote(over.map(([id]) => id));
    await this.#promotion;
  }

  /** Keeps what was counted since the last look. */
  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#promotion;
    this.#write();
  }

  async #promote(ids: readonly string[]): Promise<void> {
    const { promote, notify, log, now } = this.#parts;
    for (const id of ids) {
      const problem = await promote(id, this.#ended.signal);
      if (this.#ended.signal.aborted) return;
      if (problem === null) {
        log.info(`${id} blocks from now on: its soak is over`);
        this.#nextTryMs = Number.NEGATIVE_INFINITY;
      } else {
        const what = `${id} goes on to be held, although its soak is over: ${problem}`;
        log.error(what);
        notify(failureNotice(what, now()));
      }
    }
    this.#followPins();
    this.#write();
  }

  #count({ src_ip: source = '', alert, vpatch }: EveEvent): void {
    if (alert === undefined) return;
    const hits = vpatch.folded?.events ?? 1;
    for (const value of alert.metadata?.[HOLD_KEY] ?? []) {
      const id = value.split(' ', 2)[1] ?? '';
      if (!Object.hasOwn(this.#held, id)) continue;
      const held = this.#held[id]!;
      held.hits += hits;
      held.lastHitMs = this.#parts.now();
      held.cleanMs = 0;
      held.cleanFlows = 0;
      add(held.rules, `${alert.gid}:${alert.signature_id}`, hits);
      const isKnown = source in held.sources || Object.keys(held.sources).length < MAX_SOURCES;
      add(held.sources, isKnown ? source : OTHER_SOURCES, hits);
    }
  }

  #beginAnew(): void {
    if (Object.values(this.#held).some(({ hold }) => hold === 'soak')) {
      this.#parts.log.warn('events were lost: whatever is to soak begins anew');
    }
    for (const held of Object.values(this.#held)) {
      held.cleanMs = 0;
      held.cleanFlows = 0;
    }
  }

  /** What is held is for `vpatch policy pin` to say. */
  #followPins(): void {
    const held: Record<string, Held> = {};
    try {
      for (const [id, hold] of Object.entries(new PolicyStore(this.#parts.stateFolder).pins())) {
        if (hold !== 'detect' && hold !== 'soak') continue;
        const known = this.#held[id];
        held[id] =
          known?.hold === hold ? known : { ...NOTHING_YET, hold, sinceMs: this.#parts.now(), rules: {}, sources: {} };
      }
    } catch (error) {
      this.#parts.log.error(`what is pinned cannot be read: ${reasonOf(error)}`);
      return;
    }
    this.#held = held;
  }

  #read(): Record<string, Held> {
    try {
      return readHeld(this.#parts.stateFolder);
    } catch (error) {
      this.#parts.log.error(`what was known of held rules is lost: ${reasonOf(error)}`);
      return {};
    }
  }

  #write(): void {
    const text = JSON.stringify(this.#held);
    if (text === this.#written) return;
    try {
      writeHeld(this.#parts.stateFolder, this.#held);
      this.#written = text;
    } catch (error) {
      this.#parts.log.error(`what is known of held rules cannot be kept: ${reasonOf(error)}`);
    }
  }
}

/** In the line of an alert of a held rule, never in a text: there the quotes would be escaped. */
const MARK = `"${HOLD_KEY}":[`;

const NOTHING_YET = { hits: 0, lastHitMs: null, cleanMs: 0, cleanFlows: 0 };

function add(counts: Record<string, number>, key: string, count: number): void {
  counts[key] = (counts[key] ?? 0) + count;
}
