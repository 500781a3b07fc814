import { addon, checkInteger, NativeError, type NativeRegex } from './addon.ts';
import { forNative } from './heap-arrays.ts';

export interface RegexLimits {
  /**
   * PCRE2's match limit for each start position. JIT code counts less finely than the interpreter. All start positions
   * together are given some twenty milliseconds and 0.1 us a byte, beyond which a match ends in MATCH_LIMIT as well.
   */
  matchLimit: number;
  /** Nested backtracking; only the interpreter heeds it, JIT code has a stack of 512 KiB instead. */
  depthLimit: number;
}

/** PCRE2_* compile options, to be combined with |. */
export const REGEX_FLAG = addon.regexFlags;
/** What `Regex.match` returns when it could not finish. All negative; the subject may or may not match. */
export const REGEX_ERROR = addon.regexErrors;

export const REGEX_UNSET = 0xffff_ffff;

/** PCRE2 does not take the pattern. */
export class RegexError extends NativeError {
  override name = 'RegexError';
  /** Offset in the pattern, in bytes. */
  readonly offset: number;

  constructor(message: string, offset: number, cause: unknown) {
    super(message, { cause });
    this.offset = offset;
  }
}

/** One PCRE2 pattern over bytes: never UTF-8, and a character class sees one byte. */
export class Regex {
  /**
   * Start and end of the whole match, then of each group, as offsets in the `bytes` of the last `match` that matched.
   * REGEX_UNSET for a group that took no part.
   */
  readonly groups: Uint32Array;
  readonly #groupsAndWork: Uint32Array;
  readonly #native: NativeRegex;
  readonly #id: number;

  /** A pattern given as a string is taken as latin1, one byte a character. */
  constructor(pattern: Uint8Array | string, flags: number, limits: RegexLimits) {
    const native = compileRegex(pattern, flags, limits);
    this.#groupsAndWork = native.groups;
    this.groups = native.groups.subarray(0, -1);
    this.#native = native;
    this.#id = native.id;
  }

  /** What the last `match` has cost, in nanoseconds, roughly, beyond looking where it may begin. */
  get work(): number {
    return this.#groupsAndWork[this.groups.length]!;
  }

  /** False where the interpreter does the work: JIT is not available or cannot do this pattern. */
  get isJit(): boolean {
    return this.#native.isJit;
  }

  /**
   * Searches bytes[start, end) from offset `from` on; lookbehind and `^` see `start`. Returns 0 for no match, one more
   * than the number of the highest group that is set for a match, or one of REGEX_ERROR, which are negative.
   */
  match(bytes: Uint8Array, start: number, end: number, from: number): number {
    return this.#native.match(this.#id, forNative(bytes, start, end), start, end, from);
  }
}

function compileRegex(pattern: Uint8Array | string, flags: number, limits: RegexLimits): NativeRegex {
  checkInteger('flags', flags, 0, 0xffff_ffff);
  checkInteger('matchLimit', limits.matchLimit, 1, 0xffff_ffff);
  checkInteger('depthLimit', limits.depthLimit, 1, 0xffff_ffff);
  const bytes = typeof pattern === 'string' ? latin1Bytes(pattern) : pattern;
  try {
    return new addon.Regex(bytes, flags, limits.matchLimit, limits.depthLimit);
  } catch (cause) {
    const { message, offset } = cause as Error & { offset?: number };
    throw offset === undefined ? cause : new RegexError(message, offset, cause);
  }
}

function latin1Bytes(text: string): Uint8Array {
  const wide = /[^\0-\xff]/.exec(text);
  if (wide !== null) throw new RangeError(`the pattern has a character beyond latin1 at ${wide.index}`);
  return Buffer.from(text, 'latin1');
}
