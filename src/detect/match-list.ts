import type { AppProtocol, Transaction } from '../app/protocol.ts';
import type { FlowSlot } from '../flow/slot.ts';
import type { Rule, RuleAction } from '../rules/rule.ts';
import type { Packet } from '../wire/packet.ts';
import { Exceptions } from './exceptions.ts';
import type { PacketState } from './packet-state.ts';
import { actsOnFlow } from './rule-traits.ts';
import { StatefulMatches } from './stateful-matches.ts';
import type { Thresholds } from './thresholds.ts';

/** A rule matched, in a transaction or (null) in a packet or stream. */
export interface Match {
  readonly rule: Rule;
  /** Its place in the order in which rules are judged. */
  readonly order: number;
  readonly transaction: Transaction | null;
  /** Whose transaction it is. The flow may have changed to another one since. */
  readonly protocol: AppProtocol | null;
  /** The rule's, save where a rate filter changes it. */
  action: RuleAction;
  /** Neither the rule itself nor a threshold keeps it silent. */
  isReported: boolean;
  /** What it does concerns the whole flow. */
  readonly actsOnFlow: boolean;
}

/**
 * The rules that match a packet. What they ask of state is judged at the end, in the order in which Suricata would have
 * met them: so a rule sees what those before it have set, whichever stage found it first.
 */
export class MatchList {
  /** In the order found; after `finish` in the order in which they are judged, and only those that count. */
  readonly matches: Match[] = [];
  /** Changed between packets only. */
  exceptions = Exceptions.none;
  /** Matches that an exception took back, since the start. */
  excepted = 0;
  readonly #stateful = new StatefulMatches();
  readonly #state: PacketState;
  readonly #thresholds: Thresholds;
  #packet!: Packet;

  constructor(state: PacketState, thresholds: Thresholds) {
    this.#state = state;
    this.#thresholds = thresholds;
  }

  /** What had to be forgotten of hosts before its time, since too much was there. */
  get evictedTracks(): number {
    return this.#state.evicted + this.#thresholds.evicted;
  }

  begin(packet: Packet): void {
    this.#packet = packet;
    this.#stateful.clear();
    // To set the length leaves compiled code, and throws the room away that the next match takes.
    while (this.matches.length > 0) this.matches.pop();
  }

  /** What flows remember ends with them. */
  release(flow: FlowSlot): void {
    this.#state.release(flow);
  }

  /** Everything of the rule fits, save what it asks of state. */
  add(
    rule: Rule,
    order: number,
    transaction: Transaction | null,
    protocol: AppProtocol | null,
    isInStream: boolean,
  ): void {
    const isStateful = rule.conditions.length + rule.effects.length > 0;
    if (isStateful) this.#stateful.add(rule, order, transaction, protocol, isInStream);
    else this.#addMatch(rule, order, transaction, protocol, isInStream);
  }

  /** Is it there already, for no transaction? */
  has(order: number): boolean {
    if (this.#stateful.has(order)) return true;
    for (const match of this.matches) if (match.order === order && match.transaction === null) return true;
    return false;
  }

  finish(): void {
    if (this.#stateful.count > 0) this.#judgeState();
    if (this.matches.length === 0) return;
    if (this.matches.length > 1) this.matches.sort((a, b) => a.order - b.order);
    this.#applyThresholds();
  }

  #addMatch(
    rule: Rule,
    order: number,
    transaction: Transaction | null,
    protocol: AppProtocol | null,
    isInStream: boolean,
  ): void {
    if (this.exceptions.coversRule(rule, this.#packet, transaction, protocol)) {
      this.excepted++;
      return;
    }
    const { action, isSilent } = rule;
    const isReported = !isSilent;
    this.matches.push({
      rule,
      order,
      transaction,
      protocol,
      action,
      isReported,
      actsOnFlow: actsOnFlow(rule, isInStream),
    });
  }

  #judgeState(): void {
    const stateful = this.#stateful;
    const state = this.#state;
    state.enter(this.#packet);
    stateful.sort();
    for (let i = 0; i < stateful.count; i++) {
      const { rule, order, transaction, protocol, isInStream } = stateful.entries[i]!;
      if (!holds(rule, state)) continue;
      const { effects } = rule;
      for (let j = 0; j < effects.length; j++) effects[j]!(state);
      this.#addMatch(rule, order, transaction, protocol, isInStream);
    }
  }

  /** Leaves the matches that count, up to the first `pass`. */
  #applyThresholds(): void {
    const { matches } = this;
    let kept = 0;
    for (const match of matches) {
      const passage = this.#thresholds.weigh(match.rule, this.#packet);
      if (passage === 'none') continue;
      const { newAction } = this.#thresholds;
      if (newAction !== null) match.action = newAction;
      match.isReported &&= passage === 'full' && newAction !== 'pass';
      matches[kept++] = match;
      if (match.action === 'pass') break;
    }
    while (matches.length > kept) matches.pop();
  }
}

function holds({ conditions }: Rule, state: PacketState): boolean {
  for (let i = 0; i < conditions.length; i++) if (!conditions[i]!(state)) return false;
  return true;
}
