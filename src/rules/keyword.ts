import type { RuleDraft } from './draft.ts';
import type { OptionValue } from './values.ts';

/** One word of the rule language, with everything there is to say about it. */
export interface KeywordDefinition<A> {
  readonly name: string;
  /** Older spellings. */
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** Where it does something else than in Suricata 7; left out: it does not. */
  readonly difference?: string;
  /** As in a rule, with its `;`. */
  readonly example: string;
  /** Reads the value. Throws RuleFault. */
  parse(value: OptionValue): A;
  /** Puts what the keyword asks for into the rule. Throws RuleFault. */
  compile(argument: A, draft: RuleDraft): void;
}

/** A keyword whose argument type nobody outside needs to know. */
export interface Keyword {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly summary: string;
  /** Null: as in Suricata 7. */
  readonly difference: string | null;
  readonly example: string;
  apply(value: OptionValue, draft: RuleDraft): void;
}

/** Hides what the arguments of a keyword are to everybody but the keyword. */
export function defineKeyword<A>(definition: KeywordDefinition<A>): Keyword {
  const { name, summary, example } = definition;
  return {
    name,
    aliases: definition.aliases ?? [],
    summary,
    difference: definition.difference ?? null,
    example,
    apply: (value, draft) => definition.compile(definition.parse(value), draft),
  };
}

/** Every name and alias to its keyword. Two keywords of one name are a mistake of ours, hence the exception. */
export function indexByName(keywords: readonly Keyword[]): ReadonlyMap<string, Keyword> {
  const byName = new Map<string, Keyword>();
  for (const keyword of keywords) {
    for (const name of [keyword.name, ...keyword.aliases]) {
      if (byName.has(name)) throw new Error(`keyword "${name}" is defined twice`);
      byName.set(name, keyword);
    }
  }
  return byName;
}
