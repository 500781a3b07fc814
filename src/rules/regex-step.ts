import type { Regex } from '../base/native/regex.ts';
import type { CapturedGroups } from './captures.ts';
import { mayScan, noteRegexLimit } from './evaluate.ts';
import type { Inspected, Step } from './rule.ts';

/** pcre.match-limit and pcre.match-limit-recursion of Suricata's stock suricata.yaml. */
export const REGEX_LIMITS = { matchLimit: 3500, depthLimit: 1500 } as const;

/** What of an expression depends on how a buffer goes on. */
export const END_USE = {
  none: 0,
  /** `\b`: whether it holds at the end of what is there says the next byte. */
  ofMatch: 1,
  /** All that follows may matter. */
  ofBuffer: 2,
} as const;
export type EndUse = (typeof END_USE)[keyof typeof END_USE];

/** `pattern` has compiled. Where in doubt, it is told to depend on more than it does. */
export function endUseOf(pattern: string): EndUse {
  const special = pattern.replace(LITERALS, '');
  if (/\$|\\[zZ]|\(\?!/.test(special)) return END_USE.ofBuffer;
  if (!/\\[bB]/.test(special)) return END_USE.none;
  // One that looks ahead sees beyond the end of its match.
  return special.includes('(?=') ? END_USE.ofBuffer : END_USE.ofMatch;
}

/** Quoted text, classes and escapes other than those of places. */
const LITERALS = /\\Q.*?(?:\\E|$)|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|\\[^zZbB]/gs;

export interface RegexUse {
  readonly isRelative: boolean;
  readonly isNegated: boolean;
  readonly isAnchored: boolean;
  readonly endUse: EndUse;
  /** Where what its groups match is kept; null: nowhere. */
  readonly captured: CapturedGroups | null;
}

/** `pcre`. A relative one sees nothing before the cursor: `^` matches there. */
export class RegexStep implements Step {
  matchStart = -1;
  readonly isRelative: boolean;
  readonly needsEnd: boolean;
  readonly #regex: Regex;
  readonly #isNegated: boolean;
  readonly #isAnchored: boolean;
  readonly #endsWithWord: boolean;
  readonly #captured: CapturedGroups | null;

  constructor(regex: Regex, { isRelative, isNegated, isAnchored, endUse, captured }: RegexUse) {
    this.#regex = regex;
    this.isRelative = isRelative;
    this.needsEnd = isNegated || endUse === END_USE.ofBuffer;
    this.#isNegated = isNegated;
    this.#isAnchored = isAnchored;
    this.#endsWithWord = endUse === END_USE.ofMatch;
    this.#captured = captured;
  }

  find(input: Inspected, cursor: number, from: number): number {
    let start = this.isRelative ? cursor : input.start;
    let searchFrom = Math.max(from, start);
    // Where the stream's start has left the window, that of the window is not the one that `^` means.
    if (input.skippedBytes > 0 && start === input.start) {
      if (this.#isAnchored) return -1;
      if (start > 0) start--;
      else searchFrom = Math.max(searchFrom, start + 1);
    }
    if (searchFrom > input.end || !mayScan(input.end - searchFrom)) return -1;
    const groups = this.#regex.match(input.bytes, start, input.end, searchFrom);
    if (groups < 0) {
      noteRegexLimit();
      return -1;
    }
    if (this.#isNegated) return groups === 0 ? cursor : -1;
    if (groups === 0) return -1;
    const end = this.#regex.groups[1]!;
    if (this.#endsWithWord && end === input.end && input.mayGrow === true) return -1;
    this.#captured?.take(input.bytes, this.#regex.groups);
    this.matchStart = this.#regex.groups[0]!;
    return end;
  }
}
