import { createHash } from 'node:crypto';
import { type LiteralPattern, Matcher } from '../base/native/matcher.ts';

/** Makes the search for a list of patterns. */
export type MakeMatcher = (patterns: readonly LiteralPattern[]) => Matcher;

/** Serialized databases by what they search for, in memory that threads share. */
export type PatternDatabases = ReadonlyMap<string, SharedArrayBuffer>;

/** Compiles, which takes libhs up to 40 µs a pattern at one go, and keeps the result for other threads. */
export function keepingIn(databases: Map<string, SharedArrayBuffer>): MakeMatcher {
  return (patterns) => {
    const matcher = Matcher.compile(patterns);
    const serialized = matcher.serialize();
    const memory = new SharedArrayBuffer(serialized.length);
    new Uint8Array(memory).set(serialized);
    databases.set(keyOf(patterns), memory);
    return matcher;
  };
}

/** Takes what another thread has compiled; only what is not among it is compiled here. */
export function takingFrom(databases: PatternDatabases): MakeMatcher {
  return (patterns) => {
    const memory = databases.get(keyOf(patterns));
    return memory === undefined ? Matcher.compile(patterns) : Matcher.load(new Uint8Array(memory));
  };
}

/** A digest of what they search for, in base64. */
export function keyOf(patterns: readonly LiteralPattern[]): string {
  const hash = createHash('sha256');
  const head = new Uint32Array(2);
  for (const { bytes, flags } of patterns) {
    head[0] = bytes.length;
    head[1] = flags;
    hash.update(new Uint8Array(head.buffer)).update(bytes);
  }
  return hash.digest('base64');
}
