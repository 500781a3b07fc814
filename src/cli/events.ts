import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type AddressRange, parseAddressRange } from '../base/address-range.ts';
import { type Config, MODES, type Mode } from '../config/config.ts';
import { parseDurationMs } from '../config/units.ts';
import { nearestName } from '../rules/nearest-name.ts';
import {
  GROUPINGS,
  type Grouping,
  HISTORY_ACTIONS,
  HISTORY_TYPES,
  type HistoryAction,
  type HistoryType,
} from '../service/history/history-event.ts';
import type { EventFilter, EventGroup, HistoryReader, RuleNumber } from '../service/history/history-reader.ts';
import { settingsFrom } from './common-options.ts';
import { eventsCsv, eventTable, groupChart, groupsCsv, groupsJson, groupTable } from './event-views.ts';
import { EXIT, Failure } from './failure.ts';
import { withHistory } from './history.ts';
import { loadCatalogue } from './patches/shipped.ts';
import { collect, repeatable } from './repeatable.ts';

interface EventsOptions {
  readonly since?: number;
  readonly until?: number;
  readonly rule?: readonly RuleNumber[];
  readonly check?: readonly string[];
  readonly cve?: readonly string[];
  readonly patch?: readonly string[];
  readonly address?: readonly AddressRange[];
  readonly type?: HistoryType;
  readonly action?: HistoryAction;
  readonly mode?: Mode;
  readonly summary?: Grouping;
  readonly limit?: number;
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly config?: string;
  readonly state?: string;
}

const DEFAULT_EVENTS = 50;
const DEFAULT_GROUPS = 20;
const MAX_LIMIT = 100_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Of a summary by hour or day where nobody says since when. */
const HOURS_SHOWN = 24;
const DAYS_SHOWN = 30;
/** Rows of a chart. */
const MAX_PERIODS = 1_000;

export function registerEvents(program: Command): void {
  program
    .command('events')
    .summary('show what was reported and dropped')
    .description(
      'Shows alerts and drops that the service has kept (history in the configuration), the newest last, or sums them up. ' +
        'All that is named has to hold; of an option that is given several times, one. Times are in UTC.',
    )
    .option('--since <time>', 'from then on: 30m, 8h, 7d ago, or 2026-11-22, "2026-11-22 10:00"', time)
    .option('--until <time>', 'before then', time)
    .option('--rule <sid>', 'of this rule, as 9000001 or 1:9000001; repeatable', repeatable(rule))
    .option('--check <name>', 'of this always-on check, or of this reason to drop; repeatable', collect)
    .option('--cve <id>', 'of rules for this CVE; repeatable', repeatable(cve))
    .option('--patch <id>', 'of the rules of this virtual patch; repeatable', collect)
    .option('--address <network>', 'from or to this address or network; repeatable', repeatable(network))
    .addOption(new Option('--type <type>', 'of this type').choices(HISTORY_TYPES))
    .addOption(new Option('--action <action>', 'with this outcome').choices(HISTORY_ACTIONS))
    .addOption(new Option('-m, --mode <mode>', 'in this mode').choices(MODES))
    .addOption(
      new Option('--summary <what>', 'sums instead of events; those by time with a bar chart').choices(GROUPINGS),
    )
    .option(
      '-n, --limit <number>',
      `at most so many (default: ${DEFAULT_EVENTS} events, ${DEFAULT_GROUPS} sums)`,
      limit,
    )
    .option('--json', 'print EVE lines; of a summary, one JSON list')
    .addOption(new Option('--csv', 'print comma-separated values').conflicts('json'))
    .option('-c, --config <file>', 'configuration (default: /etc/vpatch/vpatch.yaml if it is there)')
    .option('--state <folder>', 'where the history is (default: /var/lib/vpatch)')
    .addHelpText(
      'after',
      '\nExamples:\n  vpatch events --since 1h --action blocked\n  vpatch events --since 7d --summary day\n' +
        '  vpatch events --cve CVE-2021-44228 --json | vpatch explain -',
    )
    .action(events);
}

async function events(options: EventsOptions): Promise<void> {
  const filter = filterOf(options);
  const text = await withHistory(configOf(options), (reader) =>
    options.summary === undefined
      ? eventsText(reader, filter, options)
      : summaryText(reader, filter, options.summary, options),
  );
  process.stdout.write(text);
}

function eventsText(reader: HistoryReader, filter: EventFilter, options: EventsOptions): string {
  const { limit: most = DEFAULT_EVENTS, json = false, csv = false } = options;
  if (json)
    return reader
      .lines(filter, most)
      .map((line) => `${line}\n`)
      .join('');
  // One more tells whether there are more.
  const found = reader.events(filter, most + 1);
  const shown = found.slice(-most);
  if (csv) return eventsCsv(shown);
  if (shown.length === 0) return 'no events\n';
  const isCut = found.length > shown.length;
  return `${eventTable(shown)}${isCut ? `the newest ${most}: --limit shows more, --summary sums up\n` : ''}`;
}

function summaryText(reader: HistoryReader, filter: EventFilter, grouping: Grouping, options: EventsOptions): string {
  const { json = false, csv = false } = options;
  const groups =
    grouping === 'hour' || grouping === 'day'
      ? periods(reader, filter, grouping, options)
      : reader.groups(grouping, filter, options.limit ?? DEFAULT_GROUPS);
  if (json) return groupsJson(grouping, groups);
  if (csv) return groupsCsv(grouping, groups);
  if (groups.every(({ alerts, drops }) => alerts + drops === 0)) return 'no events\n';
  if (grouping === 'rule' || grouping === 'source') return groupTable(grouping, groups);
  const { columns = FILE_COLUMNS } = process.stdout;
  return groupChart(grouping, groups, { width: columns, isUnicode: isUtf8() });
}

/** Where the output is no terminal. */
const FILE_COLUMNS = 100;

const isUtf8 = (): boolean => {
  const { LC_ALL, LC_CTYPE, LANG } = process.env;
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '');
};

/** Also those in which nothing happened. */
function periods(
  reader: HistoryReader,
  filter: EventFilter,
  grouping: 'hour' | 'day',
  options: EventsOptions,
): EventGroup[] {
  const periodMs = grouping === 'hour' ? HOUR_MS : DAY_MS;
  const most = Math.min(options.limit ?? MAX_PERIODS, MAX_PERIODS);
  const untilMs = filter.untilMs ?? Date.now() + 1;
  const shown = grouping === 'hour' ? HOURS_SHOWN : DAYS_SHOWN;
  const sinceMs = filter.sinceMs ?? untilMs - shown * periodMs;
  const last = Math.ceil(untilMs / periodMs) - 1;
  const first = Math.max(Math.floor(sinceMs / periodMs), last - most + 1);
  const range = { ...filter, sinceMs: Math.max(sinceMs, first * periodMs), untilMs };
  const found = new Map(reader.groups(grouping, range, most).map((group) => [group.label, group]));
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => {
    const startMs = (first + i) * periodMs;
    return found.get(startMs) ?? { ...NOTHING, label: startMs, firstMs: startMs, lastMs: startMs };
  });
}

const NOTHING = { alerts: 0, blocked: 0, wouldBlock: 0, drops: 0 } as const;

function filterOf(options: EventsOptions): EventFilter {
  const { since, until, rule: named, check, cve: cves, patch, address, type, action, mode } = options;
  const rules = [...(named ?? []), ...(patch ?? []).flatMap(rulesOfPatch)];
  return {
    ...(since !== undefined && { sinceMs: since }),
    ...(until !== undefined && { untilMs: until }),
    ...((named !== undefined || patch !== undefined) && { rules }),
    ...(check !== undefined && { checks: check }),
    ...(cves !== undefined && { cves }),
    ...(address !== undefined && { addresses: address }),
    ...(type !== undefined && { type }),
    ...(action !== undefined && { action }),
    ...(mode !== undefined && { mode }),
  };
}

function configOf({ config: file, state }: EventsOptions): Config {
  const { config } = settingsFrom({ ...(file !== undefined && { config: file }), onlyRules: [], logLevel: 'warn' });
  return state === undefined ? config : { ...config, state: { folder: resolve(state) } };
}

function rulesOfPatch(name: string): RuleNumber[] {
  const { patches } = loadCatalogue();
  const id = name.toLowerCase();
  const found = patches.find((patch) => patch.id === id || patch.description.cves.includes(id.toUpperCase()));
  if (found !== undefined) return found.rules.map(({ sid }) => ({ gid: 1, sid }));
  const suggestion = nearestName(
    id,
    patches.map((patch) => patch.id),
  );
  throw new Failure(
    EXIT.usage,
    `there is no patch ${name}${suggestion === null ? '' : `; did you mean ${suggestion}?`} "vpatch patches list" lists them`,
  );
}

function time(text: string): number {
  const agoMs = parseDurationMs(text);
  if (agoMs !== undefined) return Date.now() - agoMs;
  const match = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}(?::\d{2})?))?Z?$/.exec(text);
  const timeMs = match === null ? Number.NaN : Date.parse(`${match[1]}T${match[2] ?? '00:00'}Z`);
  if (!Number.isNaN(timeMs)) return timeMs;
  throw new InvalidArgumentError(
    'expected how long ago (30m, 8h, 7d), or a time in UTC (2026-11-22, "2026-11-22 10:00").',
  );
}

function rule(text: string): RuleNumber {
  const match = /^(?:(\d{1,10}):)?(\d{1,10})$/.exec(text);
  if (match !== null) return { gid: Number(match[1] ?? 1), sid: Number(match[2]) };
  throw new InvalidArgumentError('expected the number of a rule, such as 9000001 or 1:9000001.');
}

function cve(text: string): string {
  if (/^CVE-\d{4}-\d{4,19}$/i.test(text)) return text;
  throw new InvalidArgumentError('expected a CVE such as CVE-2021-44228.');
}

function network(text: string): AddressRange {
  const range = parseAddressRange(text);
  if (range !== null) return range;
  throw new InvalidArgumentError('expected an address or a network, such as 192.0.2.7 or 2001:db8::/32.');
}

function limit(text: string): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1 && value <= MAX_LIMIT) return value;
  throw new InvalidArgumentError(`expected a whole number from 1 to ${MAX_LIMIT}.`);
}
