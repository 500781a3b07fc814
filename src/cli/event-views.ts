import { withoutControls } from '../output/log.ts';
import type { Grouping } from '../service/history/history-event.ts';
import type { EventGroup, KeptEvent } from '../service/history/history-reader.ts';
import { shortAddress } from './short-address.ts';
import { table } from './table.ts';

/** All times are in UTC. */
const timeText = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 19).replace('T', ' ');

/** One line for each event. */
export function eventTable(events: readonly KeptEvent[]): string {
  const rows = events.map((event) => [
    timeText(event.timeMs),
    event.type,
    event.action,
    event.mode,
    endpoint(event.source, event.sourcePort),
    endpoint(event.destination, event.destinationPort),
    [event.protocol, event.appProtocol].filter((name) => name !== null).join(' '),
    event.count === 1 ? '' : `x${event.count}`,
    event.sid === null ? '' : `${event.gid}:${event.sid}`,
    event.cves === '' ? event.name : `${event.name} (${event.cves})`,
  ]);
  return table([
    ['TIME (UTC)', 'TYPE', 'ACTION', 'MODE', 'SOURCE', 'DESTINATION', 'PROTOCOL', '', 'RULE', 'WHAT'],
    ...rows,
  ]);
}

export const eventsCsv = (events: readonly KeptEvent[]): string =>
  csv([
    [...CSV_COLUMNS],
    ...events.map((event) =>
      CSV_COLUMNS.map((column) => (column === 'time' ? new Date(event.timeMs).toISOString() : event[column])),
    ),
  ]);

const CSV_COLUMNS = [
  'time',
  'type',
  'action',
  'mode',
  'count',
  'gid',
  'sid',
  'name',
  'severity',
  'cves',
  'source',
  'sourcePort',
  'destination',
  'destinationPort',
  'protocol',
  'appProtocol',
  'flowId',
] as const;

export interface ChartSettings {
  /** Of the terminal, in characters. */
  readonly width: number;
  /** Blocks instead of ASCII. */
  readonly isUnicode: boolean;
}

/** Rules or sources, each with its sums. */
export const groupTable = (grouping: Grouping, groups: readonly EventGroup[]): string =>
  table([
    [...SUM_HEADS, 'FIRST (UTC)', 'LAST', grouping === 'rule' ? 'RULE OR CHECK' : 'SOURCE'],
    ...groups.map((group) => [
      ...sumsOf(group),
      timeText(group.firstMs),
      timeText(group.lastMs),
      labelText(grouping, group.label),
    ]),
  ]);

/** Hours or days, each with its sums and a bar: alerts, then dropped packets. */
export function groupChart(grouping: Grouping, groups: readonly EventGroup[], chart: ChartSettings): string {
  const bars = barsOf(groups, chart);
  return table([
    [grouping === 'hour' ? 'HOUR (UTC)' : 'DAY (UTC)', ...SUM_HEADS, ''],
    ...groups.map((group, at) => [labelText(grouping, group.label), ...sumsOf(group), bars[at]!]),
  ]);
}

const SUM_HEADS = ['ALERTS', 'BLOCKED', 'WOULD BLOCK', 'DROPS'];

const sumsOf = ({ alerts, blocked, wouldBlock, drops }: EventGroup): string[] =>
  [alerts, blocked, wouldBlock, drops].map(String);

/** What stands left of the bars. */
const TABLE_CHARACTERS = 56;
const LEAST_BAR_CHARACTERS = 10;

function barsOf(groups: readonly EventGroup[], { width, isUnicode }: ChartSettings): string[] {
  const longest = Math.max(LEAST_BAR_CHARACTERS, width - TABLE_CHARACTERS);
  const most = Math.max(1, ...groups.map(({ alerts, drops }) => alerts + drops));
  const [alertMark, dropMark] = isUnicode ? ['█', '░'] : ['#', '.'];
  const length = (count: number): number => Math.round((count / most) * longest);
  return groups.map(({ alerts, drops }) => {
    const both = Math.max(length(alerts + drops), alerts + drops > 0 ? 1 : 0);
    const ofAlerts = drops === 0 ? both : Math.min(both, Math.max(length(alerts), alerts > 0 ? 1 : 0));
    return alertMark!.repeat(ofAlerts) + dropMark!.repeat(both - ofAlerts);
  });
}

export const groupsCsv = (grouping: Grouping, groups: readonly EventGroup[]): string =>
  csv([
    [grouping, 'alerts', 'blocked', 'wouldBlock', 'drops', 'first', 'last'],
    ...groups.map((group) => [
      labelText(grouping, group.label),
      group.alerts,
      group.blocked,
      group.wouldBlock,
      group.drops,
      new Date(group.firstMs).toISOString(),
      new Date(group.lastMs).toISOString(),
    ]),
  ]);

export const groupsJson = (grouping: Grouping, groups: readonly EventGroup[]): string =>
  `${JSON.stringify(
    groups.map(({ label, firstMs, lastMs, ...sums }) => ({
      [grouping]: labelText(grouping, label),
      ...sums,
      first: new Date(firstMs).toISOString(),
      last: new Date(lastMs).toISOString(),
    })),
    null,
    2,
  )}\n`;

function labelText(grouping: Grouping, label: EventGroup['label']): string {
  if (typeof label === 'number') return timeText(label).slice(0, grouping === 'day' ? 10 : 16);
  return grouping === 'source' ? endpoint(label, null) : (label ?? '');
}

function endpoint(address: string | null, port: number | null): string {
  if (address === null) return 'several';
  const text = shortAddress(address);
  if (port === null) return text;
  return text.includes(':') ? `[${text}]:${port}` : `${text}:${port}`;
}

/** RFC 4180. */
const csv = (rows: readonly (readonly (string | number | null)[])[]): string =>
  rows.map((row) => `${row.map(csvCell).join(',')}\r\n`).join('');

function csvCell(value: string | number | null): string {
  const text = withoutControls(String(value ?? ''));
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
