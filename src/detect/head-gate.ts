import { CR, LF } from '../base/ascii.ts';
import { Candidates } from './candidates.ts';
import type { PatternDatabases } from './pattern-databases.ts';
import { type PatternEntry, type PatternIndex, type PatternPlan, planPatterns } from './pattern-index.ts';
import type { BufferSearchOf } from './rule-groups.ts';

/** A pattern this short is in nearly every head. Our choice. */
const MIN_PATTERN_BYTES = 2;

/** What a gate looks for, without the search: nothing but data. */
export interface GatePlan {
  readonly patterns: PatternPlan;
  /** By search of the group, 1: it can find nothing where the gate does not open it. */
  readonly guarded: Uint8Array;
}

/**
 * Of the searches of a group, those of which the gate can tell: of patterns in buffers whose lines are stretches of the
 * head. Null where that are too few to be worth a search of their own.
 */
export function planGate(
  searches: readonly BufferSearchOf<readonly PatternEntry[], { readonly isOfHead?: boolean }>[],
  databases: PatternDatabases,
): GatePlan | null {
  const guarded = new Uint8Array(searches.length);
  const entries: PatternEntry[] = [];
  for (const [search, { buffer, patterns }] of searches.entries()) {
    if (buffer.isOfHead !== true) continue;
    const lines = patterns.map(({ pattern }) => ({ ...pattern, bytes: longestLine(pattern.bytes) }));
    if (lines.some(({ bytes }) => bytes.length < MIN_PATTERN_BYTES)) continue;
    guarded[search] = 1;
    for (const pattern of lines) entries.push({ index: search, pattern });
  }
  const guardedCount = guarded.reduce((sum, one) => sum + one, 0);
  return guardedCount < 2 ? null : { patterns: planPatterns(entries, databases), guarded };
}

/**
 * Most heads have nothing in them that any rule looks for. One search of the whole head tells which of its buffers may
 * have, before they are made and searched one by one.
 */
export class HeadGate {
  readonly #patterns: PatternIndex;
  readonly #guarded: Uint8Array;
  readonly #opened: Candidates;

  constructor({ guarded }: GatePlan, patterns: PatternIndex) {
    this.#patterns = patterns;
    this.#guarded = guarded;
    this.#opened = new Candidates(guarded.length);
  }

  /** Looks for what all the buffers are searched for. */
  look(head: Uint8Array): void {
    this.#opened.clear();
    this.#patterns.search(head, 0, head.length, this.#opened);
  }

  /** The search of this number finds nothing in the head that was looked at. */
  isClosed(search: number): boolean {
    return this.#guarded[search] === 1 && !this.#opened.has(search);
  }
}

/** A buffer may have other lines in between than the head has, but no other lines. */
function longestLine(pattern: Uint8Array): Uint8Array {
  let longest = pattern.subarray(0, 0);
  let start = 0;
  for (let at = 0; at <= pattern.length; at++) {
    if (at < pattern.length && pattern[at] !== CR && pattern[at] !== LF) continue;
    if (at - start > longest.length) longest = pattern.subarray(start, at);
    start = at + 1;
  }
  return longest;
}
