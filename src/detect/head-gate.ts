import type { BufferDefinition } from '../app/protocol.ts';
import { CR, LF } from '../base/ascii.ts';
import { latin1 } from '../base/bytes.ts';
import type { FastPattern } from '../rules/rule.ts';
import { Candidates } from './candidates.ts';
import type { PatternDatabases } from './pattern-databases.ts';
import { type PatternEntry, type PatternIndex, type PatternPlan, planPatterns } from './pattern-index.ts';
import type { BufferSearch, BufferSearchPlan } from './rule-groups.ts';

/** A pattern this short is in nearly every head. Our choice. */
const MIN_PATTERN_BYTES = 2;
/**
 * libhs looks for as many last bytes of a pattern, and where they are, compares each pattern that ends like this. In a
 * public set, 32 patterns end in " HTTP/1.", as all requests do: the search of a short one took 280 ns, and 160 without
 * these ends.
 */
const END_BYTES = 8;
/** From so many patterns on, an end that they share is left out, if it leaves so much of a pattern. Ours. */
const MIN_SHARING = 4;
const MIN_REST_BYTES = 3;

/** What is looked for in a head before `searches` are made, which find nothing where the gate does not open them. */
export interface GateOf<Patterns, Search> {
  /** Instead of rules, they lead to numbers of searches. */
  readonly patterns: Patterns;
  readonly searches: readonly Search[];
}

/** The same as nothing but data. */
export type GatePlan = GateOf<PatternPlan, BufferSearchPlan>;

/** Can a gate say that these patterns are not in this buffer? */
export const isGuardable = ({ isOfHead }: BufferDefinition, patterns: readonly PatternEntry[]): boolean =>
  isOfHead === true && patterns.every(({ pattern }) => longestLine(pattern.bytes).length >= MIN_PATTERN_BYTES);

/** What one search finds of the patterns of several: of each pattern, a stretch of it. */
export function planGate(searched: readonly (readonly PatternEntry[])[], databases: PatternDatabases): PatternPlan {
  const lines = searched.flatMap((patterns, index) =>
    patterns.map(({ pattern }) => ({ index, pattern: { ...pattern, bytes: longestLine(pattern.bytes) } })),
  );
  const sharing = new Map<string, number>();
  for (const { pattern } of lines) sharing.set(endOf(pattern.bytes), (sharing.get(endOf(pattern.bytes)) ?? 0) + 1);
  const entries = lines.map(({ index, pattern }) =>
    sharing.get(endOf(pattern.bytes))! < MIN_SHARING ? { index, pattern } : { index, pattern: withoutEnd(pattern) },
  );
  return planPatterns(entries, databases);
}

/**
 * Most heads have nothing in them that any rule looks for. One search of the whole head tells which of its buffers may
 * have, before they are made and searched one by one.
 */
export class HeadGate implements GateOf<PatternIndex, BufferSearch> {
  readonly patterns: PatternIndex;
  readonly searches: readonly BufferSearch[];
  readonly #opened: Candidates;

  constructor(patterns: PatternIndex, searches: readonly BufferSearch[]) {
    this.patterns = patterns;
    this.searches = searches;
    this.#opened = new Candidates(searches.length);
  }

  /** Numbers of the searches that may find something in this head. Valid until the next call. */
  open(head: Uint8Array): Candidates {
    this.#opened.clear();
    this.patterns.search(head, 0, head.length, this.#opened);
    return this.#opened;
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

const endOf = (pattern: Uint8Array): string => latin1(pattern.subarray(-END_BYTES)).toLowerCase();

function withoutEnd(pattern: FastPattern): FastPattern {
  const restBytes = pattern.bytes.length - END_BYTES;
  return restBytes < MIN_REST_BYTES ? pattern : { ...pattern, bytes: pattern.bytes.subarray(0, restBytes) };
}
