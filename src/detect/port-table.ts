import type { PortSet } from '../base/port-set.ts';
import type { Rule } from '../rules/rule.ts';

/** Rules of the same ports: a large rule set has some hundred of them. Nothing but data. */
export interface PortPlan {
  /** Numbers of a PortNumbering. */
  readonly source: number;
  readonly destination: number;
  readonly isBidirectional: boolean;
  /** Their indexes. */
  readonly rules: Int32Array;
}

/** Numbers for sets of ports, which rules share. */
export class PortNumbering {
  readonly #numbers = new Map<PortSet, number>();

  get sets(): readonly PortSet[] {
    return [...this.#numbers.keys()];
  }

  numberOf(set: PortSet): number {
    const known = this.#numbers.get(set);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(set, number);
    return number;
  }
}

/** Rules that name the same ports, together. */
export function planPorts(
  entries: readonly { readonly rule: Rule; readonly index: number }[],
  numbering: PortNumbering,
): readonly PortPlan[] {
  const plans = new Map<string, Omit<PortPlan, 'rules'> & { readonly rules: number[] }>();
  for (const { rule, index } of entries) {
    const source = numbering.numberOf(rule.sourcePorts);
    const destination = numbering.numberOf(rule.destinationPorts);
    const isBidirectional = rule.isBidirectional && !(rule.sourcePorts.isAny && rule.destinationPorts.isAny);
    const key = `${source},${destination},${isBidirectional}`;
    const known = plans.get(key);
    if (known === undefined) plans.set(key, { source, destination, isBidirectional, rules: [index] });
    else known.rules.push(index);
  }
  return [...plans.values()].map((plan) => ({ ...plan, rules: Int32Array.from(plan.rules) }));
}

/** Rules whose ports fit. Nobody changes them. */
export class FittingRules {
  /** In no particular order. */
  readonly indexes: Int32Array;
  /** A bit for each rule up to the last one of them; null until somebody asks. */
  #bits: Uint32Array | null = null;

  constructor(indexes: Int32Array) {
    this.indexes = indexes;
  }

  has(index: number): boolean {
    this.#bits ??= bitsOf(this.indexes);
    return (this.#bits[index >>> 5]! & (1 << (index & 31))) !== 0;
  }

  get isEmpty(): boolean {
    return this.indexes.length === 0;
  }

  /** What it may come to hold, of 32 bits each. */
  get words(): number {
    return this.indexes.length + wordsFor(this.indexes);
  }
}

export const NO_RULES = new FittingRules(new Int32Array(0));

const wordsFor = (indexes: Int32Array): number => indexes.reduce((most, index) => Math.max(most, (index >>> 5) + 1), 0);

function bitsOf(indexes: Int32Array): Uint32Array {
  const bits = new Uint32Array(wordsFor(indexes));
  for (const index of indexes) bits[index >>> 5]! |= 1 << (index & 31);
  return bits;
}

const PORTS = 65_536;

/** The ports of a packet, by the classes that they fall into: the same number, the same rules in every table. */
export type PortPair = number;

/** Ports that none of these sets tells apart fall into one class. All tables of a rule set share them. */
export class PortClasses {
  readonly #classOf = new Uint16Array(PORTS);
  /** Of each class. */
  readonly #firstPorts: readonly number[];

  constructor(sets: readonly PortSet[]) {
    const bounds = new Set([0]);
    for (const [first, last] of sets.flatMap(({ ranges }) => ranges)) bounds.add(first).add(last + 1);
    this.#firstPorts = [...bounds].filter((port) => port < PORTS).sort((a, b) => a - b);
    for (const [number, first] of this.#firstPorts.entries()) this.#classOf.fill(number, first);
  }

  pairOf(source: number, destination: number): PortPair {
    return this.#classOf[source]! * this.#firstPorts.length + this.#classOf[destination]!;
  }

  /** Ports that stand for all of their class. */
  sourceOf(pair: PortPair): number {
    return this.#firstPorts[Math.floor(pair / this.#firstPorts.length)]!;
  }

  destinationOf(pair: PortPair): number {
    return this.#firstPorts[pair % this.#firstPorts.length]!;
  }
}

/**
 * Answers are kept for this many pairs of port classes, and as long as they take this many words together: who scans
 * ports must not fill the memory. Our choice; behind it all are found anew.
 */
const MAX_KNOWN_PAIRS = 4096;
const MAX_KNOWN_WORDS = 2 ** 20;

/**
 * Which rules concern a packet between two ports. The ephemeral ports of new connections fall into few classes, and
 * meet answers that are already there.
 */
export class PortTable {
  readonly #sharers: readonly Sharers[];
  readonly #classes: PortClasses;
  /** Null: no rule asks for ports, and this is the answer for all. */
  readonly #always: FittingRules | null;
  /** Null until somebody asks. */
  #all: FittingRules | null = null;
  /** By which sharers fit. */
  readonly #known = new Map<PortPair, FittingRules>();
  readonly #answers = new Map<string, FittingRules>();
  #knownWords = 0;
  /** Most packets ask what the one before them did. */
  #lastPair: PortPair = -1;
  #lastAnswer = NO_RULES;

  /** `sets`: by the numbers that are in `plans`; `classes`: of these, or of more. */
  constructor(plans: readonly PortPlan[], sets: readonly PortSet[], classes: PortClasses) {
    this.#sharers = plans.map(({ source, destination, isBidirectional, rules }, id) => {
      return { id, source: sets[source]!, destination: sets[destination]!, isBidirectional, rules };
    });
    this.#classes = classes;
    const [only] = this.#sharers;
    const asksForPorts = this.#sharers.length > 1 || (only !== undefined && !isForAnyPort(only));
    this.#always = asksForPorts ? null : only === undefined ? NO_RULES : new FittingRules(only.rules);
  }

  get all(): FittingRules {
    this.#all ??= this.#always ?? fittingOf(this.#sharers);
    return this.#all;
  }

  rulesFor(pair: PortPair): FittingRules {
    if (this.#always !== null) return this.#always;
    if (pair !== this.#lastPair) {
      this.#lastAnswer = this.#known.get(pair) ?? this.#find(pair);
      this.#lastPair = pair;
    }
    return this.#lastAnswer;
  }

  #find(pair: PortPair): FittingRules {
    const source = this.#classes.sourceOf(pair);
    const destination = this.#classes.destinationOf(pair);
    const fitting = this.#sharers.filter((sharers) => fits(sharers, source, destination));
    const name = fitting.map(({ id }) => id).join();
    let answer = this.#answers.get(name);
    if (this.#known.size >= MAX_KNOWN_PAIRS || this.#knownWords >= MAX_KNOWN_WORDS) {
      this.#known.clear();
      this.#answers.clear();
      this.#knownWords = 0;
      answer = undefined;
    }
    if (answer === undefined) {
      answer = fittingOf(fitting);
      this.#answers.set(name, answer);
      this.#knownWords += answer.words;
    }
    this.#known.set(pair, answer);
    return answer;
  }
}

interface Sharers {
  readonly id: number;
  readonly source: PortSet;
  readonly destination: PortSet;
  readonly isBidirectional: boolean;
  readonly rules: Int32Array;
}

const fittingOf = (sharers: readonly Sharers[]): FittingRules =>
  new FittingRules(Int32Array.from(sharers.flatMap(({ rules }) => [...rules])));

function fits({ source, destination, isBidirectional }: Sharers, from: number, to: number): boolean {
  if (source.contains(from) && destination.contains(to)) return true;
  return isBidirectional && source.contains(to) && destination.contains(from);
}

const isForAnyPort = ({ source, destination }: Sharers): boolean => source.isAny && destination.isAny;
