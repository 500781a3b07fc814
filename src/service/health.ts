import { RecentTroubles, type Troubles } from './recent-troubles.ts';
import type { ServiceStatus } from './status.ts';

/** As Nagios and all that came after it understand the exit code of a plug-in. */
export const HEALTH_CODES = { OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3 } as const;
export type HealthState = keyof typeof HEALTH_CODES;

export interface Health {
  readonly state: HealthState;
  /** Why it is not OK, the worst first; for OK, what the service does. */
  readonly reasons: readonly string[];
  readonly figures: readonly Figure[];
}

/** One value of the "performance data" of a plug-in. */
export interface Figure {
  readonly label: string;
  readonly value: number;
  /** `c`: a counter. */
  readonly unit: '' | 'c' | 's' | 'B';
}

export interface HealthLimits {
  /** More refused rules than so many are a warning. */
  readonly maxRefused: number;
}

const MS_PER_SECOND = 1000;

/** What of the status needs somebody: now, or in the last minutes. */
export function healthOf(status: ServiceStatus, { maxRefused }: HealthLimits): Health {
  const { rules } = status.ruleset;
  const problem = uninspected(status);
  const critical = problem === null ? [] : [problem];
  const warnings = (Object.keys(RECENT) as readonly (keyof Troubles)[])
    .filter((kind) => status.recent[kind] > 0)
    .map((kind) => `${RECENT[kind]} in the last ${RecentTroubles.windowMinutes} minutes: ${status.recent[kind]}`);
  if (status.history !== null && status.history.problem !== null) warnings.push(status.history.problem);
  if (rules.refused > maxRefused) {
    warnings.push(`rules refused ("vpatch rules check" says why): ${rules.refused}`);
  }
  if (rules.parked > 0)
    warnings.push(`rules not tried for a minute, since traffic made them too dear: ${rules.parked}`);
  const reasons = [...critical, ...warnings];
  if (reasons.length === 0) {
    reasons.push(`${status.mode} mode, rules in force: ${rules.loaded}, ruleset ${status.ruleset.version}`);
  }
  const state = critical.length > 0 ? 'CRITICAL' : warnings.length > 0 ? 'WARNING' : 'OK';
  return { state, reasons, figures: figuresOf(status) };
}

/** The line of a plug-in: state and reasons for people, figures for graphs. */
export function healthLine({ state, reasons, figures }: Health): string {
  // What stands behind a bar is figures.
  const text = `VPATCH ${state} - ${reasons.join('; ').replaceAll('|', '/')}`;
  const data = figures.map(({ label, value, unit }) => `${label}=${value}${unit}`);
  return data.length === 0 ? text : `${text} | ${data.join(' ')}`;
}

const RECENT: Readonly<Record<keyof Troubles, string>> = {
  restarts: 'restarts of workers',
  lostRules: 'removals of the firewall rules by somebody else',
  overflowed: 'packets dropped since a queue was full',
  overflows: 'times that a queue was full and may have let packets pass uninspected',
  failedPackets: 'packets that could not be inspected for a mistake of ours',
  lostLines: 'event lines lost',
  lostMessages: 'notifications that could not be delivered',
};

/** What becomes of traffic that is not inspected now, and why it is not; null: it is. */
export function uninspected({ interception: { isActive, failure }, queues }: ServiceStatus): string | null {
  if (isActive) return null;
  const missing = queues.filter(({ isInspecting }) => !isInspecting).map(({ queue }) => queue);
  const why =
    missing.length === 0
      ? 'the firewall rules are not in place'
      : `no worker for queue ${missing.join(', ')}, it is being started again`;
  // Without the rules, nothing gets to the queues, whatever is to become of it there.
  const isOpen = failure === 'open' || missing.length === 0;
  return `${isOpen ? 'traffic passes uninspected' : 'traffic is dropped'}: ${why}`;
}

const figuresOf = ({
  ruleset,
  traffic,
  latency,
  queues,
  flows,
  memory,
  events,
  incidents,
}: ServiceStatus): Figure[] => [
  { label: 'packets', value: traffic.packets, unit: 'c' },
  { label: 'bytes', value: traffic.bytes, unit: 'c' },
  { label: 'dropped', value: traffic.dropped, unit: 'c' },
  { label: 'alerts', value: traffic.alerts, unit: 'c' },
  { label: 'overflowed', value: queues.reduce((sum, { overflowed }) => sum + (overflowed ?? 0), 0), unit: 'c' },
  { label: 'overflows', value: incidents.overflows, unit: 'c' },
  { label: 'lost_lines', value: events.lostLines, unit: 'c' },
  { label: 'restarts', value: incidents.restarts, unit: 'c' },
  { label: 'waiting', value: queues.reduce((sum, { waiting }) => sum + (waiting ?? 0), 0), unit: '' },
  { label: 'flows', value: flows.active, unit: '' },
  { label: 'rules', value: ruleset.rules.loaded, unit: '' },
  { label: 'refused', value: ruleset.rules.refused, unit: '' },
  { label: 'latency_p99', value: latency.p99Ms / MS_PER_SECOND, unit: 's' },
  { label: 'resident', value: memory.residentBytes, unit: 'B' },
];
