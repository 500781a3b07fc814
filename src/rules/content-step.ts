import { ByteVariable } from './byte-variable.ts';
import { evaluationNumber } from './evaluate.ts';
import type { Literal } from './literal.ts';
import type { Inspected, Step } from './rule.ts';

type Limit = number | ByteVariable | null;

export interface ContentLimits {
  readonly isNegated: boolean;
  /** Only a match that ends with the buffer counts. */
  readonly isAtEnd: boolean;
  /** Counted from the end of the last match: `distance` and `within`; else from the start: `offset` and `depth`. */
  readonly isRelative: boolean;
  readonly offset: Limit;
  readonly depth: Limit;
  readonly distance: Limit;
  readonly within: Limit;
  readonly endsSearch: boolean;
}

/** `content`: a byte string within a range of places. */
export class ContentStep implements Step {
  matchStart = -1;
  readonly isRelative: boolean;
  readonly needsEnd: boolean;
  readonly settledBytes: number;
  readonly endsSearch: boolean;
  readonly #literal: Literal;
  readonly #isNegated: boolean;
  readonly #isAtEnd: boolean;
  readonly #hasCursorRange: boolean;
  readonly #offset: Limit;
  readonly #depth: Limit;
  readonly #distance: Limit;
  readonly #within: Limit;
  /** In this evaluation: no occurrence starts in [clearStart, clearEnd), so that nobody looks there again. */
  #evaluation = -1;
  #clearStart = 0;
  #clearEnd = 0;

  constructor(literal: Literal, limits: ContentLimits) {
    this.#literal = literal;
    this.#isNegated = limits.isNegated;
    this.#isAtEnd = limits.isAtEnd;
    this.#hasCursorRange = limits.isRelative;
    this.#offset = limits.offset;
    this.#depth = limits.depth;
    this.#distance = limits.distance;
    this.#within = limits.within;
    // A variable stems from an earlier step, which may read another number at its next place.
    const hasVariables = limits.offset instanceof ByteVariable || limits.depth instanceof ByteVariable;
    this.isRelative = limits.isRelative || hasVariables;
    this.needsEnd = limits.isNegated || limits.isAtEnd;
    this.settledBytes = settledBytesOf(limits);
    this.endsSearch = limits.endsSearch;
  }

  find(input: Inspected, cursor: number, from: number): number {
    const at = this.#search(input, cursor, from);
    if (this.#isNegated) return at === ABSENT ? cursor : -1;
    if (at < 0) return -1;
    this.matchStart = at;
    return at + this.#literal.length;
  }

  #search(input: Inspected, cursor: number, from: number): number {
    let start: number;
    let end = input.end;
    const origin = input.start - input.skippedBytes;
    if (this.#hasCursorRange) {
      // Without a match before it, the cursor is the start of the stream and not that of the window.
      const base = (cursor === input.start ? origin : cursor) + numberOf(this.#distance, 0);
      start = Math.max(base, input.start);
      if (this.#within !== null) end = Math.min(end, base + numberOf(this.#within, 0));
    } else {
      const base = origin + numberOf(this.#offset, 0);
      start = Math.max(base, input.start);
      if (this.#depth !== null) end = Math.min(end, base + numberOf(this.#depth, 0));
    }
    if (end <= input.start && input.skippedBytes > 0) return GONE;
    if (start < from) start = from;

    const last = end - this.#literal.length;
    if (start > last) return ABSENT;
    if (this.#isAtEnd) return end === input.end && this.#literal.isAt(input.bytes, last) ? last : ABSENT;
    return this.#hasCursorRange
      ? this.#findBeyondClear(input.bytes, start, end)
      : this.#literal.find(input.bytes, start, end);
  }

  /** Backtracking asks again and again from later cursors; each place is still looked at once. */
  #findBeyondClear(bytes: Uint8Array, start: number, end: number): number {
    if (this.#evaluation !== evaluationNumber) {
      this.#evaluation = evaluationNumber;
      this.#clearStart = start;
      this.#clearEnd = start;
    }
    const last = end - this.#literal.length;
    const isConnected = start >= this.#clearStart && start <= this.#clearEnd;
    const from = isConnected ? this.#clearEnd : start;
    if (from > last) return ABSENT;
    const at = this.#literal.find(bytes, from, end);
    if (!isConnected) this.#clearStart = start;
    this.#clearEnd = at < 0 ? last + 1 : at;
    return at;
  }
}

const ABSENT = -1;
/** The bytes in question have left the window: nobody can say. */
const GONE = -2;

/** What must not be in a place that is fixed is not there as soon as that place is. */
function settledBytesOf({ isNegated, isAtEnd, isRelative, offset, depth }: ContentLimits): number {
  if (!isNegated || isAtEnd || isRelative || typeof depth !== 'number') return Number.POSITIVE_INFINITY;
  return offset instanceof ByteVariable ? Number.POSITIVE_INFINITY : (offset ?? 0) + depth;
}

const numberOf = (limit: Limit, otherwise: number): number =>
  limit === null ? otherwise : typeof limit === 'number' ? limit : limit.value;
