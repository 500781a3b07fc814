import type { KnownRule } from './inventory.ts';

export type Tallies = readonly (readonly [name: string, count: number])[];

/** What a rule set is made of. All but `states` and `files` is about the rules that are loaded. */
export interface RuleStatistics {
  readonly states: Tallies;
  readonly files: Tallies;
  readonly actions: Tallies;
  readonly protocols: Tallies;
  readonly classtypes: Tallies;
  readonly buffers: Tallies;
  readonly keywords: Tallies;
  /** By length in bytes. */
  readonly fastPatterns: Tallies;
  readonly withoutFastPattern: number;
}

/** Counts, the most frequent first; lengths in their order. */
export function ruleStatistics(rules: readonly KnownRule[]): RuleStatistics {
  const loaded = rules.flatMap(({ source, rule }) => (rule === null ? [] : [{ source, rule }]));
  const patterned = loaded.flatMap(({ rule }) => rule.fastPattern ?? []);
  return {
    states: tallies(rules.map(({ state }) => state)),
    files: tallies(rules.map(({ source }) => source.file)),
    actions: tallies(loaded.map(({ rule }) => rule.action)),
    protocols: tallies(loaded.map(({ rule }) => rule.protocol.name)),
    classtypes: tallies(loaded.map(({ rule }) => rule.classtype ?? 'none')),
    buffers: tallies(
      loaded.flatMap(({ rule }) => [...new Set(rule.inspections.map(({ buffer }) => buffer?.name ?? 'payload'))]),
    ),
    keywords: tallies(loaded.flatMap(({ source }) => [...new Set(source.parsed.options.map(({ name }) => name.text))])),
    fastPatterns: byLength(patterned.map(({ bytes }) => bytes.length)),
    withoutFastPattern: loaded.length - patterned.length,
  };
}

function tallies(names: readonly string[]): Tallies {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1));
}

/** Upper ends of the classes of lengths. */
const LENGTHS_BYTES = [1, 2, 3, 4, 8, 16, 32, 64];

function byLength(lengths: readonly number[]): Tallies {
  const classes = LENGTHS_BYTES.map((end, i) => [(LENGTHS_BYTES[i - 1] ?? 0) + 1, end] as const);
  const named = classes.map(([first, last]): [string, number] => [
    first === last ? String(first) : `${first}-${last}`,
    lengths.filter((length) => length >= first && length <= last).length,
  ]);
  const longest = LENGTHS_BYTES.at(-1)!;
  return [...named, [`over ${longest}`, lengths.filter((length) => length > longest).length]];
}
