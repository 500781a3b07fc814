import { RuleFault } from './fault.ts';
import { REFUSED_KEYWORDS } from './known-names.ts';
import { RULE_ACTIONS, type RuleAction } from './rule.ts';

/** Text of a rule and where it begins in it. */
export interface Span {
  readonly text: string;
  readonly at: number;
}

/** `name: value;` of a rule; the value is null for `name;`. */
export interface ParsedOption {
  readonly name: Span;
  readonly value: Span | null;
}

/** A rule taken apart: nothing is looked up yet, no keyword is known. */
export interface ParsedRule {
  readonly action: RuleAction;
  readonly protocol: Span;
  readonly source: Span;
  readonly sourcePorts: Span;
  readonly destination: Span;
  readonly destinationPorts: Span;
  readonly isBidirectional: boolean;
  readonly options: readonly ParsedOption[];
}

/** `action protocol source ports -> destination ports (name: value; ...)`. Throws RuleFault. */
export function parseRule(text: string): ParsedRule {
  const header = new HeaderReader(text);
  const action = header.next('an action');
  if (!isAction(action.text)) {
    const refusal = REFUSED_ACTIONS.get(action.text);
    if (refusal !== undefined) throw new RuleFault(refusal, action.at);
    throw new RuleFault(`"${action.text}" is no action: expected one of ${RULE_ACTIONS.join(', ')}`, action.at);
  }
  const protocol = header.next('a protocol');
  const source = header.next('the source address');
  const sourcePorts = header.next('the source port');
  const arrow = header.next('"->" or "<>"');
  if (arrow.text !== '->' && arrow.text !== '<>') {
    throw new RuleFault(`"${arrow.text}" is no direction: expected "->" or "<>"`, arrow.at);
  }
  const destination = header.next('the destination address');
  const destinationPorts = header.next('the destination port');
  return {
    action: action.text,
    protocol: { text: protocol.text.toLowerCase(), at: protocol.at },
    source,
    sourcePorts,
    destination,
    destinationPorts,
    isBidirectional: arrow.text === '<>',
    options: parseOptions(text, header.optionsAt()),
  };
}

/** Of Suricata, and not for us. */
const REFUSED_ACTIONS: ReadonlyMap<string, string> = new Map([['config', REFUSED_KEYWORDS.get('config')!]]);

const isAction = (text: string): text is RuleAction => (RULE_ACTIONS as readonly string[]).includes(text);

/** Words are separated by blanks, save within brackets. */
class HeaderReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  next(what: string): Span {
    this.#skipBlanks();
    const at = this.#at;
    let depth = 0;
    for (; this.#at < this.#text.length; this.#at++) {
      const char = this.#text[this.#at]!;
      if (char === '[') depth++;
      else if (char === ']') depth--;
      else if (char === '(' || (depth <= 0 && isBlank(char))) break;
    }
    if (this.#at === at) throw new RuleFault(`expected ${what}`, at);
    if (depth > 0) throw new RuleFault('"[" without "]"', at + this.#text.slice(at).indexOf('['));
    return { text: this.#text.slice(at, this.#at).trimEnd(), at };
  }

  /** Just behind the opening parenthesis. */
  optionsAt(): number {
    this.#skipBlanks();
    if (this.#text[this.#at] !== '(') throw new RuleFault('expected "(" and the rule\'s options', this.#at);
    return this.#at + 1;
  }

  #skipBlanks(): void {
    while (this.#at < this.#text.length && isBlank(this.#text[this.#at]!)) this.#at++;
  }
}

function parseOptions(text: string, start: number): ParsedOption[] {
  let end = text.length;
  while (end > start && isBlank(text[end - 1]!)) end--;
  if (end === start || text[end - 1] !== ')') throw new RuleFault('the rule does not end in ")"', end);
  end--;

  const options: ParsedOption[] = [];
  let at = start;
  for (;;) {
    while (at < end && isBlank(text[at]!)) at++;
    if (at >= end) return options;

    const nameAt = at;
    while (at < end && text[at] !== ':' && text[at] !== ';') at++;
    const name = { text: text.slice(nameAt, at).trimEnd(), at: nameAt };
    if (name.text === '') throw new RuleFault(`expected a keyword before "${text[at]}"`, nameAt);
    if (at >= end) throw new RuleFault(`no ";" behind "${shortened(name.text)}"`, nameAt);
    if (text[at] === ';') {
      options.push({ name, value: null });
      at++;
      continue;
    }

    let valueAt = at + 1;
    while (valueAt < end && isBlank(text[valueAt]!)) valueAt++;
    const valueEnd = endOfValue(text, valueAt, end);
    if (valueEnd < 0) throw new RuleFault(`no ";" behind the value of "${shortened(name.text)}"`, valueAt);
    options.push({ name, value: { text: text.slice(valueAt, valueEnd).trimEnd(), at: valueAt } });
    at = valueEnd + 1;
  }
}

/** A value ends at a `;` that no `\` escapes, quoted or not, as in Suricata. */
function endOfValue(text: string, start: number, end: number): number {
  let at = start;
  for (;;) {
    const semicolon = text.indexOf(';', at);
    if (semicolon < 0 || semicolon >= end) return -1;
    if (semicolon === start || text[semicolon - 1] !== '\\') return semicolon;
    at = semicolon + 1;
  }
}

const isBlank = (char: string): boolean => char === ' ' || char === '\t' || char === '\r' || char === '\n';

const SHOWN_CHARACTERS = 40;
export const shortened = (text: string): string =>
  text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}...`;
