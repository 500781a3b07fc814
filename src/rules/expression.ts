import { RuleFault } from './fault.ts';
import { nearestName } from './nearest-name.ts';
import type { Span } from './parser.ts';

/** `[a,!b,$C]` of a rule header as a tree. Variables are replaced by the tree of their value. */
export type Expression =
  | { readonly kind: 'value'; readonly text: string; readonly at: number }
  | { readonly kind: 'list'; readonly items: readonly ExpressionItem[]; readonly at: number };

export interface ExpressionItem {
  readonly isNegated: boolean;
  readonly expression: Expression;
}

/** Deeper lists and longer chains of variables than anybody writes. Beyond: a diagnostic. */
const MAX_DEPTH = 16;
/** Variables that name variables multiply; beyond that many values a rule is refused. */
const MAX_VALUES = 65_536;

/**
 * Reads the expression and replaces its variables. Throws RuleFault: at the place in the rule, with the chain of
 * variables where the fault lies in one's value.
 */
export function parseExpression(span: Span, variables: Readonly<Record<string, string>>, what: string): Expression {
  return new ExpressionReader(variables, what).read(span);
}

class ExpressionReader {
  readonly #variables: Readonly<Record<string, string>>;
  readonly #what: string;
  /** Names of the variables that are being replaced, outermost first. */
  readonly #chain: string[] = [];
  /** Where the outermost variable stands in the rule; offsets in a variable's value mean nothing to the user. */
  #variableAt = 0;
  #text = '';
  #at = 0;
  #start = 0;
  #values = 0;

  constructor(variables: Readonly<Record<string, string>>, what: string) {
    this.#variables = variables;
    this.#what = what;
  }

  read(span: Span): Expression {
    this.#text = span.text;
    this.#start = span.at;
    this.#at = 0;
    const item = this.#item(0);
    this.#skipBlanks();
    if (this.#at < this.#text.length) this.#fail(`unexpected "${this.#text[this.#at]}"`);
    return item.isNegated ? { kind: 'list', items: [item], at: span.at } : item.expression;
  }

  #item(depth: number): ExpressionItem {
    if (depth > MAX_DEPTH) this.#fail(`lists are nested more than ${MAX_DEPTH} deep`);
    this.#skipBlanks();
    let isNegated = false;
    while (this.#text[this.#at] === '!') {
      if (isNegated) this.#fail('"!!" is not allowed');
      isNegated = true;
      this.#at++;
      this.#skipBlanks();
    }
    const char = this.#text[this.#at];
    if (char === '[') return { isNegated, expression: this.#list(depth) };
    if (char === '$') return { isNegated, expression: this.#variable(depth) };
    return { isNegated, expression: this.#value() };
  }

  #list(depth: number): Expression {
    const at = this.#place();
    const items: ExpressionItem[] = [];
    this.#at++;
    for (;;) {
      items.push(this.#item(depth + 1));
      this.#skipBlanks();
      const char = this.#text[this.#at];
      if (char !== ',' && char !== ']') {
        this.#fail(char === undefined ? '"[" without "]"' : `unexpected "${char}" in a list`);
      }
      this.#at++;
      if (char === ']') return { kind: 'list', items, at };
    }
  }

  #variable(depth: number): Expression {
    const at = this.#place();
    const name = /^\$([A-Za-z0-9_]+)/.exec(this.#text.slice(this.#at))?.[1];
    if (name === undefined) this.#fail('"$" without a name');
    if (!Object.hasOwn(this.#variables, name)) {
      const near = nearestName(name, Object.keys(this.#variables));
      const advice = near === null ? `there is no ${this.#what} variable of that name` : `did you mean $${near}?`;
      this.#fail(`$${name} is not defined: ${advice}`);
    }
    if (this.#chain.includes(name)) this.#fail(`$${name} is defined by itself: ${[...this.#chain, name].join(' -> ')}`);
    const nextAt = this.#at + 1 + name.length;

    const outer = { text: this.#text, start: this.#start };
    if (this.#chain.length === 0) this.#variableAt = at;
    this.#chain.push(name);
    this.#text = this.#variables[name]!;
    this.#at = 0;
    const item = this.#item(depth + 1);
    this.#skipBlanks();
    if (this.#at < this.#text.length) this.#fail(`unexpected "${this.#text[this.#at]}"`);
    this.#chain.pop();
    this.#text = outer.text;
    this.#start = outer.start;
    this.#at = nextAt;
    return item.isNegated ? { kind: 'list', items: [item], at } : item.expression;
  }

  #value(): Expression {
    const at = this.#place();
    const text = /^[^,\]\s[]*/.exec(this.#text.slice(this.#at))![0];
    if (text === '') this.#fail(`expected ${this.#what === 'port' ? 'a port' : 'an address'}`);
    if (++this.#values > MAX_VALUES) this.#fail(`more than ${MAX_VALUES} values`);
    this.#at += text.length;
    return { kind: 'value', text, at };
  }

  #skipBlanks(): void {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++;
  }

  #place(): number {
    return this.#chain.length > 0 ? this.#variableAt : this.#start + this.#at;
  }

  #fail(message: string): never {
    const last = this.#chain.at(-1);
    throw new RuleFault(last === undefined ? message : `in the value of $${last}: ${message}`, this.#place());
  }
}
