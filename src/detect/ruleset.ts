import type { AppProtocol } from '../app/protocol.ts';
import type { Direction } from '../base/direction.ts';
import { PortSet } from '../base/port-set.ts';
import { runAll, type Steps } from '../base/steps.ts';
import type { RuleList } from '../rules/deferred-rules.ts';
import type { Rule } from '../rules/rule.ts';
import type { Packet } from '../wire/packet.ts';
import { type Arrangement, arrange } from './arrangement.ts';
import { type GatePlan, HeadGate } from './head-gate.ts';
import { type MatcherOf, PatternDatabases } from './pattern-databases.ts';
import { PatternIndex, type PatternPlan } from './pattern-index.ts';
import { PayloadIndex, type PayloadPlan } from './payload-index.ts';
import { type Crossing, Perimeter } from './perimeter.ts';
import { PortClasses, type PortPlan, PortTable } from './port-table.ts';
import type {
  AppGroup,
  AppGroupPlan,
  BufferSearch,
  BufferSearchPlan,
  ByCrossing,
  FrameGroup,
  FrameGroupPlan,
  PacketGroup,
  PacketGroupPlan,
  Pair,
} from './rule-groups.ts';

/** Their number has eight bits. */
const IP_PROTOCOLS = 256;
/** As in Suricata. */
const ACTION_ORDER = ['pass', 'drop', 'reject', 'alert'];

/**
 * All rules, in the order in which they are judged (as Suricata: by action, those that set flowbits and the like before
 * those that ask for them, by priority, by number), arranged so that a packet meets only those that could concern it.
 * Nobody changes it; on a reload it is replaced as a whole.
 */
export class Ruleset {
  readonly portClasses: PortClasses;
  /** Null: no rule names addresses, and there is but one crossing. */
  readonly #perimeter: Perimeter | null;
  readonly #arrangement: Arrangement;
  readonly #loaded: RuleList;
  /** By place in the order, as far as they were asked for. */
  readonly #rules: (Rule | undefined)[];
  /** By number of the IP protocol, as far as it has a group of its own. */
  readonly #packetGroups = new Array<ByCrossing<Pair<PacketGroup>> | undefined>(IP_PROTOCOLS).fill(undefined);
  #otherGroups!: ByCrossing<Pair<PacketGroup>>;
  readonly #appGroups = new Map<string, ByCrossing<Pair<AppGroup>>>();
  /** By protocol and name of the frame. */
  readonly #frameGroups = new Map<string, Map<string, ByCrossing<Pair<FrameGroup>>>>();
  /** Packets ask four times and more, most of them for the protocol that was asked for last. Null: none was. */
  #lastApp: string | null = null;
  #lastAppGroups: ByCrossing<Pair<AppGroup>> | null = null;
  #hasLastFrames = false;

  /** `actionOrder`: of several matching rules, the one whose action comes first decides. */
  static of(rules: readonly Rule[], protocols: readonly AppProtocol[], actionOrder = ACTION_ORDER): Ruleset {
    const databases = new PatternDatabases();
    const arrangement = runAll(arrange(rules, protocols, actionOrder, databases));
    return runAll(Ruleset.arranged(arrangement, { at: (index) => rules[index]! }, databases.matcher));
  }

  /** Of rules that were arranged, group by group. `loaded` has them by their index of then. */
  static *arranged(arrangement: Arrangement, loaded: RuleList, matcherOf: MatcherOf): Steps<Ruleset> {
    const portSets = arrangement.portRanges.map((ranges) => PortSet.of(ranges));
    const ruleset = new Ruleset(arrangement, loaded, new PortClasses(portSets));
    const live = new LiveGroups(portSets, matcherOf, ruleset);
    yield;
    for (const [protocol, plans] of arrangement.packetGroups) {
      ruleset.#packetGroups[protocol] = yield* live.byCrossing(plans, (plan) => live.packetGroup(plan));
    }
    ruleset.#otherGroups = yield* live.byCrossing(arrangement.otherGroups, (plan) => live.packetGroup(plan));
    for (const [protocol, plans] of arrangement.appGroups) {
      ruleset.#appGroups.set(protocol, yield* live.byCrossing(plans, (plan) => live.appGroup(plan)));
    }
    for (const [protocol, frames] of arrangement.frameGroups) {
      const groups = new Map<string, ByCrossing<Pair<FrameGroup>>>();
      for (const [frame, plans] of frames)
        groups.set(frame, yield* live.byCrossing(plans, (plan) => live.frameGroup(plan)));
      ruleset.#frameGroups.set(protocol, groups);
    }
    return ruleset;
  }

  private constructor(arrangement: Arrangement, loaded: RuleList, portClasses: PortClasses) {
    this.#arrangement = arrangement;
    this.#loaded = loaded;
    this.#perimeter = arrangement.inside === null ? null : new Perimeter(arrangement.inside);
    this.portClasses = portClasses;
    this.#rules = new Array<Rule | undefined>(arrangement.loadedIndexes.length).fill(undefined);
  }

  /** With their alternatives, each at its place. */
  get ruleCount(): number {
    return this.#rules.length;
  }

  /** The rule at this place in the order. */
  rule(order: number): Rule {
    return this.#rules[order] ?? this.#take(order);
  }

  #take(order: number): Rule {
    const { loadedIndexes, alternatives } = this.#arrangement;
    const alternative = alternatives[order]!;
    const loaded = this.#loaded.at(loadedIndexes[order]!);
    const rule = alternative === 0 ? loaded : loaded.alternatives[alternative - 1]!;
    this.#rules[order] = rule;
    return rule;
  }

  /** Of each place, what its rule is known by before and behind a reload. */
  get identities(): readonly string[] {
    const { identities } = this.#arrangement;
    return identities === '' ? [] : identities.split('\n');
  }

  /** Where rules are that somebody has asked for so far. */
  get madePlaces(): readonly number[] {
    return this.#rules.flatMap((rule, place) => (rule === undefined ? [] : [place]));
  }

  /** Of a packet as it travels: for the other groups. */
  crossingOf(packet: Packet): Crossing {
    return this.#perimeter === null ? 0 : this.#perimeter.crossingOf(packet);
  }

  packetGroup(ipProtocol: number, crossing: Crossing, direction: Direction): PacketGroup {
    return (this.#packetGroups[ipProtocol] ?? this.#otherGroups)[crossing]![direction];
  }

  /** Null: no rule looks into transactions of this protocol. */
  appGroup(protocol: string, crossing: Crossing, direction: Direction): AppGroup | null {
    if (protocol !== this.#lastApp) this.#takeApp(protocol);
    return this.#lastAppGroups === null ? null : this.#lastAppGroups[crossing]![direction];
  }

  hasFrameRules(protocol: string): boolean {
    if (protocol !== this.#lastApp) this.#takeApp(protocol);
    return this.#hasLastFrames;
  }

  #takeApp(protocol: string): void {
    this.#lastApp = protocol;
    this.#lastAppGroups = this.#appGroups.get(protocol) ?? null;
    this.#hasLastFrames = this.#frameGroups.has(protocol);
  }

  /** Null: no rule looks into such frames. */
  frameGroup(protocol: string, frame: string, crossing: Crossing, direction: Direction): FrameGroup | null {
    const groups = this.#frameGroups.get(protocol)?.get(frame);
    return groups === undefined ? null : groups[crossing]![direction];
  }

  /** No rule asks what decoding and TCP tracking found in packets. */
  get ignoresPacketEvents(): boolean {
    return this.#arrangement.packetEventRules.size === 0;
  }

  /** Rules for packets with this event. Others that ask for it ask for another one first. */
  packetEventRules(event: string): Int32Array {
    return this.#arrangement.packetEventRules.get(event) ?? NO_RULES;
  }

  /** Rules that ask for this event of an application protocol. */
  appEventRules(event: string): Int32Array {
    return this.#arrangement.appEventRules.get(event) ?? NO_RULES;
  }
}

const NO_RULES = new Int32Array(0);

/** Makes of plans what they plan. */
class LiveGroups {
  readonly #portSets: readonly PortSet[];
  readonly #matcherOf: MatcherOf;
  readonly #ruleset: Ruleset;
  /** Some groups share one. */
  readonly #indexes = new Map<PatternPlan, PatternIndex>();

  constructor(portSets: readonly PortSet[], matcherOf: MatcherOf, ruleset: Ruleset) {
    this.#portSets = portSets;
    this.#matcherOf = matcherOf;
    this.#ruleset = ruleset;
  }

  *byCrossing<Plan, Group>(
    plans: ByCrossing<Pair<Plan>>,
    make: (plan: Plan) => Steps<Group>,
  ): Steps<ByCrossing<Pair<Group>>> {
    const groups: Pair<Group>[] = [];
    for (const [crossing, pair] of plans.entries()) {
      const same = plans.indexOf(pair);
      groups.push(same < crossing ? groups[same]! : [yield* make(pair[0]), yield* make(pair[1])]);
    }
    return groups;
  }

  *packetGroup(plan: PacketGroupPlan): Steps<PacketGroup> {
    return {
      isEmpty: plan.isEmpty,
      addressOnly: plan.addressOnly,
      anyProtocol: plan.anyProtocol,
      shownOnly: plan.shownOnly,
      payload: yield* this.#payload(plan.payload),
      streamPorts: yield* this.#ports(plan.streamPorts),
      streamUnpatterned: yield* this.#ports(plan.streamUnpatterned),
      streamReaders: yield* this.#ports(plan.streamReaders),
      packet: yield* this.#patterns(plan.packet),
      packetPorts: yield* this.#ports(plan.packetPorts),
      placedPorts: yield* this.#ports(plan.placedPorts),
      packetUnpatterned: yield* this.#ports(plan.packetUnpatterned),
      middle: yield* this.#ports(plan.middle),
      encrypted: yield* this.#ports(plan.encrypted),
    };
  }

  *appGroup(plan: AppGroupPlan): Steps<AppGroup> {
    return {
      head: yield* this.#searches(plan.head),
      gate: plan.gate === null ? null : yield* this.#gate(plan.gate),
      growing: yield* this.#searches(plan.growing),
      complete: yield* this.#searches(plan.complete),
      raw: yield* this.#patterns(plan.raw),
      unpatterned: plan.unpatterned,
    };
  }

  *frameGroup(plan: FrameGroupPlan): Steps<FrameGroup> {
    return { patterns: yield* this.#patterns(plan.patterns), unpatterned: plan.unpatterned };
  }

  *#searches(plans: readonly BufferSearchPlan[]): Steps<readonly BufferSearch[]> {
    const searches: BufferSearch[] = [];
    for (const { buffer, patterns } of plans) {
      const { fastPattern } = this.#ruleset.rule(buffer);
      yield;
      searches.push({ buffer: fastPattern!.buffer!, patterns: yield* this.#index(patterns) });
    }
    return searches;
  }

  *#gate({ patterns, pairs, searches }: GatePlan): Steps<HeadGate> {
    return new HeadGate(yield* this.#index(patterns), pairs, yield* this.#searches(searches));
  }

  *#patterns(plan: PatternPlan | null): Steps<PatternIndex | null> {
    return plan === null ? null : yield* this.#index(plan);
  }

  *#payload(plan: PayloadPlan | null): Steps<PayloadIndex | null> {
    if (plan === null) return null;
    const index = new PayloadIndex(plan, this.#matcherOf(plan.key));
    yield;
    return index;
  }

  /** Reading a database takes up to some milliseconds. */
  *#index(plan: PatternPlan): Steps<PatternIndex> {
    const known = this.#indexes.get(plan);
    if (known !== undefined) return known;
    const index = new PatternIndex(plan, this.#matcherOf(plan.key));
    this.#indexes.set(plan, index);
    yield;
    return index;
  }

  *#ports(plans: readonly PortPlan[]): Steps<PortTable> {
    const table = new PortTable(plans, this.#portSets, this.#ruleset.portClasses);
    yield;
    return table;
  }
}
