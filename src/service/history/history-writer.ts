import { renameSync, rmSync } from 'node:fs';
import { EveLine } from '../../output/eve-lines.ts';
import { EventStore, type HistoryLimits } from './event-store.ts';
import { type HistoryEvent, historyEvent } from './history-event.ts';

export interface HistoryWriterOptions {
  readonly file: string;
  readonly limits: HistoryLimits;
  /** Why nothing can be kept at present; null: it can again. Told once each. */
  readonly onProblem: (problem: string | null) => void;
  /** What an administrator should know, in one line. */
  readonly onNote: (note: string) => void;
}

/** How long a full disk or a folder that nobody may write is left alone. */
const RETRY_MS = 5_000;
/** Of SQLite: the file is damaged, or is no database at all. */
const DAMAGED = /^SQLITE_(?:CORRUPT|NOTADB)/;

/** Keeps events whatever becomes of the file: what cannot be kept is lost and counted, a damaged file is set aside. */
export class HistoryWriter {
  readonly #options: HistoryWriterOptions;
  #store: EventStore | null = null;
  #retryAtMs = 0;
  #problem: string | null = null;

  constructor(options: HistoryWriterOptions) {
    this.#options = options;
  }

  /** Lines of alerts and drops. Returns how many of them were lost. Never throws. */
  write(lines: readonly string[], nowMs: number): number {
    const events = lines.flatMap(eventsOf);
    const isKept = this.#attempt(nowMs, (store) => store.add(events)) !== null;
    return isKept ? lines.length - events.length : lines.length;
  }

  /** Deletes some of what is too old or too much. True: there is more to delete. */
  trim(nowMs: number): boolean {
    return this.#attempt(nowMs, (store) => store.trim(nowMs)) ?? false;
  }

  close(): void {
    try {
      this.#store?.close();
    } catch {
      // What it says is of no use any more: the next start finds what there is.
    }
    this.#store = null;
  }

  /** Null: it could not be done. */
  #attempt<T>(nowMs: number, work: (store: EventStore) => T): T | null {
    // A clock that was set back must not silence us.
    if (nowMs < this.#retryAtMs && nowMs >= this.#retryAtMs - RETRY_MS) return null;
    try {
      return this.#succeeded(work(this.#opened()));
    } catch (error) {
      this.close();
      if (!DAMAGED.test(codeOf(error))) return this.#failed(error, nowMs);
    }
    try {
      this.#setAside();
      return this.#succeeded(work(this.#opened()));
    } catch (error) {
      this.close();
      return this.#failed(error, nowMs);
    }
  }

  #opened(): EventStore {
    const { file, onNote } = this.#options;
    if (this.#store?.isGone === true) {
      this.close();
      onNote(`the history in ${file} was removed by somebody else: a new one begins`);
    }
    this.#store ??= EventStore.open(file, this.#options.limits);
    return this.#store;
  }

  #succeeded<T>(result: T): T {
    this.#retryAtMs = 0;
    this.#tell(null);
    return result;
  }

  #failed(error: unknown, nowMs: number): null {
    this.#retryAtMs = nowMs + RETRY_MS;
    const { file } = this.#options;
    this.#tell(`the history in ${file} cannot be written, and events are lost to it: ${(error as Error).message}`);
    return null;
  }

  #tell(problem: string | null): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#options.onProblem(problem);
  }

  #setAside(): void {
    const { file, onNote } = this.#options;
    const aside = `${file}.damaged`;
    renameSync(file, aside);
    for (const journal of [`${file}-wal`, `${file}-shm`]) rmSync(journal, { force: true });
    onNote(`the history in ${file} was damaged, and is in ${aside} now: a new one begins`);
  }
}

/** None: what cannot be read is lost. */
function eventsOf(line: string): HistoryEvent[] {
  try {
    return [historyEvent(new EveLine(line))];
  } catch {
    return [];
  }
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');
