import type { ParsedRule } from '../parser.ts';
import { commaSeparated } from '../values.ts';
import { optionsNamed, type SourceRule } from './source-rule.ts';

const QUESTIONS = ['isset', 'isnotset'];
const CHANGES = ['set', 'unset', 'toggle'];

/** Which rules that are not in force change a flowbit that rules in force ask for. */
export class FlowbitNeeds {
  /** By bit: the rules that are not in force and change it. */
  readonly #changers = new Map<string, number[]>();
  readonly #asked: (readonly string[])[] = [];
  readonly #enabled: number[] = [];

  constructor(rules: readonly SourceRule[]) {
    for (const [index, rule] of rules.entries()) {
      const bits = flowbitsOf(rule.parsed);
      this.#asked.push(bits.filter(({ command }) => QUESTIONS.includes(command)).flatMap(({ names }) => names));
      if (rule.isEnabled) this.#enabled.push(index);
      else for (const { command, names } of bits) if (CHANGES.includes(command)) this.#add(names, index);
    }
  }

  /** They in turn may ask for other bits, and so on. */
  resolve(): { readonly index: number; readonly bit: string }[] {
    const found: { index: number; bit: string }[] = [];
    const known = new Set<number>();
    const queue = [...this.#enabled];
    for (const asking of queue) {
      for (const bit of this.#asked[asking]!) {
        for (const index of this.#changers.get(bit) ?? []) {
          if (known.has(index)) continue;
          known.add(index);
          found.push({ index, bit });
          queue.push(index);
        }
      }
    }
    return found;
  }

  #add(names: readonly string[], index: number): void {
    for (const name of names) this.#changers.set(name, [...(this.#changers.get(name) ?? []), index]);
  }
}

/** `flowbits:isset,a|b` and the like. */
export const flowbitsOf = (parsed: Pick<ParsedRule, 'options'>): { command: string; names: string[] }[] =>
  optionsNamed(parsed, 'flowbits').map((value) => {
    const [command = '', names = ''] = commaSeparated(value);
    return { command, names: names.split('|').map((name) => name.trim()) };
  });
