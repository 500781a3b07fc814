import { VERDICT, type Verdict } from '../capture/source.ts';
import type { Match } from '../detect/match-list.ts';
import type { Hold } from '../rules/hold.ts';
import type { Rule, RuleAction } from '../rules/rule.ts';
import type { Outcome } from './outcome.ts';

/** detect: rules report. prevent: `drop` and `reject` rules block. Always-on checks drop in both. */
export type Mode = 'detect' | 'prevent';

/** Why a packet was dropped, in Suricata's words; `check` is ours, for the named always-on checks, and `rule limit`. */
export const DROP_REASONS = [
  'rules',
  'threshold detection_filter',
  'flow drop',
  'check',
  'defrag error',
  'stream memcap',
  'stream error',
  'stream midstream',
  'rule limit',
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

export interface VerdictSettings {
  readonly mode: Mode;
  /** What becomes of data that could not be inspected, in prevent mode. Detect mode lets it pass. */
  readonly onLimit: Verdict;
  /** Of more rules that match one packet, the last are not reported. */
  readonly maxAlertsPerPacket: number;
  /** The same of connections that are not followed, since their beginning was not seen. */
  readonly onUnknownConnection: Verdict;
  /** And of what ends such a one, whatever policy there is for it. */
  readonly onStrayEnd: Verdict;
}

/** What keeps a rule from blocking. */
export type HeldBy = 'mode' | Hold | NonNullable<Findings['sparedAs']>;

/** Null: nothing does. `mode` only where it would block in the other one. */
export const heldBy = ({ hold }: Rule, mode: Mode, sparedAs: Findings['sparedAs']): HeldBy | null =>
  sparedAs ?? hold ?? (mode === 'detect' ? 'mode' : null);

export const blocks = (action: RuleAction): boolean => action === 'drop' || action.startsWith('reject');

/** The decision on one packet. Reused: valid until the next `judge`. */
export class Judgement {
  verdict: Verdict = VERDICT.accept;
  /** Null: it is accepted. */
  reason: DropReason | null = null;
  /** The rule that decided, to drop or to pass. */
  rule: Rule | null = null;
  check: string | null = null;
  /** The sender is to be told: TCP reset, or ICMP port unreachable. Only where the verdict is to drop. */
  rejects = false;
  /** No later packet of the flow arrives. */
  condemnsFlow = false;
  /** No later packet of the flow meets a rule. */
  exemptsFlow = false;
  /** Nothing of the rest of the flow is wanted. */
  bypassesFlow = false;
  /** How many of the sorted matches are to be reported. */
  reportedMatches = 0;
}

/** What is known when a packet has gone through all stages. Reused by the pipeline. */
export class Findings {
  /** What condemned the flow, at an earlier packet. */
  condemnedBy: 'drop' | 'reject' | 'check' | null = null;
  /** A fragment of a packet of which another one was dropped. */
  isOfCondemnedPacket = false;
  /** A TCP reset without data: all that it can do is to end the connection. */
  isBareReset = false;
  /** A `pass` rule, or a setting, took its flow out of what rules look at, at an earlier packet. */
  isExempt = false;
  /** Why no rule drops it; null where rules may. */
  sparedAs: 'dns-answer' | 'flow-end' | null = null;
  /** The first always-on check that is set to drop and that the packet fails. */
  failedCheck: string | null = null;
  /** It is one of an application protocol: what its server would make of later bytes is unknown. */
  hasBrokenProtocol = false;
  outcome: Outcome = 'inspected';
  /** Its bytes are part of a stream that has been handed on: when they are sent again, they are old and pass. */
  isInStream = false;
  /** In the order in which rules are judged, up to the first `pass`. */
  readonly matches: readonly Match[];

  /** `matches` are the detector's, which empties them itself. */
  constructor(matches: readonly Match[]) {
    this.matches = matches;
  }

  /** For the next packet. */
  reset(): void {
    this.condemnedBy = null;
    this.isOfCondemnedPacket = false;
    this.isBareReset = false;
    this.isExempt = false;
    this.sparedAs = null;
    this.failedCheck = null;
    this.hasBrokenProtocol = false;
    this.outcome = 'inspected';
    this.isInStream = false;
  }
}

/** The only place where a packet's fate is decided. */
export function judge(findings: Findings, settings: VerdictSettings, into: Judgement): void {
  into.verdict = VERDICT.accept;
  into.reason = null;
  into.rule = null;
  into.check = null;
  into.rejects = false;
  into.condemnsFlow = false;
  into.exemptsFlow = false;
  into.bypassesFlow = false;
  into.reportedMatches = 0;

  if (findings.condemnedBy !== null && (findings.sparedAs === null || findings.condemnedBy === 'check')) {
    // The firewall answers what is rejected with a reset, which passes here on its way to the sender.
    if (findings.condemnedBy === 'reject' && findings.isBareReset) return;
    into.rejects = findings.condemnedBy === 'reject';
    drop('flow drop', into);
    return;
  }
  if (findings.isOfCondemnedPacket) {
    drop('defrag error', into);
    return;
  }
  const isPassed = judgeMatches(findings, settings, into) || findings.isExempt;
  if (findings.failedCheck !== null) {
    into.rule = null;
    into.rejects = false;
    into.check = findings.failedCheck;
    into.condemnsFlow ||= findings.hasBrokenProtocol;
    drop('check', into);
    return;
  }
  if (into.reason !== null || settings.mode === 'detect') return;
  const { outcome } = findings;
  const isEnd = outcome === 'unknown-fin' || outcome === 'unknown-reset';
  // All that it can do is to end its connection, which may have been forgotten.
  if (isEnd && settings.onStrayEnd === VERDICT.accept) return;
  if (outcome === 'unknown-connection' || outcome === 'unknown-fin') {
    if (settings.onUnknownConnection === VERDICT.drop) {
      into.condemnsFlow = true;
      drop('stream midstream', into);
      return;
    }
    if (outcome === 'unknown-connection') return;
  }
  if (isEnd) {
    drop('stream error', into);
    return;
  }
  // What no rule is to look at, no limit kept from being looked at.
  const reason = isPassed || settings.onLimit === VERDICT.accept ? null : limitOf(outcome);
  if (reason === null) return;
  into.condemnsFlow = findings.isInStream;
  drop(reason, into);
}

/** Did a `pass` rule match? */
function judgeMatches(
  { matches, sparedAs }: Findings,
  { mode, maxAlertsPerPacket }: VerdictSettings,
  into: Judgement,
): boolean {
  let alerts = 0;
  for (let i = 0; i < matches.length; i++) {
    const { rule, action, isReported, actsOnFlow } = matches[i]!;
    if (rule.bypassesFlow) {
      into.exemptsFlow = true;
      into.bypassesFlow = true;
    }
    // What is not reported any more still blocks.
    if (isReported && alerts < maxAlertsPerPacket) {
      alerts++;
      into.reportedMatches = i + 1;
    }
    if (action === 'pass') {
      into.exemptsFlow ||= actsOnFlow && !into.condemnsFlow;
      into.rule ??= rule;
      return true;
    }
    if (!blocks(action) || heldBy(rule, mode, sparedAs) !== null) continue;
    into.condemnsFlow ||= actsOnFlow;
    if (into.reason !== null) continue;
    into.rule = rule;
    into.rejects = action !== 'drop';
    drop(action === rule.action ? 'rules' : 'threshold detection_filter', into);
  }
  return false;
}

function limitOf(outcome: Exclude<Outcome, `unknown-${string}`>): DropReason | null {
  switch (outcome) {
    case 'inspected':
      return null;
    case 'memory-limit':
      return 'stream memcap';
    case 'outside-stream':
      return 'stream error';
    case 'rule-limit':
      return 'rule limit';
    default:
      return outcome satisfies never;
  }
}

function drop(reason: DropReason, into: Judgement): void {
  into.verdict = VERDICT.drop;
  into.reason = reason;
}
