import { latin1 } from '../base/bytes.ts';
import { MATCH_CASELESS, type Matcher } from '../base/native/matcher.ts';
import type { FastPattern } from '../rules/rule.ts';
import { AnswerCache, FOUND_COLUMNS } from './answer-cache.ts';
import type { Candidates } from './candidates.ts';
import { PatternDatabases } from './pattern-databases.ts';
import type { FittingRules } from './port-table.ts';

/**
 * Of a longer pattern, its end is searched for: it hardly comes by chance, and the rule is judged exactly anyway. A
 * search that goes on in new bytes begins almost as far before them as the longest pattern is long. With those of up to
 * 106 bytes of a public set, that of a request of 55 took 290 ns, and takes 180. Ours.
 */
const MAX_SEARCHED_BYTES = 32;

/** Which rules the patterns of a search belong to. */
export interface PatternRules {
  /** Indexes of the rules that share a pattern: those of the first one, of the second ... */
  readonly rules: Int32Array;
  /** Where those of a pattern begin in `rules`; one more, where they end. */
  readonly starts: Int32Array;
}

/** What a search finds, without the search: nothing but data. */
export interface PatternPlan extends PatternRules {
  /** Of the search, in PatternDatabases. */
  readonly key: string;
  readonly longestBytes: number;
}

export interface PatternEntry {
  readonly index: number;
  readonly pattern: FastPattern;
}

/** The fast patterns of rules, each once. */
export function planPatterns(entries: readonly PatternEntry[], databases: PatternDatabases): PatternPlan {
  const idOf = new Map<string, number>();
  const patterns: { bytes: Uint8Array; flags: number }[] = [];
  const rulesOf: number[][] = [];
  let longestBytes = 0;
  for (const { index, pattern } of entries) {
    const bytes = pattern.bytes.subarray(-MAX_SEARCHED_BYTES);
    const text = latin1(bytes);
    // Caseless are ASCII letters only: "\xc0" and "\xe0" are two patterns.
    const key = pattern.isCaseless ? `i${text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())}` : `c${text}`;
    let id = idOf.get(key);
    if (id === undefined) {
      id = patterns.length;
      idOf.set(key, id);
      patterns.push({ bytes, flags: pattern.isCaseless ? MATCH_CASELESS : 0 });
      rulesOf.push([]);
      longestBytes = Math.max(longestBytes, bytes.length);
    }
    rulesOf[id]!.push(index);
  }
  const starts = new Int32Array(patterns.length + 1);
  for (const [id, indexes] of rulesOf.entries()) starts[id + 1] = starts[id]! + indexes.length;
  return { key: databases.add(patterns), longestBytes, rules: Int32Array.from(rulesOf.flat()), starts };
}

/** The fast patterns of all rules on one buffer and direction, as one database of the multi-pattern search. */
export class PatternIndex {
  readonly #plan: PatternPlan;
  readonly #matcher: Matcher;
  readonly #answers = new AnswerCache();

  constructor(plan: PatternPlan, matcher: Matcher) {
    this.#plan = plan;
    this.#matcher = matcher;
  }

  static of(entries: readonly PatternEntry[]): PatternIndex {
    const databases = new PatternDatabases();
    const plan = planPatterns(entries, databases);
    return new PatternIndex(plan, databases.matcher(plan.key));
  }

  /** A search that goes on in new bytes must begin this far, less one, before them. */
  get longestBytes(): number {
    return this.#plan.longestBytes;
  }

  /** Adds the rules whose fast pattern is in `bytes[start, end)`. `fitting`: of these, where only they count. */
  search(bytes: Uint8Array, start: number, end: number, into: Candidates, fitting: FittingRules | null = null): void {
    const answers = this.#answers;
    const row = answers.rowOf(bytes, start, end);
    if (row >= 0 && answers.has(row, bytes, start, end)) {
      const at = row * FOUND_COLUMNS;
      addRulesOf(this.#plan, answers.found, at + 1, answers.found[at]!, fitting, into);
      return;
    }
    const { results } = this.#matcher;
    const hits = this.#matcher.scan(bytes, start, end);
    if (row >= 0) answers.remember(row, bytes, start, end, results, hits);
    addRulesOf(this.#plan, results, 0, hits, fitting, into);
  }
}

/** Adds the rules of the patterns `found[start, start + count)`: all of them, or those that fit. */
export function addRulesOf(
  { rules, starts }: PatternRules,
  found: Uint32Array,
  start: number,
  count: number,
  fitting: FittingRules | null,
  into: Candidates,
): void {
  for (let i = start; i < start + count; i++) {
    const id = found[i]!;
    if (fitting === null) into.addRange(rules, starts[id]!, starts[id + 1]!);
    else into.addFitting(rules, starts[id]!, starts[id + 1]!, fitting);
  }
}
