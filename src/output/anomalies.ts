import type { Transaction } from '../app/protocol.ts';
import { Exceptions } from '../detect/exceptions.ts';
import type { LimitedRule } from '../detect/rule-limits.ts';
import type { StreamEvent } from '../stream/events.ts';
import type { TcpTracker } from '../stream/tracker.ts';
import { type CheckActions, checkNamed } from '../verdict/checks.ts';
import { blocks, type Findings } from '../verdict/judge.ts';
import type { Packet } from '../wire/packet.ts';
import type { Reporter } from './reporter.ts';

/** Holds what the stages notice in a packet against the configured checks: it may fail the packet, and it is told. */
export class Anomalies {
  /** Changed between packets only. */
  checks: CheckActions;
  /** The same. */
  exceptions = Exceptions.none;
  readonly #findings: Findings;
  readonly #streams: TcpTracker;
  readonly #reporter: Reporter;

  /** `findings` are those of the packet in hand. */
  constructor(checks: CheckActions, findings: Findings, streams: TcpTracker, reporter: Reporter) {
    this.checks = checks;
    this.#findings = findings;
    this.#streams = streams;
    this.#reporter = reporter;
  }

  /** Those of the packet's events that came after the first `known`. */
  weighEvents(packet: Packet, known: number): void {
    const { events } = packet;
    for (let i = known; i < events.length; i++) this.weigh(packet, events[i]!, null, true);
  }

  /** Rules that were not held against all of the packet. One that blocks leaves it to `failure.limits`. */
  weighRules(packet: Packet, limited: readonly LimitedRule[]): void {
    for (const { rule, isParked, isNewlyParked } of limited) {
      if (blocks(rule.action) && rule.hold === null && this.#findings.outcome === 'inspected')
        this.#findings.outcome = 'rule-limit';
      if (isParked) continue;
      this.#reporter.limitedRule(packet, rule, 'detect.rule_exhausted');
      if (isNewlyParked) this.#reporter.limitedRule(packet, rule, 'detect.rule_parked');
    }
  }

  /** `mayFail`: there is a packet that a check can refuse. */
  weigh(packet: Packet, event: string, transaction: Transaction | null, mayFail: boolean): void {
    const check = checkNamed(event);
    if (check === null) throw new Error(`no check is called "${event}"`);
    const action = this.checks.action(event, packet);
    if (action === 'ignore' || this.exceptions.coversCheck(event, packet)) return;
    const isBlocked = action === 'drop' && mayFail;
    if (isBlocked) {
      this.#findings.failedCheck ??= event;
      if (check.type === 'applayer') this.#findings.hasBrokenProtocol = true;
    }
    const offset = event === ('tcp.retransmit_differs' satisfies StreamEvent) ? this.#streams.differingOffset : -1;
    this.#reporter.anomaly(packet, check, isBlocked, transaction, offset);
  }
}
