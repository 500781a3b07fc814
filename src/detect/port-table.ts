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

  /** `sets`: by the numbers that are in `plans`. */
  constructor(plans: readonly PortPlan[], sets: readonly PortSet[]) {
    this.#sharers = plans.map(({ source, destination, isBidirectional, rules }, id) => {
      return { id, source: sets[source]!, destination: sets[destination]!, isBidirectional, rules };
    });
    const [only] = this.#sharers;
    const asksForPorts = this.#sharers.length > 1 || (only !== undefined && !isForAnyPort(only));
    this.#always = asksForPorts ? null : (only?.rules ?? NONE);
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
    const fitting = this.#sharers.filter((sharers) => fits(sharers, sourcePort, destinationPort));
    const name = fitting.map(({ id }) => id).join();
    let answer = this.#answers.get(name);
    if (this.#known.size >= MAX_KNOWN_PAIRS || this.#knownRules >= MAX_KNOWN_RULES) {
      this.#known.clear();
      this.#answers.clear();
      this.#knownRules = 0;
      answer = undefined;
    }
    if (answer === undefined) {
      answer = Int32Array.from(fitting.flatMap(({ rules }) => [...rules]));
      this.#answers.set(name, answer);
      this.#knownRules += answer.length;
    }
    this.#known.set(key, answer);
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

function fits({ source, destination, isBidirectional }: Sharers, from: number, to: number): boolean {
  if (source.contains(from) && destination.contains(to)) return true;
  return isBidirectional && source.contains(to) && destination.contains(from);
}

const isForAnyPort = ({ source, destination }: Sharers): boolean => source.isAny && destination.isAny;

/** Numbers the stretches of ports between the bounds of all sets. */
function portClasses(sharers: readonly Sharers[]): Uint16Array {
  const isBound = new Uint8Array(PORTS + 1);
  for (const set of new Set(sharers.flatMap(({ source, destination }) => [source, destination]))) {
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
