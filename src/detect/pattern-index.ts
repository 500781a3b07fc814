import { latin1 } from '../base/bytes.ts';
import { MATCH_CASELESS, Matcher } from '../base/native/matcher.ts';
import type { FastPattern } from '../rules/rule.ts';
import { AnswerCache, FOUND_COLUMNS } from './answer-cache.ts';
import type { Candidates } from './candidates.ts';
import type { MakeMatcher } from './pattern-databases.ts';

/** The fast patterns of all rules on one buffer and direction, as one database of the multi-pattern search. */
export class PatternIndex {
  /** A search that goes on in new bytes must begin this far, less one, before them. */
  readonly longestBytes: number;
  readonly #matcher: Matcher;
  /** Indexes of the rules that share a pattern, by pattern id. */
  readonly #rulesOf: readonly Int32Array[];
  readonly #answers = new AnswerCache();

  constructor(
    entries: readonly { readonly index: number; readonly pattern: FastPattern }[],
    makeMatcher: MakeMatcher = Matcher.compile,
  ) {
    const idOf = new Map<string, number>();
    const patterns: { bytes: Uint8Array; flags: number }[] = [];
    const rulesOf: number[][] = [];
    let longest = 0;
    for (const { index, pattern } of entries) {
      const text = latin1(pattern.bytes);
      // Caseless are ASCII letters only: "\xc0" and "\xe0" are two patterns.
      const key = pattern.isCaseless ? `i${text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())}` : `c${text}`;
      let id = idOf.get(key);
      if (id === undefined) {
        id = patterns.length;
        idOf.set(key, id);
        patterns.push({ bytes: pattern.bytes, flags: pattern.isCaseless ? MATCH_CASELESS : 0 });
        rulesOf.push([]);
        longest = Math.max(longest, pattern.bytes.length);
      }
      rulesOf[id]!.push(index);
    }
    this.longestBytes = longest;
    this.#matcher = makeMatcher(patterns);
    this.#rulesOf = rulesOf.map((indexes) => Int32Array.from(indexes));
  }

  get databaseBytes(): number {
    return this.#matcher.databaseBytes;
  }

  /** Adds the rules whose fast pattern is in `bytes[start, end)`. */
  search(bytes: Uint8Array, start: number, end: number, into: Candidates): void {
    const answers = this.#answers;
    const row = answers.rowOf(bytes, start, end);
    if (row >= 0 && answers.has(row, bytes, start, end)) {
      const at = row * FOUND_COLUMNS;
      this.#add(answers.found, at + 1, answers.found[at]!, into);
      return;
    }
    const { results } = this.#matcher;
    const hits = this.#matcher.scan(bytes, start, end);
    if (row >= 0) answers.remember(row, bytes, start, end, results, hits);
    this.#add(results, 0, hits, into);
  }

  #add(found: Uint32Array, start: number, count: number, into: Candidates): void {
    for (let i = start; i < start + count; i++) into.addAll(this.#rulesOf[found[i]!]!);
  }
}
