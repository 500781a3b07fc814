import type { Mode } from '../../config/config.ts';
import type { EveAlert, EveEvent, EveLine } from '../../output/eve-lines.ts';

/** `would-block`: in prevent mode it would have been blocked. */
export const HISTORY_ACTIONS = ['blocked', 'would-block', 'allowed'] as const;
export type HistoryAction = (typeof HISTORY_ACTIONS)[number];

/** Types of events that the history keeps. */
export const HISTORY_TYPES = ['alert', 'drop'] as const;
export type HistoryType = (typeof HISTORY_TYPES)[number];

/** What sums are made by. */
export const GROUPINGS = ['rule', 'source', 'hour', 'day'] as const;
export type Grouping = (typeof GROUPINGS)[number];

/** What events have in common: a rule or a check with what it says of itself. There are as many as rules and checks. */
export interface EventKind {
  readonly type: HistoryType;
  /** Of the rule; null: none decided. */
  readonly gid: number | null;
  readonly sid: number | null;
  readonly rev: number | null;
  /** The rule's message; of a drop, the check or the reason. */
  readonly name: string;
  readonly category: string | null;
  readonly severity: number | null;
  /** `CVE-2021-44228`, ... */
  readonly cves: readonly string[];
}

/** An alert or a drop, as it is kept. */
export interface HistoryEvent {
  readonly kind: EventKind;
  readonly timeMs: number;
  readonly action: HistoryAction;
  readonly mode: Mode;
  /** For so many events it stands. */
  readonly count: number;
  /** Null: there were several, or the packet had none. */
  readonly source: string | null;
  readonly sourcePort: number | null;
  readonly destination: string | null;
  readonly destinationPort: number | null;
  readonly protocol: string | null;
  readonly appProtocol: string | null;
  readonly flowId: number | null;
  /** The EVE line, without its line feed. */
  readonly line: string;
}

/** Of an `alert` or `drop` line that our own EveWriter wrote. Throws where it is none. */
export function historyEvent(line: EveLine): HistoryEvent {
  const { event, text } = line;
  const { alert, vpatch } = event;
  const isOfOne = vpatch.folded?.several_sources !== true;
  return {
    kind: alert === undefined ? dropKind(event) : alertKind(alert, vpatch.cve ?? []),
    timeMs: Date.parse(event.timestamp),
    action: actionOf(event),
    mode: vpatch.mode,
    count: vpatch.folded?.events ?? 1,
    source: isOfOne ? (event.src_ip ?? null) : null,
    sourcePort: isOfOne ? (event.src_port ?? null) : null,
    destination: event.dest_ip ?? null,
    destinationPort: event.dest_port ?? null,
    protocol: event.proto ?? null,
    appProtocol: event.app_proto ?? null,
    flowId: event.flow_id ?? null,
    line: text,
  };
}

const alertKind = (alert: EveAlert, cves: readonly string[]): EventKind => ({
  type: 'alert',
  gid: alert.gid,
  sid: alert.signature_id,
  rev: alert.rev,
  name: alert.signature,
  category: alert.category,
  severity: alert.severity,
  cves,
});

const dropKind = ({ drop, vpatch }: EveEvent): EventKind => ({
  type: 'drop',
  gid: vpatch.gid ?? null,
  sid: vpatch.signature_id ?? null,
  rev: null,
  name: vpatch.check ?? drop!.reason,
  category: null,
  severity: null,
  cves: [],
});

function actionOf({ alert, vpatch }: EveEvent): HistoryAction {
  if (alert === undefined || alert.action === 'blocked') return 'blocked';
  return vpatch.would_block === true ? 'would-block' : 'allowed';
}
