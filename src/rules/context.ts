import { STAGE } from '../app/protocol.ts';
import { Regex, RegexError } from '../base/native/regex.ts';
import type { Dataset } from './dataset.ts';
import type { BufferChoice } from './draft.ts';
import type { RuleEnvironment } from './environment.ts';
import { HeaderSets } from './header-sets.ts';
import { REGEX_LIMITS } from './regex-step.ts';
import type { Transform } from './transforms.ts';
import { commaSeparated } from './values.ts';

/** What all rules of one compilation share. */
export class CompileContext {
  readonly environment: RuleEnvironment;
  readonly headerSets: HeaderSets;
  /** Names and aliases to the buffers of that name, one for each protocol. */
  readonly buffersByName: ReadonlyMap<string, readonly BufferChoice[]>;
  readonly #datasets = new Map<string, Dataset>();
  #usesData = false;
  readonly #transformed = new Map<BufferChoice, Map<string, BufferChoice>>();
  readonly #metadata = new Map<string, Readonly<Record<string, readonly string[]>>>();
  readonly #regexes = new Map<string, Regex | RegexError>();

  constructor(environment: RuleEnvironment) {
    const noted = (read: RuleEnvironment['fileText']): RuleEnvironment['fileText'] => {
      return (ruleFile, name) => {
        this.#usesData = true;
        return read(ruleFile, name);
      };
    };
    this.environment = {
      ...environment,
      fileText: noted(environment.fileText),
      keptText: noted(environment.keptText),
    };
    this.headerSets = new HeaderSets(environment.variables);
    this.buffersByName = indexBuffers(environment.buffers);
  }

  /** By name. Each compilation begins with what their files say. */
  get datasets(): Map<string, Dataset> {
    this.#usesData = true;
    return this.#datasets;
  }

  /** Since the last call, were sets of values or files asked for? */
  takeDataUse(): boolean {
    const usesData = this.#usesData;
    this.#usesData = false;
    return usesData;
  }

  /** The same buffer through the same transform is one buffer, which is searched once for all rules. */
  transformed(from: BufferChoice, key: string, make: () => Transform): BufferChoice {
    const known = this.#transformed.get(from) ?? new Map<string, BufferChoice>();
    this.#transformed.set(from, known);
    const choice = known.get(key) ?? transformedBuffer(from, key, make());
    known.set(key, choice);
    return choice;
  }

  /** Rules that say the same share it: most of a large set. */
  metadata(text: string): Readonly<Record<string, readonly string[]>> {
    const known = this.#metadata.get(text) ?? readMetadata(text);
    this.#metadata.set(text, known);
    return known;
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

function readMetadata(text: string): Readonly<Record<string, readonly string[]>> {
  const metadata = Object.create(null) as Record<string, string[]>;
  for (const entry of commaSeparated(text)) {
    const blank = entry.search(/\s/);
    // Suricata keeps no key without a value.
    if (blank < 0) continue;
    const key = entry.slice(0, blank);
    const value = entry.slice(blank).trim();
    const list = metadata[key];
    if (list === undefined) metadata[key] = [value];
    else list.push(value);
  }
  return metadata;
}

/** What grows is transformed when it is complete: a digest, for one, does not keep its beginning. */
function transformedBuffer({ protocol, definition }: BufferChoice, key: string, transform: Transform): BufferChoice {
  const { name, summary, direction, stage, isRepeated = false } = definition;
  return {
    protocol,
    definition: {
      name: `${name} ${key}`,
      summary,
      direction,
      stage: stage === STAGE.body ? STAGE.complete : stage,
      isRepeated,
      read: (transaction, way, nth) => {
        const bytes = definition.read(transaction, way, nth);
        return bytes === null ? null : transform(bytes);
      },
    },
  };
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
