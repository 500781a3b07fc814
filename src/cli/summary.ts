import { counted } from '../base/counted.ts';
import type { CounterTree } from '../base/counters.ts';
import type { Mode } from '../config/config.ts';
import { withoutControls } from '../output/log.ts';
import type { AlertTally, AnomalyTally, DropTally } from './tally.ts';

/** What a replay found: the form of `replay --json`. */
export interface Summary {
  readonly mode: Mode;
  readonly seconds: number;
  readonly rules: { readonly loaded: number; readonly refused: number; readonly warnings: number };
  readonly alerts: readonly AlertTally[];
  readonly drops: readonly DropTally[];
  readonly anomalies: readonly AnomalyTally[];
  /** As in EVE's `stats`. */
  readonly stats: CounterTree;
}

/** The same for a person. */
export function summaryText(files: readonly string[], summary: Summary): string {
  const { mode, seconds, rules, alerts, drops, anomalies, stats } = summary;
  const at = (group: string, name: string): number => {
    const tree = stats[group];
    const value = typeof tree === 'object' ? tree[name] : undefined;
    return typeof value === 'number' ? value : 0;
  };
  const alertCount = alerts.reduce((sum, { count }) => sum + count, 0);
  const dropCount = drops.reduce((sum, { packets }) => sum + packets, 0);
  const refused = rules.refused > 0 ? `, ${rules.refused} refused (vpatch rules check says why)` : '';
  const lines = [
    `${namesOf(files)}: ${counted(at('decoder', 'pkts'), 'packet')}, ${counted(at('decoder', 'bytes'), 'byte')}, ` +
      `${counted(at('flow', 'total'), 'flow')} in ${seconds.toFixed(2)} s`,
    `mode ${mode}, ${counted(rules.loaded, 'rule')}${refused}`,
    `${counted(alertCount, 'alert')}`,
    ...alerts.map((alert) =>
      row(alert.count, `${alert.gid}:${alert.signature_id} ${alert.signature} (${alert.action})`),
    ),
    `${counted(dropCount, 'packet')} dropped`,
    ...drops.map(({ packets, reason, check }) => row(packets, check === null ? reason : `${reason}: ${check}`)),
    ...(anomalies.length > 0 ? ['remarkable'] : []),
    ...anomalies.map(({ count, event }) => row(count, event)),
  ];
  return `${lines.map(withoutControls).join('\n')}\n`;
}

/** More are counted. */
const MAX_NAMED_FILES = 4;

const namesOf = (files: readonly string[]): string =>
  files.length <= MAX_NAMED_FILES ? files.join(', ') : counted(files.length, 'capture file');

const COUNT_COLUMNS = 9;

const row = (count: number, what: string): string => `${String(count).padStart(COUNT_COLUMNS)}  ${what}`;
