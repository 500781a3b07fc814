import type { Mode } from '../../config/config.ts';

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

/** What EVE lines of ours have, as far as it is kept in columns. */
interface EveLine {
  readonly timestamp: string;
  readonly flow_id?: number;
  readonly event_type: HistoryType;
  readonly src_ip?: string;
  readonly src_port?: number;
  readonly dest_ip?: string;
  readonly dest_port?: number;
  readonly proto?: string;
  readonly app_proto?: string;
  readonly alert?: {
    readonly action: 'allowed' | 'blocked';
    readonly gid: number;
    readonly signature_id: number;
    readonly rev: number;
    readonly signature: string;
    readonly category: string;
    readonly severity: number;
  };
  readonly drop?: { readonly reason: string };
  readonly vpatch: {
    readonly mode: Mode;
    readonly would_block?: boolean;
    readonly check?: string;
    readonly gid?: number;
    readonly signature_id?: number;
    readonly cve?: readonly string[];
    readonly folded?: { readonly events: number; readonly several_sources?: boolean };
  };
}

/** Of an `alert` or `drop` line that our own EveWriter wrote. Throws where it is none. */
export function historyEvent(line: string): HistoryEvent {
  const event = JSON.parse(line) as EveLine;
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
    line,
  };
}

const alertKind = (alert: NonNullable<EveLine['alert']>, cves: readonly string[]): EventKind => ({
  type: 'alert',
  gid: alert.gid,
  sid: alert.signature_id,
  rev: alert.rev,
  name: alert.signature,
  category: alert.category,
  severity: alert.severity,
  cves,
});

const dropKind = ({ drop, vpatch }: EveLine): EventKind => ({
  type: 'drop',
  gid: vpatch.gid ?? null,
  sid: vpatch.signature_id ?? null,
  rev: null,
  name: vpatch.check ?? drop!.reason,
  category: null,
  severity: null,
  cves: [],
});

function actionOf({ event_type: type, alert, vpatch }: EveLine): HistoryAction {
  if (type === 'drop' || alert?.action === 'blocked') return 'blocked';
  return vpatch.would_block === true ? 'would-block' : 'allowed';
}
