import type { Matcher } from '../base/native/matcher.ts';
import type { Candidates } from './candidates.ts';
import type { PatternDatabases } from './pattern-databases.ts';
import { addRulesOf, type PatternEntry, type PatternRules, planPatterns } from './pattern-index.ts';
import type { FittingRules } from './port-table.ts';

/** What rules of one IP protocol and direction look for in payload, without the search: nothing but data. */
export interface PayloadPlan {
  /** Of the search, in PatternDatabases. */
  readonly key: string;
  readonly longestBytes: number;
  /** Rules that look into the reassembled stream. */
  readonly stream: PatternRules;
  /** Rules that look into each packet's own payload alone. */
  readonly packet: PatternRules;
  /** Those of the stream that are tried on packets as well. */
  readonly placed: PatternRules;
}

/** Null: there are no such rules. `placed` are among those of `stream`. */
export function planPayload(
  stream: readonly PatternEntry[],
  packet: readonly PatternEntry[],
  placed: readonly PatternEntry[],
  databases: PatternDatabases,
): PayloadPlan | null {
  if (stream.length + packet.length === 0) return null;
  const all = planPatterns([...stream, ...packet], databases);
  return {
    key: all.key,
    longestBytes: all.longestBytes,
    stream: only(all, stream),
    packet: only(all, packet),
    placed: only(all, placed),
  };
}

function only({ rules, starts }: PatternRules, entries: readonly PatternEntry[]): PatternRules {
  const wanted = new Set(entries.map(({ index }) => index));
  const kept: number[] = [];
  const keptStarts = new Int32Array(starts.length);
  for (let id = 0; id + 1 < starts.length; id++) {
    for (let i = starts[id]!; i < starts[id + 1]!; i++) if (wanted.has(rules[i]!)) kept.push(rules[i]!);
    keptStarts[id + 1] = kept.length;
  }
  return { rules: Int32Array.from(kept), starts: keptStarts };
}

/**
 * The fast patterns of all rules on payload. One search of new bytes of a stream serves those on the stream and those
 * on the packet that brought them, which are other rules by turns.
 */
export class PayloadIndex {
  readonly #plan: PayloadPlan;
  readonly #matcher: Matcher;
  /** Patterns found by the last search: the matcher may be shared. */
  readonly #found: Uint32Array;
  #foundCount = 0;

  constructor(plan: PayloadPlan, matcher: Matcher) {
    this.#plan = plan;
    this.#matcher = matcher;
    this.#found = new Uint32Array(matcher.results.length);
  }

  /** A search that goes on in new bytes must begin this far, less one, before them. */
  get longestBytes(): number {
    return this.#plan.longestBytes;
  }

  search(bytes: Uint8Array, start: number, end: number): void {
    const count = this.#matcher.scan(bytes, start, end);
    const { results } = this.#matcher;
    for (let i = 0; i < count; i++) this.#found[i] = results[i]!;
    this.#foundCount = count;
  }

  // Of what the last search has found, rules whose ports fit:

  addStream(fitting: FittingRules, into: Candidates): void {
    addRulesOf(this.#plan.stream, this.#found, 0, this.#foundCount, fitting, into);
  }

  addPacket(fitting: FittingRules, into: Candidates): void {
    addRulesOf(this.#plan.packet, this.#found, 0, this.#foundCount, fitting, into);
  }

  addPlaced(fitting: FittingRules, into: Candidates): void {
    addRulesOf(this.#plan.placed, this.#found, 0, this.#foundCount, fitting, into);
  }
}
