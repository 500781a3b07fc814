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
/** RFC 9112 §5, as clients write it. */
const FIELD_NAME = /^[\w-]+: ?/;
/**
 * A line that has no more beside a name is not looked for alone: curl and scripts in browsers accept anything. Ours.
 */
const MIN_TELLING_BYTES = 4;

/** What is looked for in a head before `searches` are made, which find nothing where the gate does not open them. */
export interface GateOf<Patterns, Search> {
  /** Instead of rules, they lead to numbers of searches; behind these, to those of halves, two for each pair. */
  readonly patterns: Patterns;
  /** Of each pair the search that its halves open together: two lines of one pattern. */
  readonly pairs: Int32Array;
  readonly searches: readonly Search[];
}

/** The same as nothing but data. */
export type GatePlan = GateOf<PatternPlan, BufferSearchPlan>;

/** Can a gate say that these patterns are not in this buffer? */
export const isGuardable = ({ isOfHead }: BufferDefinition, patterns: readonly PatternEntry[]): boolean =>
  isOfHead === true && patterns.every(({ pattern }) => linesOf(pattern.bytes)[0]!.length >= MIN_PATTERN_BYTES);

/** What one search finds of the patterns of several: of each pattern, a stretch of it or two. */
export function planGate(
  searched: readonly (readonly PatternEntry[])[],
  databases: PatternDatabases,
): Pick<GatePlan, 'patterns' | 'pairs'> {
  const lines: PatternEntry[] = [];
  const pairs: number[] = [];
  for (const [search, patterns] of searched.entries()) {
    for (const { pattern } of patterns) {
      const [first, second] = linesOf(pattern.bytes);
      const isPair = tellingBytes(first!) < MIN_TELLING_BYTES && (second?.length ?? 0) >= MIN_REST_BYTES;
      const half = searched.length + 2 * pairs.length;
      lines.push({ index: isPair ? half : search, pattern: { ...pattern, bytes: first! } });
      if (!isPair) continue;
      lines.push({ index: half + 1, pattern: { ...pattern, bytes: second! } });
      pairs.push(search);
    }
  }
  const sharing = new Map<string, number>();
  for (const { pattern } of lines) sharing.set(endOf(pattern.bytes), (sharing.get(endOf(pattern.bytes)) ?? 0) + 1);
  const entries = lines.map(({ index, pattern }) =>
    sharing.get(endOf(pattern.bytes))! < MIN_SHARING ? { index, pattern } : { index, pattern: withoutEnd(pattern) },
  );
  return { patterns: planPatterns(entries, databases), pairs: Int32Array.from(pairs) };
}

/**
 * Most heads have nothing in them that any rule looks for. One search of the whole head tells which of its buffers may
 * have, before they are made and searched one by one.
 */
export class HeadGate implements GateOf<PatternIndex, BufferSearch> {
  readonly patterns: PatternIndex;
  readonly pairs: Int32Array;
  readonly searches: readonly BufferSearch[];
  readonly #found: Candidates;
  readonly #opened: Candidates;

  constructor(patterns: PatternIndex, pairs: Int32Array, searches: readonly BufferSearch[]) {
    this.patterns = patterns;
    this.pairs = pairs;
    this.searches = searches;
    this.#found = new Candidates(searches.length + 2 * pairs.length);
    this.#opened = new Candidates(searches.length);
  }

  /** Numbers of the searches that may find something in this head. Valid until the next call. */
  open(head: Uint8Array): Candidates {
    const found = this.#found;
    const opened = this.#opened;
    found.clear();
    opened.clear();
    this.patterns.search(head, 0, head.length, found);
    const firstHalf = this.searches.length;
    for (let i = 0; i < found.count; i++) {
      const number = found.indexes[i]!;
      const half = number - firstHalf;
      if (half < 0) opened.add(number);
      else if (found.has(firstHalf + (half ^ 1))) opened.add(this.pairs[half >> 1]!);
    }
    return opened;
  }
}

/** What tells most comes first. A buffer may have other lines in between than the head has, but no other lines. */
function linesOf(pattern: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  let start = 0;
  for (let at = 0; at <= pattern.length; at++) {
    if (at < pattern.length && pattern[at] !== CR && pattern[at] !== LF) continue;
    lines.push(pattern.subarray(start, at));
    start = at + 1;
  }
  lines.sort((a, b) => b.length - a.length);
  const usable = lines.filter(({ length }) => length >= MIN_REST_BYTES);
  return usable.length === 0 ? lines : usable.sort((a, b) => tellingBytes(b) - tellingBytes(a));
}

/** Names of fields are in most heads: of ") Havij\r\nConnection: ", the longer line tells nothing. */
const tellingBytes = (line: Uint8Array): number => line.length - (FIELD_NAME.exec(latin1(line))?.[0].length ?? 0);

const endOf = (pattern: Uint8Array): string => latin1(pattern.subarray(-END_BYTES)).toLowerCase();

function withoutEnd(pattern: FastPattern): FastPattern {
  const restBytes = pattern.bytes.length - END_BYTES;
  return restBytes < MIN_REST_BYTES ? pattern : { ...pattern, bytes: pattern.bytes.subarray(0, restBytes) };
}
