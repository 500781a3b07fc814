import type { Transaction } from '../app/protocol.ts';
import type { Counters } from '../base/counters.ts';
import type { Match } from '../detect/match-list.ts';
import { CHECKS, type Check } from '../verdict/checks.ts';
import { blocks, DROP_REASONS, type Judgement } from '../verdict/judge.ts';
import type { Packet } from '../wire/packet.ts';
import type { EventSink, FlowFacts } from './event.ts';

const counterOf = {
  reason: (reason: string): string => `ips.drop_reason.${reason.replace(' ', '_')}`,
  check: (name: string): string => `check.${name.replace('.', '_')}`,
};

/** What is counted as it is told; each always-on check has a counter of its own. */
export const REPORT_COUNTERS: readonly string[] = [
  'detect.alert',
  'ips.rejected',
  ...DROP_REASONS.map(counterOf.reason),
  ...CHECKS.map(({ name }) => counterOf.check(name)),
];

/** Counts what happened to a packet and tells it. Allocates, since it only works when something happened. */
export class Reporter {
  readonly #sink: EventSink;
  readonly #counters: Counters;

  constructor(sink: EventSink, counters: Counters) {
    this.#sink = sink;
    this.#counters = counters;
  }

  /** An always-on check found something; `isBlocked`: the packet fails because of it. */
  anomaly(
    packet: Packet,
    flow: FlowFacts | null,
    { name, type, byDefault }: Check,
    isBlocked: boolean,
    transaction: Transaction | null,
    streamOffset: number,
  ): void {
    this.#counters.increment(counterOf.check(name));
    const isCheck = byDefault === 'drop';
    this.#sink.anomaly(packet, flow, { type, event: name, isCheck, isBlocked, transaction, streamOffset });
  }

  /** The matches that a judgement reports. `mayBlock`: rules decide about this packet. */
  alerts(
    packet: Packet,
    flow: FlowFacts | null,
    matches: readonly Match[],
    judgement: Judgement,
    mayBlock: boolean,
  ): void {
    for (let i = 0; i < judgement.reportedMatches; i++) {
      const { rule, transaction, protocol, action, isReported } = matches[i]!;
      if (!isReported) continue;
      this.#counters.increment('detect.alert');
      const isBlocked = (mayBlock && blocks(action)) || judgement.check !== null;
      this.#sink.alert(packet, flow, {
        rule,
        isBlocked,
        wouldBlock: blocks(action) && !isBlocked,
        rejects: judgement.rejects && rule.action.startsWith('reject'),
        verdict: judgement.reason !== null ? 'drop' : judgement.exemptsFlow ? 'pass' : 'alert',
        transaction,
        protocol,
      });
    }
  }

  drop(packet: Packet, flow: FlowFacts | null, { reason, check, rule, rejects }: Judgement): void {
    if (reason === null) return;
    this.#counters.increment(counterOf.reason(reason));
    if (rejects) this.#counters.increment('ips.rejected');
    this.#sink.drop(packet, flow, { reason, check, rule });
  }
}
