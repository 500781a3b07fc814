import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import { parseAddress } from '../../base/address.ts';
import type { AddressRange } from '../../base/address-range.ts';
import { AddressSet } from '../../base/address-set.ts';
import type { Mode } from '../../config/config.ts';
import type { EventKind, Grouping, HistoryAction, HistoryEvent, HistoryType } from './history-event.ts';
import { HISTORY_VERSION, HistoryVersionError } from './history-schema.ts';

/** All that is given has to hold; of a list, one. */
export interface EventFilter {
  /** From `sinceMs` on, and before `untilMs`. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
  readonly rules?: readonly RuleNumber[];
  readonly checks?: readonly string[];
  readonly cves?: readonly string[];
  /** Of the source or the destination. */
  readonly addresses?: readonly AddressRange[];
  readonly flowId?: number;
  readonly type?: HistoryType;
  readonly action?: HistoryAction;
  readonly mode?: Mode;
}

export interface RuleNumber {
  readonly gid: number;
  readonly sid: number;
}

/** As it stands in the columns of the database. */
export interface KeptEvent
  extends Omit<HistoryEvent, 'kind' | 'line'>,
    Pick<EventKind, 'type' | 'gid' | 'sid' | 'name' | 'severity'> {
  /** With blanks between them. */
  readonly cves: string;
}

/** What events of one rule (or check), source, hour or day have in sum. */
export interface EventGroup {
  /** `1:9000001 message`, a check, a reason to drop, an address, or the start of the hour or day as a number. */
  readonly label: string | number | null;
  readonly alerts: number;
  /** Of the alerts. */
  readonly blocked: number;
  readonly wouldBlock: number;
  /** Packets. */
  readonly drops: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** There is no history, or nothing in it yet. */
export class NoHistoryError extends Error {}

const BUSY_LIMIT_MS = 2_000;

/** The history as it is read, also while a service writes it. All methods throw what SQLite says. */
export class HistoryReader {
  readonly #database: Database;
  #addresses: AddressSet = AddressSet.any;

  private constructor(database: Database) {
    this.#database = database;
    const words = new Uint32Array(4);
    database.function('is_wanted', { deterministic: false }, (address) => {
      const version = typeof address === 'string' ? parseAddress(address, words) : 0;
      return version !== 0 && this.#addresses.contains(version, words) ? 1 : 0;
    });
  }

  /** Throws NoHistoryError or HistoryVersionError where there is nothing to read. */
  static open(file: string): HistoryReader {
    if (!existsSync(file)) throw new NoHistoryError(`there is no history: ${file} is not there`);
    const database = new Database(file, { readonly: true, fileMustExist: true, timeout: BUSY_LIMIT_MS });
    try {
      const version = Number(database.pragma('user_version', { simple: true }));
      if (version === 0) throw new NoHistoryError(`nothing is in the history yet: ${file}`);
      if (version !== HISTORY_VERSION) throw new HistoryVersionError(file, version);
      return new HistoryReader(database);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** The newest `limit` of them, the oldest of these first. */
  events(filter: EventFilter, limit: number): KeptEvent[] {
    return this.#newest<KeptEvent>(EVENT_COLUMNS, '', filter, limit);
  }

  /** The EVE lines of the same events. */
  lines(filter: EventFilter, limit: number): string[] {
    const rows = this.#newest<{ line: string }>('line', 'JOIN lines ON lines.id = events.id', filter, limit);
    return rows.map(({ line }) => line);
  }

  /** At most `limit`: rules and sources with the most events first, or the newest hours and days, in their order. */
  groups(grouping: Grouping, filter: EventFilter, limit: number): EventGroup[] {
    const { key, label, order } = GROUPED[grouping];
    const { where, values } = this.#conditions(filter);
    const groups = this.#database
      .prepare<EventGroup>(
        `SELECT ${label} AS label, ${SUMS} FROM events JOIN kinds ON kinds.id = events.kind ${where} ` +
          `GROUP BY ${key} ORDER BY ${order} DESC LIMIT ?`,
      )
      .all(...values, limit);
    return grouping === 'hour' || grouping === 'day' ? groups.reverse() : groups;
  }

  close(): void {
    this.#database.close();
  }

  #newest<Row>(columns: string, join: string, filter: EventFilter, limit: number): Row[] {
    const { where, values } = this.#conditions(filter);
    return this.#database
      .prepare<Row>(
        `SELECT ${columns} FROM events JOIN kinds ON kinds.id = events.kind ${join} ${where} ` +
          'ORDER BY time_ms DESC, events.id DESC LIMIT ?',
      )
      .all(...values, limit)
      .reverse();
  }

  #conditions(filter: EventFilter): { readonly where: string; readonly values: readonly (string | number)[] } {
    const { sinceMs, untilMs, rules, checks, cves, addresses, flowId, type, action, mode } = filter;
    const values: (string | number)[] = [];
    const conditions: string[] = [];
    const add = (condition: string, ...its: readonly (string | number)[]): void => {
      conditions.push(condition);
      values.push(...its);
    };
    if (sinceMs !== undefined) add('time_ms >= ?', sinceMs);
    if (untilMs !== undefined) add('time_ms < ?', untilMs);
    if (rules !== undefined) {
      add(anyOf('(gid = ? AND sid = ?)', rules.length), ...rules.flatMap(({ gid, sid }) => [gid, sid]));
    }
    if (checks !== undefined) add(`type = 'drop' AND ${anyOf('name = ?', checks.length)}`, ...checks);
    if (cves !== undefined) {
      add(anyOf("instr(' ' || cves || ' ', ?) > 0", cves.length), ...cves.map((cve) => ` ${cve.toUpperCase()} `));
    }
    if (flowId !== undefined) add('flow_id = ?', flowId);
    if (type !== undefined) add('type = ?', type);
    if (action !== undefined) add('action = ?', action);
    if (mode !== undefined) add('mode = ?', mode);
    if (addresses !== undefined) {
      this.#addresses = AddressSet.of(addresses);
      add('(is_wanted(source) OR is_wanted(destination))');
    }
    return { where: conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`, values };
  }
}

/** None of none. */
const anyOf = (condition: string, count: number): string =>
  count === 0 ? 'FALSE' : `(${Array.from({ length: count }, () => condition).join(' OR ')})`;

const EVENT_COLUMNS =
  'time_ms AS timeMs, type, action, mode, count, gid, sid, name, severity, cves, source, source_port AS sourcePort, ' +
  'destination, destination_port AS destinationPort, protocol, app_protocol AS appProtocol, flow_id AS flowId';

const countWhere = (condition: string): string => `sum(CASE WHEN ${condition} THEN count ELSE 0 END)`;

const SUMS =
  `${countWhere("type = 'alert'")} AS alerts, ` +
  `${countWhere("type = 'alert' AND action = 'blocked'")} AS blocked, ` +
  `${countWhere("action = 'would-block'")} AS wouldBlock, ` +
  `${countWhere("type = 'drop'")} AS drops, ` +
  'min(time_ms) AS firstMs, max(time_ms) AS lastMs';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const startOf = (periodMs: number): string => `time_ms / ${periodMs} * ${periodMs}`;

/** What a rule drops counts with its alerts, which have its message. */
const RULE_LABEL =
  "CASE WHEN sid IS NULL THEN name ELSE gid || ':' || sid || coalesce(' ' || max(CASE WHEN type = 'alert' THEN name END), '') END";

const GROUPED: Readonly<Record<Grouping, { readonly key: string; readonly label: string; readonly order: string }>> = {
  rule: { key: 'gid, sid, CASE WHEN sid IS NULL THEN name END', label: RULE_LABEL, order: 'sum(count)' },
  source: { key: 'source', label: 'source', order: 'sum(count)' },
  hour: { key: startOf(HOUR_MS), label: startOf(HOUR_MS), order: startOf(HOUR_MS) },
  day: { key: startOf(DAY_MS), label: startOf(DAY_MS), order: startOf(DAY_MS) },
};
