import { type AppProtocol, STAGE, type Stage, type Transaction } from '../app/protocol.ts';
import { type Direction, opposite, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import type { FlowSlot } from '../flow/slot.ts';
import type { Rule } from '../rules/rule.ts';
import type { DetectionContext } from './detection-context.ts';
import { filesThere, OUTCOME, type RuleOutcome } from './evaluator.ts';
import type { PendingTransaction } from './flow-state.ts';
import { fitsEndpoints, fitsState } from './header.ts';
import type { AppGroup, BufferSearch } from './rule-groups.ts';
import type { StreamDetector } from './stream-detector.ts';

/** Finds the rules that match in transactions, as far as these have got, and by what their parsers report of them. */
export class TransactionDetector {
  readonly #detection: DetectionContext;
  readonly #stream: StreamDetector;

  constructor(detection: DetectionContext, stream: StreamDetector) {
    this.#detection = detection;
    this.#stream = stream;
  }

  /** A transaction of the packet's flow got further in this direction, or its growing buffers grew. */
  onProgress(
    protocol: AppProtocol,
    flow: FlowSlot,
    transaction: Transaction,
    direction: Direction,
    stage: Stage,
  ): void {
    const detection = this.#detection;
    const { candidates, evaluator, flows } = detection;
    const group = detection.appGroup(protocol.name, direction);
    if (group === null) return;
    const state = flows.of(flow);
    let pending = state === null ? null : state.pendingFor(transaction, direction);
    candidates.clear();
    if (group.raw !== null) this.#stream.searchRaw(group.raw, flow, direction);

    if (stage === STAGE.head) this.#searchHead(group, protocol, transaction, direction);
    else {
      const { growing, complete } = group;
      for (let i = 0; i < growing.length; i++) {
        pending = this.#searchGrowing(growing, i, flow, transaction, direction, stage, pending);
      }
      if (stage === STAGE.complete) this.#searchAll(complete, transaction, direction);
    }
    if (stage === STAGE.head) candidates.addAll(group.unpatterned);
    if (pending !== null && pending.rules.size > 0) {
      pending.budget.earn(detection.packet.payloadBytes);
      if (stage === STAGE.complete || !pending.budget.isSpent) for (const order of pending.rules) candidates.add(order);
    }
    if (candidates.count > 0) {
      evaluator.lookedBytes = 0;
      detection.deliverAs(protocol.name);
      for (let i = 0; i < candidates.count; i++) {
        const order = candidates.indexes[i]!;
        pending = this.#judgeRule(order, protocol, flow, transaction, direction, stage, pending);
      }
      pending?.budget.spend(evaluator.lookedBytes);
    }
    if (stage !== STAGE.complete) return;
    if (pending !== null) flows.forget(flows.of(flow)!, pending);
    this.#stream.settle(flow, direction);
  }

  /** A parser, or the detection of protocols (null), reported something of a transaction or (null) of the flow. */
  onEvent(
    protocol: AppProtocol | null,
    flow: FlowSlot,
    transaction: Transaction | null,
    direction: Direction,
    event: string,
  ): void {
    const detection = this.#detection;
    const { flows } = detection;
    const rules = detection.ruleset.appEventRules(event);
    if (rules.length === 0) return;
    detection.deliverAs(protocol?.name ?? null);
    if (transaction === null) {
      const whole = flows.make(flow).ofWhole();
      if (whole.events.has(event)) return;
      whole.events.add(event);
      for (let i = 0; i < rules.length; i++) this.#judgeFlowEvent(rules[i]!, direction, whole);
      return;
    }
    const known = flows.of(flow)?.pendingFor(transaction, direction) ?? null;
    let pending = known ?? flows.remember(flow, transaction, direction);
    if (pending.events.has(event)) return;
    pending.events.add(event);
    for (let i = 0; i < rules.length; i++) {
      const way = protocol?.hasOneWayTransactions === true ? direction : this.#wayOfEvent(rules[i]!, direction);
      pending = this.#judgeRule(rules[i]!, protocol, flow, transaction, way, null, pending) ?? pending;
    }
    if (protocol?.hasEventsOfBothSides === true) this.#judgeOtherSide(protocol, flow, transaction, direction, event);
  }

  /** A rule that asks for nothing but the event, and names no direction, matches in each. */
  #judgeOtherSide(
    protocol: AppProtocol,
    flow: FlowSlot,
    transaction: Transaction,
    direction: Direction,
    event: string,
  ): void {
    const { flows, ruleset } = this.#detection;
    const other = opposite(direction);
    const known = flows.of(flow)?.pendingFor(transaction, other) ?? null;
    const pending = known ?? flows.remember(flow, transaction, other);
    pending.events.add(event);
    for (const order of ruleset.appEventRules(event)) {
      const rule = ruleset.rule(order);
      if (rule.flow.direction !== null || rule.inspections.length > 0) continue;
      this.#judgeRule(order, protocol, flow, transaction, other, null, pending);
    }
  }

  /** As in Suricata, an event belongs to both directions of its transaction. What the rule looks into, to one. */
  #wayOfEvent(order: number, direction: Direction): Direction {
    const { flow, inspections } = this.#detection.ruleset.rule(order);
    if (flow.direction === null || inspections.length > 0) return direction;
    return flow.direction === 'toserver' ? TO_SERVER : TO_CLIENT;
  }

  /** Returns what is remembered of the transaction, which may have begun just now. */
  #judgeRule(
    order: number,
    protocol: AppProtocol | null,
    flow: FlowSlot,
    transaction: Transaction,
    direction: Direction,
    stage: Stage | null,
    known: PendingTransaction | null,
  ): PendingTransaction | null {
    const detection = this.#detection;
    const { packet } = detection;
    const rule = detection.ruleset.rule(order);
    const filesBefore = known?.matched.get(order) ?? 0;
    if (filesBefore === 0 && known?.matched.has(order)) return known;
    const fits = fitsEndpoints(rule, packet, direction) && fitsState(rule, packet, direction, detection.delivered);
    let outcome: RuleOutcome = OUTCOME.no;
    if (fits && !hasEvents(rule, known)) outcome = OUTCOME.notYet;
    else if (fits)
      outcome = detection.evaluator.transactionMatches(rule, transaction, direction, stage, this.#stream, filesBefore);
    if (outcome === OUTCOME.no || (outcome === OUTCOME.notYet && stage === STAGE.complete)) {
      known?.rules.delete(order);
      return known;
    }
    const pending = known ?? detection.flows.remember(flow, transaction, direction);
    if (outcome === OUTCOME.notYet) pending.rules.add(order);
    else {
      const files = stage === STAGE.complete ? 0 : filesThere(rule, transaction, direction, filesBefore);
      if (files > 0) pending.rules.add(order);
      else pending.rules.delete(order);
      pending.matched.set(order, files);
      detection.add(order, transaction, protocol);
    }
    return pending;
  }

  /** A rule matches by the events of a flow once, and has nothing to look into there. */
  #judgeFlowEvent(order: number, direction: Direction, whole: PendingTransaction): void {
    const detection = this.#detection;
    const { packet } = detection;
    const rule = detection.ruleset.rule(order);
    if (rule.inspections.length > 0 || whole.matched.has(order) || !hasEvents(rule, whole)) return;
    if (!fitsEndpoints(rule, packet, direction) || !fitsState(rule, packet, direction, detection.delivered)) return;
    whole.matched.set(order, 0);
    detection.add(order, null, null);
  }

  #searchHead({ head, gate }: AppGroup, protocol: AppProtocol, transaction: Transaction, direction: Direction): void {
    this.#searchAll(head, transaction, direction);
    if (gate === null) return;
    const { searches } = gate;
    const sent = protocol.readHead!(transaction, direction);
    if (sent === null) {
      this.#searchAll(searches, transaction, direction);
      return;
    }
    const opened = gate.open(sent);
    for (let i = 0; i < opened.count; i++) this.#search(searches[opened.indexes[i]!]!, transaction, direction);
  }

  #searchAll(searches: readonly BufferSearch[], transaction: Transaction, direction: Direction): void {
    for (let i = 0; i < searches.length; i++) this.#search(searches[i]!, transaction, direction);
  }

  #search({ buffer, patterns }: BufferSearch, transaction: Transaction, direction: Direction): void {
    const { candidates } = this.#detection;
    for (let nth = 0; ; nth++) {
      const bytes = buffer.read(transaction, direction, nth);
      if (bytes === null) return;
      patterns.search(bytes, 0, bytes.length, candidates);
    }
  }

  /** Instances come one after the other, and the last one grows: what was searched of it is not searched again. */
  #searchGrowing(
    searches: readonly BufferSearch[],
    search: number,
    flow: FlowSlot,
    transaction: Transaction,
    direction: Direction,
    stage: Stage,
    known: PendingTransaction | null,
  ): PendingTransaction | null {
    const { candidates, flows } = this.#detection;
    const { buffer, patterns } = searches[search]!;
    let pending = known;
    for (let nth = pending?.searchedInstance[search] ?? 0; ; nth++) {
      const bytes = buffer.read(transaction, direction, nth);
      if (bytes === null) return pending;
      if (stage !== STAGE.complete && buffer.isSettled?.(transaction, direction, nth) === false) return pending;
      // What is complete grows no more: there is nothing to remember.
      if (pending === null && stage === STAGE.complete) {
        patterns.search(bytes, 0, bytes.length, candidates);
        continue;
      }
      pending ??= flows.remember(flow, transaction, direction);
      const searchedBytes = nth === pending.searchedInstance[search] ? (pending.searchedBytes[search] ?? 0) : 0;
      if (bytes.length === searchedBytes) continue;
      const from = Math.max(0, searchedBytes - patterns.longestBytes + 1);
      patterns.search(bytes, from, bytes.length, candidates);
      pending.searchedInstance[search] = nth;
      pending.searchedBytes[search] = bytes.length;
    }
  }
}

/** Were all events reported that the rule asks for? */
function hasEvents({ appEvents }: Rule, known: PendingTransaction | null): boolean {
  for (let i = 0; i < appEvents.length; i++) if (known === null || !known.events.has(appEvents[i]!)) return false;
  return true;
}
