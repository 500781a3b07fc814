import { Regex, RegexError } from '../base/native/regex.ts';
import type { BufferChoice } from './draft.ts';
import type { RuleEnvironment } from './environment.ts';
import { HeaderSets } from './header-sets.ts';
import { REGEX_LIMITS } from './regex-step.ts';

/** What all rules of one compilation share. */
export class CompileContext {
  readonly environment: RuleEnvironment;
  readonly headerSets: HeaderSets;
  /** Names and aliases to the buffers of that name, one for each protocol. */
  readonly buffersByName: ReadonlyMap<string, readonly BufferChoice[]>;
  readonly #regexes = new Map<string, Regex | RegexError>();

  constructor(environment: RuleEnvironment) {
    this.environment = environment;
    this.headerSets = new HeaderSets(environment.variables);
    this.buffersByName = indexBuffers(environment.buffers);
  }

  /** The same pattern with the same flags is compiled once. */
  regex(pattern: Uint8Array, flags: number): Regex | RegexError {
    const key = `${flags}/${Buffer.from(pattern).toString('latin1')}`;
    let regex = this.#regexes.get(key);
    if (regex === undefined) {
      try {
        regex = new Regex(pattern, flags, REGEX_LIMITS);
      } catch (error) {
        if (!(error instanceof RegexError)) throw error;
        regex = error;
      }
      this.#regexes.set(key, regex);
    }
    return regex;
  }
}

function indexBuffers(buffers: readonly BufferChoice[]): ReadonlyMap<string, readonly BufferChoice[]> {
  const byName = new Map<string, BufferChoice[]>();
  for (const choice of buffers) {
    for (const name of new Set([choice.definition.name, ...(choice.definition.aliases ?? [])])) {
      const choices = byName.get(name) ?? [];
      if (choices.some((other) => other.protocol === choice.protocol)) {
        throw new Error(`${choice.protocol} has two buffers named ${name}`);
      }
      byName.set(name, [...choices, choice]);
    }
  }
  return byName;
}
