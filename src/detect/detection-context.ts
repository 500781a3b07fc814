import type { AppProtocol, Transaction } from '../app/protocol.ts';
import type { Direction } from '../base/direction.ts';
import { beginPacket } from '../rules/evaluate.ts';
import { IP_PROTOCOL, type Packet } from '../wire/packet.ts';
import { Candidates } from './candidates.ts';
import type { Evaluator } from './evaluator.ts';
import { FlowContext } from './flow-context.ts';
import { FlowDetections } from './flow-state.ts';
import { hasPorts } from './header.ts';
import type { MatchList } from './match-list.ts';
import type { FittingRules, PortTable } from './port-table.ts';
import type { Ruleset } from './ruleset.ts';

/** What the parts of detection share: the rules, the packet in hand, what was found in it, and what flows remember. */
export class DetectionContext {
  ruleset: Ruleset;
  /** Of the search in hand: whoever searches clears them first. */
  candidates: Candidates;
  readonly evaluator: Evaluator;
  readonly flows = new FlowDetections((order) => this.evaluator.limits.exhausted(this.ruleset.rule(order), false));
  readonly found: MatchList;
  packet!: Packet;
  /** Of the packet's flow. */
  flowContext!: FlowContext;
  /** For bytes that were delivered: a stream's receiver reads them, whatever the handshake looks like. */
  readonly delivered = new FlowContext();

  constructor(ruleset: Ruleset, found: MatchList, evaluator: Evaluator) {
    this.ruleset = ruleset;
    this.candidates = new Candidates(ruleset.ruleCount);
    this.found = found;
    this.evaluator = evaluator;
    this.delivered.isInStream = true;
  }

  /** Between packets only. */
  replace(ruleset: Ruleset): void {
    this.ruleset = ruleset;
    this.candidates = new Candidates(ruleset.ruleCount);
    this.evaluator.limits.clear();
  }

  /** Both arguments are read until the next call. */
  begin(packet: Packet, flowContext: FlowContext): void {
    this.packet = packet;
    this.flowContext = flowContext;
    this.found.begin(packet);
    this.evaluator.limits.begin(packet.timeMs);
    beginPacket();
  }

  /** Before rules are held against `delivered`: whose bytes those are, null where no protocol is recognised. */
  deliverAs(app: string | null): void {
    this.delivered.app = app;
    this.delivered.shown = this.flowContext.shown;
    this.delivered.isEstablished = this.packet.protocol === IP_PROTOCOL.tcp || this.flowContext.isEstablished;
  }

  /** The ports of the packet, seen in this direction. */
  rulesOn(ports: PortTable, direction: Direction): FittingRules {
    const { protocol, sourcePort, destinationPort } = this.packet;
    if (!hasPorts(protocol)) return ports.all;
    return direction === this.packet.direction
      ? ports.rulesFor(sourcePort, destinationPort)
      : ports.rulesFor(destinationPort, sourcePort);
  }

  /** Is any rule in the table for these ports? */
  concerns(ports: PortTable, direction: Direction): boolean {
    return !this.rulesOn(ports, direction).isEmpty;
  }

  /** Everything of the rule fits, save what it asks of state. */
  add(order: number, transaction: Transaction | null, protocol: AppProtocol | null, isInStream = false): void {
    this.found.add(this.ruleset.rule(order), order, transaction, protocol, isInStream);
  }
}
