import { type AppProtocol, type BufferDefinition, STAGE, type Stage } from '../app/protocol.ts';
import type { AddressRange } from '../base/address-range.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import type { PortRange } from '../base/port-set.ts';
import type { Steps } from '../base/steps.ts';
import type { FastPattern, Rule } from '../rules/rule.ts';
import { IP_PROTOCOL } from '../wire/packet.ts';
import { type GatePlan, isGuardable, planGate } from './head-gate.ts';
import type { PatternDatabases } from './pattern-databases.ts';
import { type PatternEntry, type PatternPlan, planPatterns } from './pattern-index.ts';
import { planPayload } from './payload-index.ts';
import { Perimeter } from './perimeter.ts';
import { PortNumbering, type PortPlan, planPorts } from './port-table.ts';
import type {
  AppGroupPlan,
  BufferSearchPlan,
  ByCrossing,
  FrameGroupPlan,
  PacketGroupPlan,
  Pair,
} from './rule-groups.ts';
import {
  compareStateUse,
  inspectsPackets,
  inspectsPayload,
  inspectsStream,
  inspectsTransactions,
  isAddressOnly,
  isOnPacketEvents,
  isShownOnly,
  mayMatchLater,
  mayRunOver,
  mayTravel,
} from './rule-traits.ts';

/**
 * In which order rules are judged, and what each is found by: nothing but data, without the rules and the searches, so
 * that it crosses threads and can be kept in a file. All indexes are places in the order, unless they say otherwise.
 */
export interface Arrangement {
  /** Of each place, which of the loaded rules has it, and as which of its alternatives: 0 is itself, 1 the first. */
  readonly loadedIndexes: Int32Array;
  readonly alternatives: Int32Array;
  /** Of each place, what a rule is known by before and behind a reload; a line each. */
  readonly identities: string;
  /** What is inside of the perimeter; null: there is none. */
  readonly inside: readonly AddressRange[] | null;
  /** By the numbers of PortPlan. */
  readonly portRanges: readonly (readonly PortRange[])[];
  /** By number of the IP protocol. */
  readonly packetGroups: ReadonlyMap<number, ByCrossing<Pair<PacketGroupPlan>>>;
  readonly otherGroups: ByCrossing<Pair<PacketGroupPlan>>;
  /** By protocol. */
  readonly appGroups: ReadonlyMap<string, ByCrossing<Pair<AppGroupPlan>>>;
  /** By protocol and name of the frame. */
  readonly frameGroups: ReadonlyMap<string, ReadonlyMap<string, ByCrossing<Pair<FrameGroupPlan>>>>;
  readonly packetEventRules: ReadonlyMap<string, Int32Array>;
  readonly appEventRules: ReadonlyMap<string, Int32Array>;
}

/**
 * Arranges rules, group by group: a large one takes some milliseconds, and what `databases` take. `actionOrder`: of
 * several matching rules, the one whose action comes first decides.
 */
export function* arrange(
  loaded: readonly Rule[],
  protocols: readonly AppProtocol[],
  actionOrder: readonly string[],
  databases: PatternDatabases,
): Steps<Arrangement> {
  const ordered = inOrder(loaded, actionOrder);
  yield;
  const numbered = ordered.map(({ rule }, index) => ({ rule, index }));
  // In a large set nearly all rules look into transactions only.
  const onTransactions = numbered.filter(({ rule }) => inspectsTransactions(rule));
  const onPackets = numbered.filter(
    ({ rule }) => (!inspectsTransactions(rule) || inspectsPayload(rule)) && !isOnPacketEvents(rule),
  );
  yield;
  const perimeter = Perimeter.of(loaded);
  const planner = new Planner(perimeter, databases);
  const packetGroups = yield* planner.packetGroupsByProtocol(onPackets);
  const otherGroups = yield* planner.packetGroups(onPackets, null);
  const appGroups = yield* planner.appGroups(onTransactions, protocols);
  const frameGroups = yield* planner.frameGroups(numbered, protocols);
  return {
    loadedIndexes: Int32Array.from(ordered, ({ loadedIndex }) => loadedIndex),
    alternatives: Int32Array.from(ordered, ({ alternative }) => alternative),
    identities: ordered.map(({ rule }) => identityOf(rule)).join('\n'),
    inside: perimeter === null ? null : perimeter.inside.ranges,
    portRanges: planner.ports.sets.map(({ ranges }) => ranges),
    packetGroups,
    otherGroups,
    appGroups,
    frameGroups,
    packetEventRules: indexByEvent(numbered, (rule) => (isOnPacketEvents(rule) ? rule.packetEvents.slice(0, 1) : [])),
    appEventRules: indexByEvent(numbered, (rule) => rule.appEvents),
  };
}

/** One to be judged: a rule, or an alternative of it, and which of the loaded ones it comes from. */
interface OrderedRule {
  readonly rule: Rule;
  readonly loadedIndex: number;
  readonly alternative: number;
}

const inOrder = (loaded: readonly Rule[], actionOrder: readonly string[]): OrderedRule[] => {
  const rank = (rule: Rule): number => actionOrder.indexOf(rule.action.startsWith('reject') ? 'reject' : rule.action);
  return loaded
    .flatMap((rule, loadedIndex) =>
      [rule, ...rule.alternatives].map((one, alternative) => ({ rule: one, loadedIndex, alternative })),
    )
    .sort(
      ({ rule: a }, { rule: b }) =>
        rank(a) - rank(b) ||
        compareStateUse(a.stateUse, b.stateUse) ||
        a.priority - b.priority ||
        a.sid - b.sid ||
        a.gid - b.gid,
    );
};

type IndexedRule = { readonly rule: Rule; readonly index: number };
type PatternedRule = PatternEntry & { readonly rule: Rule };
type SearchedBuffer = readonly [BufferDefinition, readonly PatternEntry[]];

/** For fewer a search of its own is not worth it. */
const MIN_GUARDED = 2;

/** The same for a rule before and after a reload. */
const identityOf = ({ gid, sid, protocol }: Rule): string => `${gid}:${sid}:${protocol.apps?.join() ?? ''}`;

class Planner {
  readonly ports = new PortNumbering();
  readonly #perimeter: Perimeter | null;
  readonly #databases: PatternDatabases;
  /** Protocols that share buffers have most rules on them in common: the same rules are one plan, and one search. */
  readonly #patternsOf = new Map<string, PatternPlan>();

  constructor(perimeter: Perimeter | null, databases: PatternDatabases) {
    this.#perimeter = perimeter;
    this.#databases = databases;
  }

  /** For the protocols that the decoder knows, and those that rules name. */
  *packetGroupsByProtocol(
    onPackets: readonly IndexedRule[],
  ): Steps<ReadonlyMap<number, ByCrossing<Pair<PacketGroupPlan>>>> {
    const named = new Set<number>(Object.values(IP_PROTOCOL));
    for (const { rule } of onPackets) for (const number of rule.protocol.ipProtocols ?? []) named.add(number);
    const groups = new Map<number, ByCrossing<Pair<PacketGroupPlan>>>();
    for (const number of named) groups.set(number, yield* this.packetGroups(onPackets, number));
    return groups;
  }

  *packetGroups(onPackets: readonly IndexedRule[], protocol: number | null): Steps<ByCrossing<Pair<PacketGroupPlan>>> {
    const concerned = onPackets.filter(({ rule }) => mayRunOver(rule, protocol));
    const hasStreams = protocol === IP_PROTOCOL.tcp;
    yield;
    return yield* this.#byCrossing(concerned, (rules, direction) => this.#packetGroup(rules, direction, hasStreams));
  }

  /** Where no rule tells crossings apart, they share what is made. */
  *#byCrossing<T>(
    all: readonly IndexedRule[],
    plan: (rules: readonly IndexedRule[], direction: Direction) => T,
  ): Steps<ByCrossing<Pair<T>>> {
    const perimeter = this.#perimeter;
    const concerned =
      perimeter === null
        ? [all]
        : perimeter.crossings.map((crossing) => all.filter(({ rule }) => perimeter.concerns(rule, crossing)));
    yield;
    const pairs: Pair<T>[] = [];
    for (const [crossing, rules] of concerned.entries()) {
      const same = concerned.findIndex((others) => isSame(others, rules));
      if (same < crossing) pairs.push(pairs[same]!);
      else {
        const toServer = plan(rules, TO_SERVER);
        yield;
        pairs.push([toServer, plan(rules, TO_CLIENT)]);
        yield;
      }
    }
    return pairs;
  }

  #packetGroup(concerned: readonly IndexedRule[], direction: Direction, hasStreams: boolean): PacketGroupPlan {
    const all = concerned.filter(({ rule }) => mayTravel(rule, direction));
    const rules = all.filter(({ rule }) => !inspectsTransactions(rule) && rule.frame === null);
    const rest = rules.filter(({ rule }) => !isAddressOnly(rule) && !isShownOnly(rule));
    const inStream = rest.filter(({ rule }) => hasStreams && inspectsStream(rule));
    const inPackets = rest.filter(({ rule }) =>
      hasStreams ? inspectsPackets(rule) : rule.protocol.scope !== 'stream' && rule.flow.stream !== 'only_stream',
    );
    const readers = all.filter(
      ({ rule }) => hasStreams && (rule.frame !== null || (inspectsTransactions(rule) && inspectsPayload(rule))),
    );
    const alone = inPackets.filter(({ rule }) => !hasStreams || !inspectsStream(rule));
    const placed = inPackets.filter(({ rule }) => hasStreams && inspectsStream(rule));
    const middle = hasStreams ? alone.filter(({ rule }) => mayMatchLater(rule)) : [];
    return {
      isEmpty: rules.length === 0,
      addressOnly: indexesOf(rules.filter(({ rule }) => isAddressOnly(rule))),
      anyProtocol: indexesOf(rules.filter(({ rule }) => isAddressOnly(rule) && rule.protocol.ipProtocols === null)),
      shownOnly: indexesOf(rules.filter(({ rule }) => isShownOnly(rule))),
      payload: planPayload(
        inStream.flatMap(withPattern),
        alone.flatMap(withPattern),
        placed.flatMap(withPattern),
        this.#databases,
      ),
      streamPorts: this.#ports(inStream.filter(hasPattern)),
      streamUnpatterned: this.#ports(inStream.filter((entry) => !hasPattern(entry))),
      streamReaders: this.#ports([...inStream, ...readers]),
      packet: this.#patterns(alone),
      packetPorts: this.#ports(alone.filter(hasPattern)),
      placedPorts: this.#ports(placed.filter(hasPattern)),
      packetUnpatterned: this.#ports(inPackets.filter((entry) => !hasPattern(entry))),
      middle: this.#ports(middle),
      encrypted: this.#ports(middle.filter(({ rule }) => rule.inspections.length === 0)),
    };
  }

  *appGroups(
    onTransactions: readonly IndexedRule[],
    protocols: readonly AppProtocol[],
  ): Steps<ReadonlyMap<string, ByCrossing<Pair<AppGroupPlan>>>> {
    const groups = new Map<string, ByCrossing<Pair<AppGroupPlan>>>();
    for (const { name, readHead } of protocols) {
      const concerned = onTransactions.filter(({ rule }) => rule.protocol.apps?.includes(name));
      if (concerned.length === 0) continue;
      // Those that wait for an event are candidates only behind it.
      const always = concerned.filter(({ rule }) => rule.appEvents.length === 0);
      yield;
      const hasHead = readHead !== undefined;
      groups.set(
        name,
        yield* this.#byCrossing(always, (rules, direction) => this.#appGroup(rules, direction, hasHead)),
      );
    }
    return groups;
  }

  #appGroup(all: readonly IndexedRule[], direction: Direction, hasHead: boolean): AppGroupPlan {
    const rules = all.filter(({ rule }) => mayTravel(rule, direction));
    const patterned = rules.flatMap(withPattern);
    const inBuffers = patterned.filter(
      ({ pattern: { buffer } }) => buffer !== null && (buffer.direction ?? direction) === direction,
    );
    const raw = patterned.filter(({ pattern }) => pattern.buffer === null);
    const inStage = (stage: Stage): readonly SearchedBuffer[] => [
      ...groupBy(
        inBuffers.filter(({ pattern }) => pattern.buffer!.stage === stage),
        ({ pattern }): BufferDefinition => searchedFor(pattern.buffer!, direction),
      ),
    ];
    const inHead = inStage(STAGE.head);
    const guardable = hasHead ? inHead.filter(([buffer, patterns]) => isGuardable(buffer, patterns)) : [];
    const guarded = guardable.length < MIN_GUARDED ? [] : guardable;
    return {
      head: this.#searches(inHead.filter((search) => !guarded.includes(search))),
      gate: guarded.length === 0 ? null : this.#gate(guarded),
      growing: this.#searches(inStage(STAGE.body)),
      complete: this.#searches(inStage(STAGE.complete)),
      raw: raw.length === 0 ? null : this.#shared(raw),
      unpatterned: indexesOf(rules.filter((entry) => !hasPattern(entry))),
    };
  }

  #searches(searched: readonly SearchedBuffer[]): readonly BufferSearchPlan[] {
    return searched.map(([, patterns]) => ({ buffer: patterns[0]!.index, patterns: this.#shared(patterns) }));
  }

  #gate(guarded: readonly SearchedBuffer[]): GatePlan {
    const planned = planGate(
      guarded.map(([, entries]) => entries),
      this.#databases,
    );
    return { ...planned, searches: this.#searches(guarded) };
  }

  *frameGroups(
    numbered: readonly IndexedRule[],
    protocols: readonly AppProtocol[],
  ): Steps<ReadonlyMap<string, ReadonlyMap<string, ByCrossing<Pair<FrameGroupPlan>>>>> {
    const onFrames = numbered.filter(({ rule }) => rule.frame !== null);
    const byProtocol = new Map<string, ReadonlyMap<string, ByCrossing<Pair<FrameGroupPlan>>>>();
    for (const { name } of protocols) {
      const ofProtocol = onFrames.filter(({ rule }) => rule.protocol.apps?.includes(name));
      if (ofProtocol.length === 0) continue;
      const groups = new Map<string, ByCrossing<Pair<FrameGroupPlan>>>();
      for (const [frame, concerned] of groupBy(ofProtocol, ({ rule }) => rule.frame!)) {
        groups.set(frame, yield* this.#byCrossing(concerned, (rules, direction) => this.#frameGroup(rules, direction)));
      }
      byProtocol.set(name, groups);
    }
    return byProtocol;
  }

  #frameGroup(all: readonly IndexedRule[], direction: Direction): FrameGroupPlan {
    const rules = all.filter(({ rule }) => mayTravel(rule, direction));
    return {
      patterns: this.#patterns(rules),
      unpatterned: indexesOf(rules.filter((entry) => !hasPattern(entry))),
    };
  }

  #patterns(rules: readonly IndexedRule[]): PatternPlan | null {
    const patterned = rules.flatMap(withPattern);
    return patterned.length === 0 ? null : planPatterns(patterned, this.#databases);
  }

  #shared(entries: readonly PatternEntry[]): PatternPlan {
    const key = entries.map(({ index }) => index).join();
    const known = this.#patternsOf.get(key) ?? planPatterns(entries, this.#databases);
    this.#patternsOf.set(key, known);
    return known;
  }

  #ports(entries: readonly IndexedRule[]): readonly PortPlan[] {
    return planPorts(entries, this.ports);
  }
}

const isSame = (a: readonly IndexedRule[], b: readonly IndexedRule[]): boolean =>
  a.length === b.length && a.every(({ index }, i) => index === b[i]!.index);

/** The buffer that is searched for patterns of this one. */
const searchedFor = (buffer: BufferDefinition, direction: Direction): BufferDefinition =>
  buffer.sameAs?.direction === direction ? buffer.sameAs.buffer : buffer;

const hasPattern = ({ rule }: IndexedRule): boolean => rule.fastPattern !== null;

const withPattern = (entry: IndexedRule): readonly PatternedRule[] => {
  const pattern: FastPattern | null = entry.rule.fastPattern;
  return pattern === null ? [] : [{ ...entry, pattern }];
};

const indexesOf = (rules: readonly IndexedRule[]): Int32Array => Int32Array.from(rules, ({ index }) => index);

function indexByEvent(
  rules: readonly IndexedRule[],
  eventsOf: (rule: Rule) => readonly string[],
): ReadonlyMap<string, Int32Array> {
  const byEvent = new Map<string, number[]>();
  for (const { rule, index } of rules) {
    for (const event of new Set(eventsOf(rule))) byEvent.set(event, [...(byEvent.get(event) ?? []), index]);
  }
  return new Map([...byEvent].map(([event, indexes]) => [event, Int32Array.from(indexes)]));
}

function groupBy<T, K>(entries: readonly T[], keyOf: (entry: T) => K): ReadonlyMap<K, readonly T[]> {
  const groups = new Map<K, T[]>();
  for (const entry of entries) {
    const group = groups.get(keyOf(entry)) ?? [];
    groups.set(keyOf(entry), group);
    group.push(entry);
  }
  return groups;
}
