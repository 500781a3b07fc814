import type { AppProtocol, BufferDefinition } from '../app/protocol.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../base/direction.ts';
import { Matcher } from '../base/native/matcher.ts';
import { runAll, type Steps } from '../base/steps.ts';
import type { FastPattern, Rule } from '../rules/rule.ts';
import type { StateUse } from '../rules/rule-state.ts';
import { IP_PROTOCOL } from '../wire/packet.ts';
import type { MakeMatcher } from './pattern-databases.ts';
import { PatternIndex } from './pattern-index.ts';
import { PortTable } from './port-table.ts';

/**
 * All rules, in the order in which they are judged (as Suricata: by action, those that set flowbits and the like before
 * those that ask for them, by priority, by number), arranged so that a
 * packet meets only those that could concern it. Built once, changed by nobody, replaced as a whole on reload.
 */
export class Ruleset {
  /** As they were written, in that order. */
  readonly loaded: readonly Rule[];
  /** With their alternatives, each at its place. */
  readonly rules: readonly Rule[];
  readonly #packetGroups: ReadonlyMap<number, PacketGroups>;
  readonly #otherGroups: PacketGroups;
  readonly #appGroups: ReadonlyMap<string, AppGroups>;
  /** By protocol and name of the frame. */
  readonly #frameGroups: ReadonlyMap<string, ReadonlyMap<string, FrameGroups>>;
  readonly #packetEventRules: ReadonlyMap<string, Int32Array>;
  readonly #appEventRules: ReadonlyMap<string, Int32Array>;

  /** `actionOrder`: of several matching rules, the one whose action comes first decides. */
  static of(rules: readonly Rule[], protocols: readonly AppProtocol[], actionOrder?: readonly string[]): Ruleset {
    return runAll(Ruleset.inSteps(rules, protocols, actionOrder));
  }

  /** The same, group by group: a large one takes some milliseconds, and what `makeMatcher` takes. */
  static *inSteps(
    rules: readonly Rule[],
    protocols: readonly AppProtocol[],
    actionOrder: readonly string[] = ['pass', 'drop', 'reject', 'alert'],
    makeMatcher: MakeMatcher = Matcher.compile,
  ): Steps<Ruleset> {
    const rank = (rule: Rule): number => actionOrder.indexOf(rule.action.startsWith('reject') ? 'reject' : rule.action);
    const ordered = rules
      .flatMap((rule) => [rule, ...rule.alternatives])
      .sort(
        (a, b) =>
          rank(a) - rank(b) ||
          compareStateUse(a.stateUse, b.stateUse) ||
          a.priority - b.priority ||
          a.sid - b.sid ||
          a.gid - b.gid,
      );
    yield;
    const numbered = ordered.map((rule, index) => ({ rule, index }));
    // In a large set nearly all rules look into transactions only.
    const onTransactions = numbered.filter(({ rule }) => inspectsTransactions(rule));
    const onPackets = numbered.filter(
      ({ rule }) => (!inspectsTransactions(rule) || inspectsPayload(rule)) && !isOnPacketEvents(rule),
    );
    yield;
    const groupsFor = function* (protocol: number | null): Steps<PacketGroups> {
      const concerned = onPackets.filter(({ rule }) => {
        const wanted = rule.protocol.ipProtocols;
        return wanted === null || (protocol !== null && wanted.includes(protocol));
      });
      yield;
      const hasStreams = protocol === IP_PROTOCOL.tcp;
      const toServer = new PacketGroup(concerned, TO_SERVER, hasStreams, makeMatcher);
      yield;
      const toClient = new PacketGroup(concerned, TO_CLIENT, hasStreams, makeMatcher);
      yield;
      return [toServer, toClient];
    };
    const named = new Set<number>(Object.values(IP_PROTOCOL));
    for (const rule of ordered) for (const number of rule.protocol.ipProtocols ?? []) named.add(number);
    const packetGroups = new Map<number, PacketGroups>();
    for (const number of named) packetGroups.set(number, yield* groupsFor(number));
    const otherGroups = yield* groupsFor(null);

    const appGroups = new Map<string, AppGroups>();
    const indexes = new PatternIndexes(makeMatcher);
    for (const { name } of protocols) {
      const concerned = onTransactions.filter(({ rule }) => rule.protocol.apps?.includes(name));
      if (concerned.length === 0) continue;
      // Those that wait for an event are candidates only behind it.
      const always = concerned.filter(({ rule }) => rule.appEvents.length === 0);
      yield;
      const toServer = new AppGroup(always, TO_SERVER, indexes);
      yield;
      appGroups.set(name, [toServer, new AppGroup(always, TO_CLIENT, indexes)]);
      yield;
    }
    const onFrames = numbered.filter(({ rule }) => rule.frame !== null);
    const frameGroups = new Map<string, ReadonlyMap<string, FrameGroups>>();
    for (const { name: protocol } of protocols) {
      const ofProtocol = onFrames.filter(({ rule }) => rule.protocol.apps?.includes(protocol));
      if (ofProtocol.length === 0) continue;
      const groups = groupBy(ofProtocol, ({ rule }) => rule.frame!);
      const pairs = [...groups].map(([frame, concerned]): [string, FrameGroups] => [
        frame,
        [new FrameGroup(concerned, TO_SERVER, makeMatcher), new FrameGroup(concerned, TO_CLIENT, makeMatcher)],
      ]);
      frameGroups.set(protocol, new Map(pairs));
      yield;
    }
    const packetEventRules = indexByEvent(numbered, (rule) =>
      isOnPacketEvents(rule) ? rule.packetEvents.slice(0, 1) : [],
    );
    const appEventRules = indexByEvent(numbered, (rule) => rule.appEvents);
    return new Ruleset({
      loaded: rules,
      rules: ordered,
      packetGroups,
      otherGroups,
      appGroups,
      frameGroups,
      packetEventRules,
      appEventRules,
    });
  }

  private constructor(parts: RulesetParts) {
    this.loaded = parts.loaded;
    this.rules = parts.rules;
    this.#packetGroups = parts.packetGroups;
    this.#otherGroups = parts.otherGroups;
    this.#appGroups = parts.appGroups;
    this.#frameGroups = parts.frameGroups;
    this.#packetEventRules = parts.packetEventRules;
    this.#appEventRules = parts.appEventRules;
  }

  packetGroup(ipProtocol: number, direction: Direction): PacketGroup {
    return (this.#packetGroups.get(ipProtocol) ?? this.#otherGroups)[direction];
  }

  /** Null: no rule looks into transactions of this protocol. */
  appGroup(protocol: string, direction: Direction): AppGroup | null {
    return this.#appGroups.get(protocol)?.[direction] ?? null;
  }

  hasFrameRules(protocol: string): boolean {
    return this.#frameGroups.has(protocol);
  }

  /** Null: no rule looks into such frames. */
  frameGroup(protocol: string, frame: string, direction: Direction): FrameGroup | null {
    return this.#frameGroups.get(protocol)?.get(frame)?.[direction] ?? null;
  }

  /** No rule asks what decoding and TCP tracking found in packets. */
  get ignoresPacketEvents(): boolean {
    return this.#packetEventRules.size === 0;
  }

  /** Rules for packets with this event. Others that ask for it ask for another one first. */
  packetEventRules(event: string): Int32Array {
    return this.#packetEventRules.get(event) ?? NO_RULES;
  }

  /** Rules that ask for this event of an application protocol. */
  appEventRules(event: string): Int32Array {
    return this.#appEventRules.get(event) ?? NO_RULES;
  }

  /** Bytes of all pattern databases. */
  get databaseBytes(): number {
    const indexes = new Set<PatternIndex | null>();
    for (const pair of [...this.#packetGroups.values(), this.#otherGroups]) {
      for (const { stream, packet, placed } of pair) indexes.add(stream).add(packet).add(placed);
    }
    for (const groups of this.#frameGroups.values()) {
      for (const pair of groups.values()) for (const { patterns } of pair) indexes.add(patterns);
    }
    for (const pair of this.#appGroups.values()) {
      for (const { raw, searches } of pair) {
        indexes.add(raw);
        for (const { patterns } of searches) indexes.add(patterns);
      }
    }
    let bytes = 0;
    for (const index of indexes) bytes += index?.databaseBytes ?? 0;
    return bytes;
  }
}

interface RulesetParts {
  readonly loaded: readonly Rule[];
  readonly rules: readonly Rule[];
  readonly packetGroups: ReadonlyMap<number, PacketGroups>;
  readonly otherGroups: PacketGroups;
  readonly appGroups: ReadonlyMap<string, AppGroups>;
  readonly frameGroups: ReadonlyMap<string, ReadonlyMap<string, FrameGroups>>;
  readonly packetEventRules: ReadonlyMap<string, Int32Array>;
  readonly appEventRules: ReadonlyMap<string, Int32Array>;
}

/** By direction. */
type PacketGroups = readonly [PacketGroup, PacketGroup];
type AppGroups = readonly [AppGroup, AppGroup];
type FrameGroups = readonly [FrameGroup, FrameGroup];
type IndexedRule = { readonly rule: Rule; readonly index: number };
type Patterned = { readonly index: number; readonly rule: Rule; readonly pattern: FastPattern };

/** Rules of one IP protocol and direction that look at packets, payloads and streams. */
export class PacketGroup {
  /** Fast patterns of rules that look into the reassembled stream; null where there are none. */
  readonly stream: PatternIndex | null;
  /** Ports for which `stream` has rules. */
  readonly streamPorts: PortTable;
  /** Rules without a usable pattern that look into the stream. */
  readonly streamUnpatterned: PortTable;
  /** All rules that look into the stream, those on transactions that have a content of no buffer included. */
  readonly streamReaders: PortTable;
  /** Fast patterns of rules that look into each packet's own payload alone. */
  readonly packet: PatternIndex | null;
  readonly packetPorts: PortTable;
  /** Fast patterns of rules in `stream` that are tried on packets as well: as far as they look into the stream. */
  readonly placed: PatternIndex | null;
  readonly placedPorts: PortTable;
  /** Rules without a usable pattern that look at packets. */
  readonly packetUnpatterned: PortTable;
  /** Rules for whatever is in the middle of a TCP connection, however far its stream has got. */
  readonly middle: PortTable;
  /** Those of them that ask for no content: they mean something where the connection is encrypted. */
  readonly encrypted: PortTable;
  /** Rules that name only addresses: judged at a flow's first packet in each direction. */
  readonly addressOnly: Int32Array;
  /** Those of them that are for every IP protocol. */
  readonly anyProtocol: Int32Array;
  /** Rules that name only what a direction shows: judged once in each direction, when it is known. */
  readonly shownOnly: Int32Array;
  /** No rule looks at packets, nor at the stream. */
  readonly isEmpty: boolean;

  constructor(concerned: readonly IndexedRule[], direction: Direction, hasStreams: boolean, makeMatcher: MakeMatcher) {
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
    this.isEmpty = rules.length === 0;
    this.addressOnly = indexesOf(rules.filter(({ rule }) => isAddressOnly(rule)));
    this.anyProtocol = indexesOf(rules.filter(({ rule }) => isAddressOnly(rule) && rule.protocol.ipProtocols === null));
    this.shownOnly = indexesOf(rules.filter(({ rule }) => isShownOnly(rule)));
    this.stream = patternsOf(inStream, makeMatcher);
    this.streamPorts = new PortTable(inStream.filter(hasPattern));
    this.streamUnpatterned = new PortTable(inStream.filter((entry) => !hasPattern(entry)));
    this.streamReaders = new PortTable([...inStream, ...readers]);
    const alone = inPackets.filter(({ rule }) => !hasStreams || !inspectsStream(rule));
    const placed = inPackets.filter(({ rule }) => hasStreams && inspectsStream(rule));
    this.packet = patternsOf(alone, makeMatcher);
    this.packetPorts = new PortTable(alone.filter(hasPattern));
    this.placed = patternsOf(placed, makeMatcher);
    this.placedPorts = new PortTable(placed.filter(hasPattern));
    this.packetUnpatterned = new PortTable(inPackets.filter((entry) => !hasPattern(entry)));
    const middle = hasStreams ? alone.filter(({ rule }) => mayMatchLater(rule)) : [];
    this.middle = new PortTable(middle);
    this.encrypted = new PortTable(middle.filter(({ rule }) => rule.inspections.length === 0));
  }
}

/** One buffer that has to be searched, with its patterns. */
export interface BufferSearch {
  readonly buffer: BufferDefinition;
  readonly patterns: PatternIndex;
}

/** Rules of one application protocol and direction that look into transactions. */
export class AppGroup {
  readonly searches: readonly BufferSearch[];
  /** Fast patterns of rules that have theirs in a content of no buffer; null where there are none. */
  readonly raw: PatternIndex | null;
  /** Candidates of every transaction, since they have no usable pattern. */
  readonly unpatterned: Int32Array;

  constructor(all: readonly IndexedRule[], direction: Direction, indexes: PatternIndexes) {
    const rules = all.filter(({ rule }) => mayTravel(rule, direction));
    const byBuffer = new Map<BufferDefinition, Patterned[]>();
    const unpatterned: number[] = [];
    const raw: Patterned[] = [];
    for (const entry of rules) {
      const { rule, index } = entry;
      const pattern = rule.fastPattern;
      if (pattern === null || pattern.buffer === null) {
        if (pattern === null) unpatterned.push(index);
        else raw.push({ ...entry, pattern });
        continue;
      }
      const { buffer } = pattern;
      if (buffer.direction !== null && buffer.direction !== direction) continue;
      const entries = byBuffer.get(buffer) ?? [];
      entries.push({ rule, index, pattern });
      byBuffer.set(buffer, entries);
    }
    this.searches = [...byBuffer].map(([buffer, entries]) => ({ buffer, patterns: indexes.of(entries) }));
    this.raw = raw.length === 0 ? null : indexes.of(raw);
    this.unpatterned = Int32Array.from(unpatterned);
  }
}

/** Rules on frames of one name and direction. */
export class FrameGroup {
  /** Their fast patterns; null where there are none. */
  readonly patterns: PatternIndex | null;
  /** Candidates of every frame, since they have no usable pattern. */
  readonly unpatterned: Int32Array;

  constructor(all: readonly IndexedRule[], direction: Direction, makeMatcher: MakeMatcher) {
    const rules = all.filter(({ rule }) => mayTravel(rule, direction));
    this.patterns = patternsOf(rules, makeMatcher);
    this.unpatterned = indexesOf(rules.filter((entry) => !hasPattern(entry)));
  }
}

/** Protocols that share buffers have most rules on them in common: the same rules are one database. */
class PatternIndexes {
  readonly #byRules = new Map<string, PatternIndex>();
  readonly #makeMatcher: MakeMatcher;

  constructor(makeMatcher: MakeMatcher) {
    this.#makeMatcher = makeMatcher;
  }

  of(entries: readonly Patterned[]): PatternIndex {
    const key = entries.map(({ index }) => index).join();
    const known = this.#byRules.get(key) ?? new PatternIndex(entries, this.#makeMatcher);
    this.#byRules.set(key, known);
    return known;
  }
}

/** Does it concern transactions, by their buffers or events, and not only packets and streams? */
export const inspectsTransactions = (rule: Rule): boolean =>
  rule.appEvents.length > 0 || rule.inspections.some(({ buffer }) => buffer !== null);

/** Is it judged only on packets in which something was found? */
export const isOnPacketEvents = (rule: Rule): boolean => rule.packetEvents.length > 0 && !inspectsTransactions(rule);

const inspectsPayload = (rule: Rule): boolean => rule.inspections.some(({ buffer }) => buffer === null);

/** Does it concern packets of an established connection that neither begin nor end it? */
const mayMatchLater = (rule: Rule): boolean =>
  rule.fitsTcpMiddle && rule.flow.state !== 'not_established' && rule.packetEvents.length === 0;

const hasPattern = ({ rule }: IndexedRule): boolean => rule.fastPattern !== null;

const hasNoContent = (rule: Rule): boolean =>
  rule.inspections.length === 0 && rule.packetTests.length === 0 && rule.conditions.length === 0;

/** Does it ask for nothing but what a direction shows? */
export const isShownOnly = (rule: Rule): boolean => hasNoContent(rule) && rule.shownProtocols.length > 0;

/** Does it ask for nothing but addresses? */
export const isAddressOnly = (rule: Rule): boolean =>
  hasNoContent(rule) &&
  rule.shownProtocols.length === 0 &&
  rule.protocol.apps === null &&
  rule.flow.direction === null &&
  rule.flow.state === null &&
  rule.sourcePorts.isAny &&
  rule.destinationPorts.isAny;

/**
 * Does what the rule does concern the packet's flow, as in Suricata? A rule on transactions, on a protocol or on nothing
 * but addresses and ports does, and any other one where it matched in the stream.
 */
export function actsOnFlow(rule: Rule, isInStream: boolean): boolean {
  if (isInStream || inspectsTransactions(rule)) return true;
  return (
    hasNoContent(rule) && (rule.protocol.apps !== null || (rule.flow.direction === null && rule.flow.state === null))
  );
}

/** What sets comes first. */
function compareStateUse(a: StateUse, b: StateUse): number {
  for (let kind = 0; kind < a.length; kind++) if (a[kind] !== b[kind]) return b[kind]! - a[kind]!;
  return 0;
}

/**
 * As in Suricata, a TCP rule on content looks into the stream, unless a keyword ties it to packets; one with `depth`
 * or `offset` is tried on each packet as well.
 */
export function inspectsStream(rule: Rule): boolean {
  if (rule.inspections.length === 0 || rule.protocol.scope === 'packet') return false;
  const protocols = rule.protocol.ipProtocols;
  if (protocols !== null && !protocols.includes(IP_PROTOCOL.tcp)) return false;
  return rule.packetTests.length === 0 && rule.flow.stream !== 'no_stream';
}

/** See `inspectsStream`. Packets of TCP that did not become part of a stream are looked at in any case. */
export function inspectsPackets(rule: Rule): boolean {
  if (!inspectsStream(rule)) return rule.protocol.scope !== 'stream' && rule.flow.stream !== 'only_stream';
  if (rule.protocol.scope === 'stream' || rule.flow.stream === 'only_stream') return false;
  const protocols = rule.protocol.ipProtocols;
  const isTcpOnly = protocols?.length === 1 && protocols[0] === IP_PROTOCOL.tcp;
  return !isTcpOnly || rule.inspections.some(({ hasFixedPlace }) => hasFixedPlace);
}

function mayTravel(rule: Rule, direction: Direction): boolean {
  if (rule.flow.direction === 'toserver') return direction === TO_SERVER;
  if (rule.flow.direction === 'toclient') return direction === TO_CLIENT;
  return rule.inspections.every(({ buffer }) => buffer === null || (buffer.direction ?? direction) === direction);
}

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

const NO_RULES = new Int32Array(0);

function patternsOf(rules: readonly IndexedRule[], makeMatcher: MakeMatcher): PatternIndex | null {
  const patterned = rules.flatMap(({ rule, index }) =>
    rule.fastPattern === null ? [] : [{ index, pattern: rule.fastPattern }],
  );
  return patterned.length === 0 ? null : new PatternIndex(patterned, makeMatcher);
}
