import { type AddressRange, ALL_IPV4, ALL_IPV6, parseAddressRange } from '../base/address-range.ts';
import { AddressSet } from '../base/address-set.ts';
import { PortSet, parsePortRange } from '../base/port-set.ts';
import { type Expression, type ExpressionItem, parseExpression } from './expression.ts';
import { RuleFault } from './fault.ts';
import type { Span } from './parser.ts';
import { difference, normalised, type Range } from './ranges.ts';

export interface RuleVariables {
  readonly addresses: Readonly<Record<string, string>>;
  readonly ports: Readonly<Record<string, string>>;
}

/**
 * Address and port sets of rule headers. Most rules share a handful of them, so that the same text gives the same
 * set. Throws RuleFault.
 */
export class HeaderSets {
  readonly #variables: RuleVariables;
  readonly #addresses = new Map<string, AddressSet>();
  readonly #negating = new Map<string, boolean>();
  readonly #ports = new Map<string, PortSet>();

  constructor(variables: RuleVariables) {
    this.#variables = variables;
  }

  addresses(span: Span): AddressSet {
    let set = this.#addresses.get(span.text);
    if (set === undefined) {
      const expression = this.#addressExpression(span);
      const space = addressSpace(expression);
      if (space.length === 0) throw new RuleFault(`${span.text} is no address at all`, span.at);
      set = AddressSet.of(space);
      this.#addresses.set(span.text, set);
    }
    return set;
  }

  /** Is an address of this set, or of a variable in it, negated? */
  negates(span: Span): boolean {
    let isNegating = this.#negating.get(span.text);
    if (isNegating === undefined) {
      isNegating = hasNegation(this.#addressExpression(span));
      this.#negating.set(span.text, isNegating);
    }
    return isNegating;
  }

  #addressExpression(span: Span): Expression {
    return parseExpression(span, this.#variables.addresses, 'address');
  }

  ports(span: Span): PortSet {
    let set = this.#ports.get(span.text);
    if (set === undefined) {
      const space = portSpace(parseExpression(span, this.#variables.ports, 'port'));
      if (space.length === 0) throw new RuleFault(`${span.text} is no port at all`, span.at);
      set = PortSet.of(space.map(({ first, last }) => [first, last] as const));
      this.#ports.set(span.text, set);
    }
    return set;
  }
}

const hasNegation = (expression: Expression): boolean =>
  expression.kind === 'list' && expression.items.some((item) => item.isNegated || hasNegation(item.expression));

/** A list is all its plain items (everything, where there are none) without its negated ones. */
function portSpace(expression: Expression): Range<number>[] {
  if (expression.kind === 'value') return [portRange(expression.text, expression.at)];
  const { added, removed } = spacesOf(expression.items, portSpace);
  const base = added.length === 0 ? [ALL_PORTS] : normalised(added, increment);
  return difference(base, normalised(removed, increment), increment, decrement);
}

function portRange(text: string, at: number): Range<number> {
  if (text.toLowerCase() === 'any') return ALL_PORTS;
  const range = parsePortRange(text);
  if (range === null) throw new RuleFault(`"${text}" is neither a port nor a range of ports`, at);
  return { first: range[0], last: range[1] };
}

function addressSpace(expression: Expression): AddressRange[] {
  if (expression.kind === 'value') return addressRanges(expression.text, expression.at);
  const { added, removed } = spacesOf(expression.items, addressSpace);
  const base = added.length === 0 ? [ALL_IPV4, ALL_IPV6] : added;
  return ([4, 6] as const).flatMap((version) => {
    const included = normalised(ofVersion(base, version), incrementBig);
    const excluded = normalised(ofVersion(removed, version), incrementBig);
    return difference(included, excluded, incrementBig, decrementBig).map((range) => ({ version, ...range }));
  });
}

function addressRanges(text: string, at: number): AddressRange[] {
  if (text.toLowerCase() === 'any') return [ALL_IPV4, ALL_IPV6];
  const range = parseAddressRange(text);
  if (range === null) throw new RuleFault(`"${text}" is neither an address, nor a network, nor a range`, at);
  return [range];
}

function spacesOf<R>(
  items: readonly ExpressionItem[],
  spaceOf: (expression: Expression) => R[],
): { added: R[]; removed: R[] } {
  const added = items.filter((item) => !item.isNegated).flatMap((item) => spaceOf(item.expression));
  const removed = items.filter((item) => item.isNegated).flatMap((item) => spaceOf(item.expression));
  return { added, removed };
}

const ofVersion = (ranges: readonly AddressRange[], version: 4 | 6): Range<bigint>[] =>
  ranges.filter((range) => range.version === version).map(({ first, last }) => ({ first, last }));

const ALL_PORTS: Range<number> = { first: 0, last: 65_535 };
const increment = (value: number): number => value + 1;
const decrement = (value: number): number => value - 1;
const incrementBig = (value: bigint): bigint => value + 1n;
const decrementBig = (value: bigint): bigint => value - 1n;
