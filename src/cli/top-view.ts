import { counted } from '../base/counted.ts';
import { withoutControls } from '../output/log.ts';
import type { TallyReport, TallyRow } from '../service/event-tally.ts';
import { uninspected } from '../service/health.ts';
import { latencyQuantileMs } from '../service/latency.ts';
import type { QueueStatus, ServiceStatus } from '../service/status.ts';
import { count, mebibytes } from './figures.ts';
import { shortAddress } from './short-address.ts';

/** What the service says of itself at a time. */
export interface TopSample {
  readonly timeMs: number;
  readonly status: ServiceStatus;
  readonly events: TallyReport;
}

/** What happened in each second between two samples. */
export interface Rates {
  readonly packets: number;
  readonly bits: number;
  readonly accepted: number;
  readonly dropped: number;
  readonly alerts: number;
  readonly newFlows: number;
  /** Of the packets between them; null: there were none. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

const MS_PER_SECOND = 1000;
const BITS_PER_BYTE = 8;
const MEGABIT = 1e6;

/** Counters that have gone back are those of a service that was started again: they count from its start. */
export function ratesBetween(before: TopSample, now: TopSample): Rates {
  const isSame = before.status.startedAt === now.status.startedAt;
  const seconds = Math.max(1, now.timeMs - before.timeMs) / MS_PER_SECOND;
  const rate = (counterOf: (status: ServiceStatus) => number): number =>
    Math.max(0, counterOf(now.status) - (isSame ? counterOf(before.status) : 0)) / seconds;
  const buckets = now.status.latency.buckets.map(({ upToMs, packets }, at) => ({
    upToMs,
    packets: packets - (isSame ? (before.status.latency.buckets[at]?.packets ?? 0) : 0),
  }));
  const hasPackets = buckets.some(({ packets }) => packets > 0);
  return {
    packets: rate(({ traffic }) => traffic.packets),
    bits: rate(({ traffic }) => traffic.bytes) * BITS_PER_BYTE,
    accepted: rate(({ traffic }) => traffic.accepted),
    dropped: rate(({ traffic }) => traffic.dropped),
    alerts: rate(({ traffic }) => traffic.alerts),
    newFlows: rate(({ flows }) => flows.total),
    p50Ms: hasPackets ? latencyQuantileMs(buckets, 0.5) : null,
    p99Ms: hasPackets ? latencyQuantileMs(buckets, 0.99) : null,
  };
}

export interface TopSize {
  readonly columns: number;
  /** Of the terminal; null: as many as there are. */
  readonly rows: number | null;
}

/** Rules and sources that are shown at least. */
const LEAST_TALLIES = 3;

/** The view as lines, none longer than the terminal is wide. Safe for a terminal. */
export function topLines({ timeMs, status, events }: TopSample, rates: Rates, { columns, rows }: TopSize): string[] {
  const { traffic, flows, memory, queues, interception, ruleset, incidents } = status;
  const problem = uninspected(status);
  const latency =
    rates.p99Ms === null
      ? 'no packets now'
      : `half within ${rates.p50Ms} ms, 99 % within ${rates.p99Ms} ms now; 99 % within ${status.latency.p99Ms} ms since the start`;
  const head = [
    `vpatch ${status.version}   ${status.mode.toUpperCase()} mode   up ${uptime(status.uptimeSeconds)}   ` +
      `${new Date(timeMs).toISOString().slice(11, 19)} UTC`,
    problem === null
      ? `inspecting ${interception.hooks.join(' and ')} by ${interception.firewall}, fail ${interception.failure}; ` +
        `${counted(ruleset.rules.loaded, 'rule')}, ruleset ${ruleset.version}`
      : `NOT INSPECTING: ${problem}`,
    '',
    row(
      'traffic',
      `${count(rates.packets)} packets/s   ${count(rates.bits / MEGABIT)} Mbit/s   ${count(rates.newFlows)} new flows/s   ${count(flows.active)} flows now`,
    ),
    row(
      'verdicts',
      `${count(rates.accepted)} accepted/s   ${count(rates.dropped)} dropped/s   ${count(rates.alerts)} alerts/s`,
    ),
    row(
      'in all',
      `${count(traffic.packets)} packets   ${count(traffic.dropped)} dropped   ${count(traffic.alerts)} alerts`,
    ),
    row('latency', latency),
    row('queues', queues.map((queue) => `${queue.queue}: ${queueText(queue)}`).join('   ')),
    row(
      'service',
      `${mebibytes(memory.residentBytes)}   ${count(status.events.lostLines)} event lines lost   ${count(incidents.restarts)} restarts`,
    ),
  ];
  const drops = Object.entries(traffic.dropsByReason).sort(([, a], [, b]) => b - a);
  if (drops.length > 0) {
    head.push(row('dropped', drops.map(([reason, n]) => `${count(n)} ${reason.replaceAll('_', ' ')}`).join('   ')));
  }
  // A head and an empty line above each list, and one line for the cursor.
  const room = rows === null ? Number.POSITIVE_INFINITY : Math.floor((rows - head.length - 5) / 2);
  const most = Math.max(LEAST_TALLIES, room);
  const since = events.seconds < 60 ? `${events.seconds} seconds` : `${Math.round(events.seconds / 60)} minutes`;
  const lines = [
    ...head,
    '',
    ...tallyLines(`RULES AND CHECKS, LAST ${since.toUpperCase()}`, events.rules, most, (label) => label),
    '',
    ...tallyLines(`SOURCES, LAST ${since.toUpperCase()}`, events.sources, most, shortAddress),
  ];
  return lines.map((line) => withoutControls(line).slice(0, columns).trimEnd());
}

const LABEL_CHARACTERS = 10;
const row = (label: string, text: string): string => `${label.padEnd(LABEL_CHARACTERS)}${text}`;

/** As `vpatch status` has it, in short. */
const queueText = ({ waiting, overflowed }: QueueStatus): string =>
  waiting === null || overflowed === null
    ? 'the kernel says nothing of it'
    : `${count(waiting)} waiting, ${count(overflowed)} overflowed`;

const FIGURE_CHARACTERS = 9;

function tallyLines(
  title: string,
  tallies: readonly TallyRow[],
  most: number,
  labelOf: (label: string) => string,
): string[] {
  const figures = (events: string, blocked: string): string =>
    `${events.padStart(FIGURE_CHARACTERS)}${blocked.padStart(FIGURE_CHARACTERS)}  `;
  const shown = tallies.slice(0, most);
  return [
    `${figures('EVENTS', 'BLOCKED')}${title}`,
    ...(shown.length === 0 ? [`${figures('', '')}none`] : []),
    ...shown.map(({ label, events, blocked }) => `${figures(count(events), count(blocked))}${labelOf(label)}`),
  ];
}

function uptime(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const clock = new Date(seconds * MS_PER_SECOND).toISOString().slice(11, 19);
  return days === 0 ? clock : `${days} d ${clock}`;
}
