import { addon, NativeError, type NativeMatcher, type NativePatternCompiler } from './addon.ts';
import { forNative } from './heap-arrays.ts';

export interface LiteralPattern {
  /** Any bytes, NUL included; neither empty nor longer than MAX_LITERAL_BYTES. Copied. */
  bytes: Uint8Array;
  /** 0 or MATCH_CASELESS. */
  flags: number;
}

/** libhs takes expressions of 16,000 characters, and a byte may take four of them. */
export const MAX_LITERAL_BYTES = 4000;

/** For `LiteralPattern.flags`: ASCII letters match in either case. */
export const MATCH_CASELESS = addon.MATCH_CASELESS;

/** Patterns that libhs does not take. */
export class MatcherError extends NativeError {
  override name = 'MatcherError';
  /** Index of the pattern at fault, null when it is not one alone. */
  readonly pattern: number | null;

  constructor(message: string, pattern: number | null, cause?: unknown) {
    super(message, { cause });
    this.pattern = pattern;
  }
}

/** Searches for many literals at once. Comes from `compile` or `load`. */
export class Matcher {
  /** One element for each pattern. The front holds what the last scan found. */
  readonly results: Uint32Array;
  readonly #native: NativeMatcher;
  readonly #id: number;

  private constructor(native: NativeMatcher) {
    this.#native = native;
    this.#id = native.id;
    this.results = native.results;
  }

  /** One set of patterns, at once. */
  static compile(patterns: readonly LiteralPattern[]): Matcher {
    const compiler = new MatcherCompiler();
    return compiler.finish(compiler.begin(patterns));
  }

  /**
   * Reads what `serialize` made. Damage is noticed by a checksum, malice is not: the bytes must come from ourselves.
   */
  static load(serialized: Uint8Array): Matcher {
    try {
      return new Matcher(new addon.Matcher(serialized));
    } catch (cause) {
      throw new MatcherError(`cannot load a matcher: ${(cause as Error).message}`, null, cause);
    }
  }

  /**
   * Searches bytes[start, end) and returns how many patterns occur in it. Their indexes, each once and in no
   * particular order, are then at the front of `results`, until the next scan.
   */
  scan(bytes: Uint8Array, start: number, end: number): number {
    return this.#native.scan(this.#id, forNative(bytes, start, end), start, end);
  }

  /** A copy that `load` takes in any thread, on processors of the same kind and with the same libhs. */
  serialize(): Uint8Array {
    return this.#native.serialize();
  }

  get databaseBytes(): number {
    return this.#native.databaseBytes;
  }
}

/**
 * Compiles sets of patterns, the larger ones first: in a thread of its own, beside what this thread does, and in this
 * one while it waits. Takes 20 to 120 µs for each pattern. Numbers are those of this compiler.
 */
export class MatcherCompiler {
  readonly #native: NativePatternCompiler = new addon.PatternCompiler();

  /** Returns a number for `finish`. Throws MatcherError for patterns that none can have. */
  begin(patterns: readonly LiteralPattern[]): number {
    const { bytes, ends, flags } = packed(patterns);
    return this.#native.begin(bytes, ends, flags);
  }

  /** Waits for it, if it must. Once for each; throws MatcherError for patterns that libhs does not take. */
  finish(number: number): Matcher {
    return Matcher.load(this.#compiled(number));
  }

  #compiled(number: number): Uint8Array {
    try {
      return this.#native.finish(number);
    } catch (cause) {
      const { message, pattern = -1 } = cause as Error & { pattern?: number };
      const culprit = pattern >= 0 ? pattern : null;
      throw new MatcherError(culprit === null ? message : `pattern ${culprit}: ${message}`, culprit, cause);
    }
  }
}

/** As the addon takes them. */
function packed(patterns: readonly LiteralPattern[]): { bytes: Uint8Array; ends: Uint32Array; flags: Uint32Array } {
  if (patterns.length === 0) throw new MatcherError('a matcher needs at least one pattern', null);
  const ends = new Uint32Array(patterns.length);
  const flags = new Uint32Array(patterns.length);
  let end = 0;
  for (const [i, pattern] of patterns.entries()) {
    const { length } = pattern.bytes;
    if (length === 0) throw new MatcherError(`pattern ${i} is empty`, i);
    if (length > MAX_LITERAL_BYTES) {
      throw new MatcherError(`pattern ${i} has ${length} bytes; the limit is ${MAX_LITERAL_BYTES}`, i);
    }
    if (pattern.flags !== 0 && pattern.flags !== MATCH_CASELESS) {
      throw new MatcherError(`pattern ${i} has unknown flags: ${pattern.flags}`, i);
    }
    end += length;
    ends[i] = end;
    flags[i] = pattern.flags;
  }
  const bytes = new Uint8Array(end);
  for (const [i, pattern] of patterns.entries()) bytes.set(pattern.bytes, ends[i]! - pattern.bytes.length);
  return { bytes, ends, flags };
}
