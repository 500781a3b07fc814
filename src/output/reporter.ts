import type { AppLayer } from '../app/app-layer.ts';
import type { Transaction } from '../app/protocol.ts';
import type { Counters } from '../base/counters.ts';
import { TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import { DETECT_EVENTS, type DetectEvent } from '../detect/events.ts';
import type { Match } from '../detect/match-list.ts';
import { FLOW_FLAG } from '../flow/flags.ts';
import type { FlowSlot } from '../flow/slot.ts';
import type { FlowTable } from '../flow/table.ts';
import type { Rule } from '../rules/rule.ts';
import { CHECKS, type Check } from '../verdict/checks.ts';
import {
  blocks,
  DROP_REASONS,
  type DropReason,
  type Findings,
  heldBy,
  type Judgement,
  type Mode,
} from '../verdict/judge.ts';
import { NO_FLOW, type Packet } from '../wire/packet.ts';
import type { EventSink, FlowFacts } from './event.ts';
import { type RecordSettings, Records } from './records.ts';
import { Tags } from './tags.ts';

const counterOf = {
  reason: (reason: string): string => `ips.drop_reason.${reason.replace(' ', '_')}`,
  check: (name: string): string => `check.${name.replace('.', '_')}`,
};

/** What is counted as it is told; each always-on check has a counter of its own. */
export const REPORT_COUNTERS: readonly string[] = [
  'detect.alert',
  'ips.rejected',
  ...DETECT_EVENTS,
  ...DROP_REASONS.map(counterOf.reason),
  ...CHECKS.map(({ name }) => counterOf.check(name)),
];

/** Counts what happened to a packet and tells it. Allocates, since it only works when something happened. */
export class Reporter {
  /** Null: nobody asked for any. */
  readonly records: Records | null;
  readonly #tags: Tags;
  readonly #sink: EventSink;
  readonly #counters: Counters;
  readonly #flows: FlowTable;
  readonly #apps: AppLayer;
  readonly #flowFacts: FlowFacts = { flowId: 0, protocol: null, startMs: 0, packets: [0, 0], bytes: [0, 0] };

  constructor(sink: EventSink, counters: Counters, flows: FlowTable, apps: AppLayer, settings: RecordSettings) {
    this.records = settings.records.length === 0 ? null : new Records(sink, flows, apps, settings);
    this.#tags = new Tags(sink, flows);
    this.#sink = sink;
    this.#counters = counters;
    this.#flows = flows;
    this.#apps = apps;
  }

  /** An always-on check found something; `isBlocked`: the packet fails because of it. */
  anomaly(
    packet: Packet,
    { name, type, byDefault }: Check,
    isBlocked: boolean,
    transaction: Transaction | null,
    streamOffset: number,
  ): void {
    this.#counters.increment(counterOf.check(name));
    const isCheck = byDefault === 'drop';
    const flow = this.#factsOf(packet);
    this.#sink.anomaly(packet, flow, {
      type,
      event: name,
      isCheck,
      isBlocked,
      transaction,
      streamOffset,
      rule: null,
    });
  }

  /** Traffic made a rule too dear. */
  limitedRule(packet: Packet, rule: Rule, event: DetectEvent): void {
    this.#counters.increment(event);
    this.#sink.anomaly(packet, this.#factsOf(packet), {
      type: 'stream',
      event,
      isCheck: false,
      isBlocked: false,
      transaction: null,
      streamOffset: -1,
      rule,
    });
  }

  /** What was decided about a packet, in which mode and by which matches. */
  judgement(
    packet: Packet,
    matches: readonly Match[],
    judgement: Judgement,
    mode: Mode,
    sparedAs: Findings['sparedAs'],
  ): void {
    this.#tags.packet(packet);
    if (judgement.reportedMatches > 0) this.#alerts(packet, matches, judgement, mode, sparedAs);
    if (judgement.reason !== null) this.#drop(packet, judgement.reason, judgement);
  }

  flowEnded(flow: FlowSlot): void {
    this.#tags.release(flow);
  }

  /** Time has passed, with packets or without. */
  expire(nowMs: number): void {
    this.#sink.elapse?.(nowMs);
    this.#tags.expire(nowMs);
  }

  #alerts(
    packet: Packet,
    matches: readonly Match[],
    judgement: Judgement,
    mode: Mode,
    sparedAs: Findings['sparedAs'],
  ): void {
    const flow = this.#factsOf(packet);
    for (let i = 0; i < judgement.reportedMatches; i++) {
      const { rule, transaction, protocol, action, isReported } = matches[i]!;
      if (!isReported) continue;
      this.#counters.increment('detect.alert');
      if (packet.flow !== NO_FLOW) this.#flows.flags[packet.flow] = this.#flows.flags[packet.flow]! | FLOW_FLAG.alerted;
      const wantsToBlock = blocks(action);
      const held = wantsToBlock ? heldBy(rule, mode, sparedAs) : null;
      const isBlocked = (wantsToBlock && held === null) || judgement.check !== null;
      this.#sink.alert(packet, flow, {
        rule,
        isBlocked,
        heldBy: isBlocked ? null : held,
        rejects: judgement.rejects && rule.action.startsWith('reject'),
        verdict: judgement.reason !== null ? 'drop' : judgement.exemptsFlow ? 'pass' : 'alert',
        transaction,
        protocol,
      });
      if (rule.tags.length > 0) this.#tags.note(rule, packet);
    }
  }

  #drop(packet: Packet, reason: DropReason, { check, rule, rejects }: Judgement): void {
    this.#counters.increment(counterOf.reason(reason));
    if (rejects) this.#counters.increment('ips.rejected');
    this.#sink.drop(packet, this.#factsOf(packet), { reason, check, rule });
  }

  #factsOf({ flow }: Packet): FlowFacts | null {
    if (flow === NO_FLOW) return null;
    const facts = this.#flowFacts;
    const { packets, bytes, firstSeenMs } = this.#flows;
    facts.flowId = this.#flows.flowId(flow);
    facts.protocol = this.#apps.protocol(flow);
    facts.startMs = firstSeenMs[flow]!;
    for (const direction of [TO_SERVER, TO_CLIENT] as const) {
      facts.packets[direction] = packets[flow * 2 + direction]!;
      facts.bytes[direction] = bytes[flow * 2 + direction]!;
    }
    return facts;
  }
}
