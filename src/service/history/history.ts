import { Worker } from 'node:worker_threads';
import type { EveLines, EventReader } from '../../output/eve-lines.ts';
import type { Logger } from '../../output/log.ts';
import type { HistoryLimits } from './event-store.ts';
import { HISTORY_TYPES } from './history-event.ts';
import {
  CELL,
  CELLS_BYTES,
  type HistoryCommand,
  type HistoryReport,
  type HistoryThreadSettings,
} from './history-messages.ts';

export interface HistoryOptions {
  readonly file: string;
  readonly limits: HistoryLimits;
  readonly log: Logger;
  /** Is told in one line when nothing can be kept any more. */
  readonly onFailure: (what: string) => void;
}

export interface HistoryStatus {
  readonly file: string;
  readonly lostEvents: number;
  /** Why nothing can be kept at present; null: it can. */
  readonly problem: string | null;
}

/** Characters that may wait for the disk: some thousand events. What goes beyond is lost and counted. */
const MAX_PENDING_CHARACTERS = 4 * 1024 * 1024;
/** Heap of the thread: what waits, and as much again while it is taken apart. Beyond it, the thread alone ends. */
const YOUNG_GENERATION_MIB = 1;
const OLD_GENERATION_MIB = 32;
/** Before a thread that ended is started again. */
const RESTART_MS = 10_000;
/** A stopping service is waited for. */
const CLOSE_LIMIT_MS = 2_000;

/**
 * Alerts and drops, kept in a database by a thread of its own. Called in the main thread: nothing here waits for a
 * disk, and whatever becomes of the database or the thread, the service goes on.
 */
export class History implements EventReader {
  readonly #options: HistoryOptions;
  readonly #settings: HistoryThreadSettings;
  readonly #cells: Int32Array;
  #thread: Worker | null = null;
  #restart: NodeJS.Timeout | null = null;
  #problem: string | null = null;
  #isClosed = false;

  constructor(options: HistoryOptions) {
    const { file, limits } = options;
    this.#options = options;
    this.#settings = { file, limits, cells: new SharedArrayBuffer(CELLS_BYTES) };
    this.#cells = new Int32Array(this.#settings.cells);
    this.#start();
  }

  get status(): HistoryStatus {
    return {
      file: this.#options.file,
      lostEvents: Atomics.load(this.#cells, CELL.LOST_LINES),
      problem: this.#problem,
    };
  }

  /** What is neither an alert nor a drop is left out. */
  read(events: EveLines): void {
    const lines: string[] = [];
    let characters = 0;
    for (const { text, type } of events) {
      if (!TYPES.has(type)) continue;
      lines.push(text);
      characters += text.length;
    }
    if (lines.length === 0) return;
    const pending = Atomics.load(this.#cells, CELL.PENDING_CHARACTERS);
    if (this.#thread === null || this.#isClosed || pending + characters > MAX_PENDING_CHARACTERS) {
      Atomics.add(this.#cells, CELL.LOST_LINES, lines.length);
      return;
    }
    Atomics.add(this.#cells, CELL.PENDING_CHARACTERS, characters);
    Atomics.add(this.#cells, CELL.PENDING_LINES, lines.length);
    this.#command({ type: 'lines', lines });
  }

  /** Waits a moment until everything is written. What a stuck disk still holds back is lost. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    const thread = this.#thread;
    if (thread === null) return;
    const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
    this.#command({ type: 'close' });
    const limit = setTimeout(() => void thread.terminate(), CLOSE_LIMIT_MS);
    await ended;
    clearTimeout(limit);
  }

  #start(): void {
    const thread = new Worker(new URL('./history-thread.js', import.meta.url), {
      name: 'vpatch-history',
      workerData: this.#settings,
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB, maxOldGenerationSizeMb: OLD_GENERATION_MIB },
    });
    let reason = 'it ended without a word';
    this.#thread = thread;
    thread.on('message', (report: HistoryReport) => this.#onReport(report));
    thread.on('error', (error) => {
      reason = error.message;
    });
    thread.once('exit', () => this.#onEnd(reason));
  }

  #onEnd(reason: string): void {
    this.#thread = null;
    // What it had not written is lost with it.
    const lost = Atomics.exchange(this.#cells, CELL.PENDING_LINES, 0);
    Atomics.add(this.#cells, CELL.LOST_LINES, lost);
    Atomics.store(this.#cells, CELL.PENDING_CHARACTERS, 0);
    if (this.#isClosed) return;
    this.#tell(`the history is not written, and events are lost to it: ${reason}`);
    this.#restart = setTimeout(() => this.#start(), RESTART_MS);
  }

  #onReport(report: HistoryReport): void {
    if (report.type === 'note') {
      this.#options.log.warn(report.note);
      this.#options.onFailure(report.note);
    } else this.#tell(report.problem);
  }

  #tell(problem: string | null): void {
    const { log, onFailure } = this.#options;
    const before = this.#problem;
    this.#problem = problem;
    if (problem === before) return;
    if (problem === null) log.info('the history is written again');
    else {
      log.error(problem);
      onFailure(problem);
    }
  }

  #command(command: HistoryCommand): void {
    this.#thread?.postMessage(command);
  }
}

const TYPES: ReadonlySet<string> = new Set(HISTORY_TYPES);
