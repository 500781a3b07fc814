import { createHash } from 'node:crypto';
import { type LiteralPattern, Matcher, MatcherCompiler, MatcherError } from '../base/native/matcher.ts';

/** Serialized databases by what they search for. */
export type SerializedDatabases = ReadonlyMap<string, Uint8Array>;

/** Searches by what they search for. */
export type MatcherOf = (key: string) => Matcher;

/** The pattern searches of one rule set. */
export class PatternDatabases {
  readonly #known: SerializedDatabases;
  readonly #compiler = new MatcherCompiler();
  /** What is being compiled, by the compiler's number. */
  readonly #pending = new Map<string, number>();
  readonly #matchers = new Map<string, Matcher>();

  /** `known`: what was compiled before, and need not be again. It is read until the last call of `add`. */
  constructor(known: SerializedDatabases = new Map()) {
    this.#known = known;
  }

  /** Begins to compile what is not known, beside what this thread goes on with. Returns the key of the search. */
  add(patterns: readonly LiteralPattern[]): string {
    const key = keyOf(patterns);
    if (this.#matchers.has(key) || this.#pending.has(key)) return key;
    const loaded = this.#loaded(key);
    if (loaded === null) this.#pending.set(key, this.#compiler.begin(patterns));
    else this.#matchers.set(key, loaded);
    return key;
  }

  /** Of what was added; waits where that is being compiled. */
  readonly matcher: MatcherOf = (key) => {
    const number = this.#pending.get(key);
    if (number !== undefined) {
      this.#matchers.set(key, this.#compiler.finish(number));
      this.#pending.delete(key);
    }
    return this.#matchers.get(key)!;
  };

  serialize(): SerializedDatabases {
    const keys = [...this.#matchers.keys(), ...this.#pending.keys()];
    return new Map(keys.map((key) => [key, this.matcher(key).serialize()]));
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
