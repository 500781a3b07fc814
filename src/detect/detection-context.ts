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
import { type Crossing, turned } from './perimeter.ts';
import type { FittingRules, PortPair, PortTable } from './port-table.ts';
import type { AppGroup, FrameGroup, PacketGroup } from './rule-groups.ts';
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
  /** Of the packet: as it travels, and the other way. */
  #packetCrossing: Crossing = 0;
  #turnedCrossing: Crossing = 0;
  #ports: PortPair = 0;
  #turnedPorts: PortPair = 0;
  #hasPorts = false;
  /** These are known, by the rules that there are. */
  #isLocated = false;

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
    this.#isLocated = false;
  }

  /** Both arguments are read until the next call; the packet need not be decoded yet. */
  begin(packet: Packet, flowContext: FlowContext): void {
    this.packet = packet;
    this.flowContext = flowContext;
    this.found.begin(packet);
    this.evaluator.limits.begin(packet.timeMs);
    beginPacket();
    this.#isLocated = false;
  }

  /** Before rules are held against `delivered`: whose bytes those are, null where no protocol is recognised. */
  deliverAs(app: string | null): void {
    this.delivered.app = app;
    this.delivered.shown = this.flowContext.shown;
    this.delivered.isEstablished = this.packet.protocol === IP_PROTOCOL.tcp || this.flowContext.isEstablished;
  }

  /** Of rules that may concern what the packet's ends send in this direction. */
  packetGroup(direction: Direction): PacketGroup {
    return this.ruleset.packetGroup(this.packet.protocol, this.#crossing(direction), direction);
  }

  /** The same, on transactions of this protocol; null where there are none. */
  appGroup(protocol: string, direction: Direction): AppGroup | null {
    return this.ruleset.appGroup(protocol, this.#crossing(direction), direction);
  }

  /** The same, on such frames; null where there are none. */
  frameGroup(protocol: string, frame: string, direction: Direction): FrameGroup | null {
    return this.ruleset.frameGroup(protocol, frame, this.#crossing(direction), direction);
  }

  #crossing(direction: Direction): Crossing {
    if (!this.#isLocated) this.#locate();
    return direction === this.packet.direction ? this.#packetCrossing : this.#turnedCrossing;
  }

  /** Those whose ports fit the packet's, seen in this direction. */
  rulesOn(ports: PortTable, direction: Direction): FittingRules {
    if (!this.#isLocated) this.#locate();
    if (!this.#hasPorts) return ports.all;
    return ports.rulesFor(direction === this.packet.direction ? this.#ports : this.#turnedPorts);
  }

  /** Every rule that is looked for asks where the packet is from: once is enough. */
  #locate(): void {
    const { ruleset, packet } = this;
    const { protocol, sourcePort, destinationPort } = packet;
    this.#isLocated = true;
    this.#packetCrossing = ruleset.crossingOf(packet);
    this.#turnedCrossing = turned(this.#packetCrossing);
    this.#hasPorts = hasPorts(protocol);
    if (!this.#hasPorts) return;
    this.#ports = ruleset.portClasses.pairOf(sourcePort, destinationPort);
    this.#turnedPorts = ruleset.portClasses.pairOf(destinationPort, sourcePort);
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
