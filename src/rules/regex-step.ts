import type { Regex } from '../base/native/regex.ts';
import type { CapturedGroups } from './captures.ts';
import { mayScan, noteRegexLimit, noteRegexWork } from './evaluate.ts';
import type { Inspected, Step } from './rule.ts';

/** pcre.match-limit and pcre.match-limit-recursion of Suricata's stock suricata.yaml. */
export const REGEX_LIMITS = { matchLimit: 3500, depthLimit: 1500 } as const;

/** `pcre`. A relative one sees nothing before the cursor: `^` matches there. */
export class RegexStep implements Step {
  matchStart = -1;
  readonly isRelative: boolean;
  readonly needsEnd: boolean;
  readonly #regex: Regex;
  readonly #isNegated: boolean;
  readonly #captured: CapturedGroups | null;

  /** `captured`: where what its groups match is kept. */
  constructor(
    regex: Regex,
    isRelative: boolean,
    isNegated: boolean,
    needsEnd: boolean,
    captured: CapturedGroups | null,
  ) {
    this.#captured = captured;
    this.#regex = regex;
    this.isRelative = isRelative;
    this.needsEnd = needsEnd;
    this.#isNegated = isNegated;
  }

  find(input: Inspected, cursor: number, from: number): number {
    const start = this.isRelative ? cursor : input.start;
    const searchFrom = Math.max(from, start);
    if (searchFrom > input.end || !mayScan(input.end - searchFrom)) return -1;
    const groups = this.#regex.match(input.bytes, start, input.end, searchFrom);
    noteRegexWork(this.#regex.work);
    if (groups < 0) {
      noteRegexLimit();
      return -1;
    }
    if (this.#isNegated) return groups === 0 ? cursor : -1;
    if (groups === 0) return -1;
    this.#captured?.take(input.bytes, this.#regex.groups);
    this.matchStart = this.#regex.groups[0]!;
    return this.#regex.groups[1]!;
  }
}
