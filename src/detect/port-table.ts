import type { PortSet } from '../base/port-set.ts';
import type { Rule } from '../rules/rule.ts';

type IndexedRule = { readonly rule: Rule; readonly index: number };

const PORTS = 65_536;
const NONE = new Int32Array(0);
/**
 * Answers are kept for this many pairs of port classes, and as long as they hold this many rules together: who scans
 * ports must not fill the memory. Our choice; behind it all are found anew.
 */
const MAX_KNOWN_PAIRS = 16_384;
const MAX_KNOWN_RULES = 2 ** 20;

/**
 * Which rules concern a packet between two ports. Ports that no rule tells apart fall into one class, so that the
 * ephemeral ports of new connections meet answers that are already there.
 */
export class PortTable {
  /** Rules of the same ports: a large rule set has some hundred of them. */
  readonly #sharers: readonly Sharers[];
  /** Null: no rule asks for ports, and this is the answer for all. */
  readonly #always: Int32Array | null;
  readonly #classOf: Uint16Array;
  readonly #classCount: number;
  /** By pair of classes, and by which sharers fit. */
  readonly #known = new Map<number, Int32Array>();
  readonly #answers = new Map<string, Int32Array>();
  #knownRules = 0;
  /** Most packets ask what the one before them did. */
  #lastKey = -1;
  #lastAnswer: Int32Array = NONE;

  constructor(rules: readonly IndexedRule[]) {
    this.#sharers = sharersOf(rules);
    const [only] = this.#sharers;
    const asksForPorts = this.#sharers.length > 1 || (only !== undefined && !isAnyPort(only.rule));
    this.#always = asksForPorts ? null : (only?.indexes ?? NONE);
    // Most tables are empty, and a rule set has dozens of them in every worker.
    this.#classOf = asksForPorts ? portClasses(this.#sharers) : new Uint16Array(0);
    this.#classCount = asksForPorts ? this.#classOf[PORTS - 1]! + 1 : 0;
  }

  /** Indexes of the rules whose ports fit. Borrowed: do not change. */
  rulesFor(sourcePort: number, destinationPort: number): Int32Array {
    if (this.#always !== null) return this.#always;
    const key = this.#classOf[sourcePort]! * this.#classCount + this.#classOf[destinationPort]!;
    if (key !== this.#lastKey) {
      this.#lastAnswer = this.#known.get(key) ?? this.#find(key, sourcePort, destinationPort);
      this.#lastKey = key;
    }
    return this.#lastAnswer;
  }

  #find(key: number, sourcePort: number, destinationPort: number): Int32Array {
    const fitting = this.#sharers.filter(({ rule }) => portsFit(rule, sourcePort, destinationPort));
    const name = fitting.map(({ id }) => id).join();
    let answer = this.#answers.get(name);
    if (this.#known.size >= MAX_KNOWN_PAIRS || this.#knownRules >= MAX_KNOWN_RULES) {
      this.#known.clear();
      this.#answers.clear();
      this.#knownRules = 0;
      answer = undefined;
    }
    if (answer === undefined) {
      answer = Int32Array.from(fitting.flatMap(({ indexes }) => [...indexes]));
      this.#answers.set(name, answer);
      this.#knownRules += answer.length;
    }
    this.#known.set(key, answer);
    return answer;
  }
}

interface Sharers {
  readonly id: number;
  /** Any of them. */
  readonly rule: Rule;
  readonly indexes: Int32Array;
}

function portsFit(rule: Rule, source: number, destination: number): boolean {
  if (rule.sourcePorts.contains(source) && rule.destinationPorts.contains(destination)) return true;
  return rule.isBidirectional && rule.sourcePorts.contains(destination) && rule.destinationPorts.contains(source);
}

const isAnyPort = (rule: Rule): boolean => rule.sourcePorts.isAny && rule.destinationPorts.isAny;

function sharersOf(rules: readonly IndexedRule[]): Sharers[] {
  const numbers = new Map<PortSet, number>();
  const numberOf = (set: PortSet): number => {
    const known = numbers.get(set) ?? numbers.size;
    numbers.set(set, known);
    return known;
  };
  const groups = new Map<string, IndexedRule[]>();
  for (const entry of rules) {
    const { rule } = entry;
    const isBidirectional = rule.isBidirectional && !isAnyPort(rule);
    const key = `${numberOf(rule.sourcePorts)},${numberOf(rule.destinationPorts)},${isBidirectional}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  return [...groups.values()].map((group, id) => ({
    id,
    rule: group[0]!.rule,
    indexes: Int32Array.from(group, ({ index }) => index),
  }));
}

/** Numbers the stretches of ports between the bounds of all sets. */
function portClasses(sharers: readonly Sharers[]): Uint16Array {
  const isBound = new Uint8Array(PORTS + 1);
  for (const set of new Set(sharers.flatMap(({ rule }) => [rule.sourcePorts, rule.destinationPorts]))) {
    for (const [first, last] of set.ranges) {
      isBound[first] = 1;
      isBound[last + 1] = 1;
    }
  }
  const classes = new Uint16Array(PORTS);
  let current = 0;
  for (let port = 1; port < PORTS; port++) {
    if (isBound[port] === 1) current++;
    classes[port] = current;
  }
  return classes;
}
