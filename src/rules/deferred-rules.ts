import type { Dataset } from './dataset.ts';
import type { RuleEnvironment } from './environment.ts';
import { RuleFault } from './fault.ts';
import { parseRule } from './parser.ts';
import type { Rule, RulePlace } from './rule.ts';
import { RuleCompiler } from './rule-compiler.ts';

/** Rules by number. */
export interface RuleList {
  at(index: number): Rule;
}

/**
 * Rules that were compiled before in the same environment, and are compiled again when they are first asked for, some
 * 0.1 ms each: traffic needs a few hundred of a large set. Those that look into sets of values or into files are made
 * at once, in their order: what they share begins with what the first of them says.
 */
export class DeferredRules implements RuleList {
  readonly #compiler: RuleCompiler;
  readonly #placeOf: (index: number) => RulePlace;
  /** Data users, by their place. */
  readonly #made = new Map<string, Rule>();

  /** `dataUsers`: as CompiledRules has them. */
  constructor(environment: RuleEnvironment, placeOf: (index: number) => RulePlace, dataUsers: readonly RulePlace[]) {
    this.#compiler = new RuleCompiler(environment);
    this.#placeOf = placeOf;
    for (const place of dataUsers) this.#use(place);
  }

  get datasets(): ReadonlyMap<string, Dataset> {
    return this.#compiler.datasets;
  }

  /** Throws RuleFault where it cannot be compiled any more, which would be our own mistake. */
  at(index: number): Rule {
    const place = this.#placeOf(index);
    return this.#made.get(keyOf(place)) ?? this.#make(place);
  }

  #make(place: RulePlace): Rule {
    const made = this.#compiler.compile(parseRule(place.text), place);
    if (made === null) throw new RuleFault('the rule was for this version, and is not any more');
    return made.rule;
  }

  /** Some of them were refused, behind what they have left in a set. */
  #use(place: RulePlace): void {
    try {
      this.#made.set(keyOf(place), this.#make(place));
    } catch (error) {
      if (!(error instanceof RuleFault)) throw error;
    }
  }
}

const keyOf = ({ file, line }: RulePlace): string => `${line} ${file}`;
