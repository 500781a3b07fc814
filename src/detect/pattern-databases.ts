import { createHash } from 'node:crypto';
import { type LiteralPattern, Matcher, MatcherError } from '../base/native/matcher.ts';

/** Serialized databases by what they search for. */
export type SerializedDatabases = ReadonlyMap<string, Uint8Array>;

/** Searches by what they search for. */
export type MatcherOf = (key: string) => Matcher;

/** The pattern searches of one rule set. */
export class PatternDatabases {
  readonly #known: SerializedDatabases;
  readonly #matchers = new Map<string, Matcher>();

  /** `known`: what was compiled before, and need not be again. It is read until the last call of `add`. */
  constructor(known: SerializedDatabases = new Map()) {
    this.#known = known;
  }

  /** Compiles what is not known, which takes libhs up to 40 µs a pattern at one go. Returns the key of the search. */
  add(patterns: readonly LiteralPattern[]): string {
    const key = keyOf(patterns);
    if (!this.#matchers.has(key)) this.#matchers.set(key, this.#loaded(key) ?? Matcher.compile(patterns));
    return key;
  }

  /** Of what was added. */
  readonly matcher: MatcherOf = (key) => this.#matchers.get(key)!;

  serialize(): SerializedDatabases {
    return new Map([...this.#matchers].map(([key, matcher]) => [key, matcher.serialize()]));
  }

  /** Null: it is not known, or of another processor or version of libhs. */
  #loaded(key: string): Matcher | null {
    const serialized = this.#known.get(key);
    if (serialized === undefined) return null;
    try {
      return Matcher.load(serialized);
    } catch (error) {
      if (error instanceof MatcherError) return null;
      throw error;
    }
  }
}

/** A digest of what they search for, in base64. */
function keyOf(patterns: readonly LiteralPattern[]): string {
  const hash = createHash('sha256');
  const head = new Uint32Array(2);
  for (const { bytes, flags } of patterns) {
    head[0] = bytes.length;
    head[1] = flags;
    hash.update(new Uint8Array(head.buffer)).update(bytes);
  }
  return hash.digest('base64');
}
