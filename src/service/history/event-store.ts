import { chmodSync, closeSync, openSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { makeFolder } from '../../base/make-folder.ts';
import type { EventKind, HistoryEvent } from './history-event.ts';
import { HISTORY_SCHEMA, HISTORY_VERSION, HistoryVersionError } from './history-schema.ts';

export interface HistoryLimits {
  readonly maxAgeMs: number;
  /** Of the database; beside it, its journal takes a few MiB while it is written. */
  readonly maxBytes: number;
}

/** Captured data is for root alone. */
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
/** What SQLite keeps of the file in memory. */
const CACHE_KIB = 1024;
/** Readers do not hold up who writes; another process that writes is none of ours. */
const BUSY_LIMIT_MS = 2_000;
/** The journal goes back to this after a reader had kept it from being taken over. */
const JOURNAL_BYTES = 4 * 1024 * 1024;
/** Rows that one step of a trimming deletes, so that new events need not wait for long. */
const ROWS_PER_STEP = 2_000;
/** Below the limit, so that not every event makes another one go. */
const TRIMMED_SHARE = 0.95;
/** Kinds whose numbers are remembered. Rules that match are fewer. */
const MAX_KNOWN_KINDS = 10_000;

/** The history as it is written: by one process, in one thread. All methods throw what SQLite says. */
export class EventStore {
  readonly #database: Database;
  readonly #path: string;
  readonly #file: Stats;
  readonly #limits: HistoryLimits;
  readonly #knownKinds = new Map<string, number>();
  readonly #insertAll: (events: readonly HistoryEvent[]) => void;
  readonly #deleteOlder: Database.Statement<unknown>;
  readonly #deleteOldest: Database.Statement<unknown>;
  /** About how many there are: `count(*)` would read them all. */
  readonly #span: Database.Statement<{ rows: number | null }>;
  /** It was too large, and is not yet as small as it is to be. */
  #isTrimming = false;

  private constructor(database: Database, path: string, limits: HistoryLimits) {
    this.#database = database;
    this.#path = path;
    this.#file = statSync(path);
    this.#limits = limits;
    const insertKind = database.prepare<{ id: number }>(
      'INSERT INTO kinds (key, type, gid, sid, rev, name, category, severity, cves) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ' +
        'ON CONFLICT (key) DO UPDATE SET key = key RETURNING id',
    );
    const insertEvent = database.prepare(
      'INSERT INTO events (time_ms, kind, action, mode, count, source, source_port, destination, destination_port, ' +
        'protocol, app_protocol, flow_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
    const insertLine = database.prepare('INSERT INTO lines (id, line) VALUES (?, ?)');
    const kindId = (kind: EventKind): number => {
      const key = JSON.stringify(kind);
      const known = this.#knownKinds.get(key);
      if (known !== undefined) return known;
      const { type, gid, sid, rev, name, category, severity, cves } = kind;
      const { id } = insertKind.get(key, type, gid, sid, rev, name, category, severity, cves.join(' '))!;
      if (this.#knownKinds.size >= MAX_KNOWN_KINDS) this.#knownKinds.clear();
      this.#knownKinds.set(key, id);
      return id;
    };
    this.#insertAll = database.transaction((events: readonly HistoryEvent[]): void => {
      for (const event of events) {
        const { lastInsertRowid } = insertEvent.run(
          event.timeMs,
          kindId(event.kind),
          event.action,
          event.mode,
          event.count,
          event.source,
          event.sourcePort,
          event.destination,
          event.destinationPort,
          event.protocol,
          event.appProtocol,
          event.flowId,
        );
        insertLine.run(Number(lastInsertRowid), event.line);
      }
    });
    const oldest = 'SELECT id FROM events';
    this.#deleteOlder = database.prepare(
      `DELETE FROM events WHERE id IN (${oldest} WHERE time_ms < ? ORDER BY time_ms LIMIT ${ROWS_PER_STEP})`,
    );
    this.#deleteOldest = database.prepare(`DELETE FROM events WHERE id IN (${oldest} ORDER BY time_ms LIMIT ?)`);
    this.#span = database.prepare('SELECT max(id) - min(id) + 1 AS rows FROM events');
  }

  /** Makes file and folder where they are not there. */
  static open(file: string, limits: HistoryLimits): EventStore {
    makeFolder(dirname(file), FOLDER_MODE);
    // SQLite gives its journal the permissions of the file.
    closeSync(openSync(file, 'a', FILE_MODE));
    chmodSync(file, FILE_MODE);
    const database = new Database(file, { timeout: BUSY_LIMIT_MS });
    try {
      const version = Number(database.pragma('user_version', { simple: true }));
      if (version !== 0 && version !== HISTORY_VERSION) throw new HistoryVersionError(file, version);
      // Only an empty database takes it.
      if (version === 0) database.pragma('auto_vacuum = INCREMENTAL');
      database.pragma('journal_mode = WAL');
      // A crash of the machine may cost the last events, and never the others.
      database.pragma('synchronous = NORMAL');
      database.pragma(`journal_size_limit = ${JOURNAL_BYTES}`);
      database.pragma(`cache_size = -${CACHE_KIB}`);
      database.pragma('foreign_keys = ON');
      if (version === 0) database.transaction(() => database.exec(HISTORY_SCHEMA))();
      return new EventStore(database, file, limits);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** All of them or none. */
  add(events: readonly HistoryEvent[]): void {
    try {
      this.#insertAll(events);
    } catch (error) {
      // Of what was rolled back, nothing is known any more.
      this.#knownKinds.clear();
      throw error;
    }
  }

  /** Deletes some of what is too old or too much. True: there is more to delete. */
  trim(nowMs: number): boolean {
    const { maxAgeMs, maxBytes } = this.#limits;
    if (this.#deleteOlder.run(nowMs - maxAgeMs).changes === ROWS_PER_STEP) return true;
    const { usedBytes } = this;
    if (usedBytes > maxBytes) this.#isTrimming = true;
    if (this.#isTrimming) {
      const excess = 1 - (maxBytes * TRIMMED_SHARE) / usedBytes;
      this.#isTrimming = excess > 0 && this.#deleteShare(excess);
      if (this.#isTrimming) return true;
    }
    // What was deleted is free for new events. Only a file that is too large, by new settings, gives it back.
    if (this.#pages('page_count') > maxBytes) this.#database.pragma('incremental_vacuum');
    return false;
  }

  /** Of the file, without what is free for new events. */
  get usedBytes(): number {
    return this.#pages('page_count') - this.#pages('freelist_count');
  }

  /** Whether somebody has removed or replaced the file: what is written then, nobody finds. */
  get isGone(): boolean {
    const found = statSync(this.#path, { throwIfNoEntry: false });
    return found === undefined || found.ino !== this.#file.ino || found.dev !== this.#file.dev;
  }

  close(): void {
    this.#database.close();
  }

  /** Of the oldest, no more than a step allows. False: there was none. */
  #deleteShare(share: number): boolean {
    const rows = this.#span.get()?.rows ?? 0;
    const wanted = Math.max(1, Math.ceil(rows * share));
    return this.#deleteOldest.run(Math.min(wanted, ROWS_PER_STEP)).changes > 0;
  }

  #pages(pragma: 'page_count' | 'freelist_count'): number {
    const pages = Number(this.#database.pragma(pragma, { simple: true }));
    return pages * Number(this.#database.pragma('page_size', { simple: true }));
  }
}
