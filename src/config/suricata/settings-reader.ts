import { ORDERED_ACTIONS, type OrderedAction } from '../config.ts';
import type { ConfigProblem } from '../problem.ts';
import type { YamlFile } from '../yaml-file.ts';

/** Reads values by their path and remembers which ones it read. A value of the wrong form becomes a problem. */
export class SettingsReader {
  readonly yaml: YamlFile;
  readonly #problems: ConfigProblem[];
  readonly #read = new Set<string>();

  constructor(yaml: YamlFile, problems: ConfigProblem[]) {
    this.yaml = yaml;
    this.#problems = problems;
  }

  text(path: readonly string[], convert: (text: string) => string | undefined): string | undefined {
    return this.#value(path, 'text', (value) => (typeof value === 'string' ? convert(value) : undefined));
  }

  flag(path: readonly string[]): boolean | undefined {
    return this.#value(path, 'yes or no', (value) => {
      if (typeof value === 'boolean') return value;
      if (value === 'true' || value === 'yes') return true;
      return value === 'false' || value === 'no' ? false : undefined;
    });
  }

  whole(path: readonly string[]): number | undefined {
    return this.#value(path, 'a whole number', (value) =>
      Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined,
    );
  }

  positive(path: readonly string[]): number | undefined {
    return this.#value(path, 'a whole number above 0', (value) =>
      Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : undefined,
    );
  }

  size(path: readonly string[]): number | undefined {
    return this.#value(path, 'a size such as 64mb', parseSuricataSize);
  }

  oneOf<T extends string>(path: readonly string[], words: readonly T[]): T | undefined {
    return this.#value(path, `one of ${words.join(', ')}`, (value) => words.find((word) => word === value));
  }

  /** The names in a part, which is not taken for read by that. */
  keys(path: readonly string[]): readonly string[] {
    const value = this.#at(path);
    return isMapping(value) ? Object.keys(value) : [];
  }

  /** One text or a list of them. */
  strings(path: readonly string[]): readonly string[] {
    const isText = (value: unknown): value is string => typeof value === 'string';
    const texts = this.#value(path, 'a list of names', (value) => {
      const list = Array.isArray(value) ? value : [value];
      return list.every(isText) ? list : undefined;
    });
    return texts ?? [];
  }

  variables(path: readonly string[]): Readonly<Record<string, string>> {
    const form = /^[A-Za-z][A-Za-z0-9_-]*$/;
    const variables = this.#value(path, 'names with a value each', (value) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
      const entries = Object.entries(value).map(([name, text]): [string, string] => [name, variableText(text)]);
      return entries.every(([name, text]) => form.test(name) && text !== '') ? Object.fromEntries(entries) : undefined;
    });
    return variables ?? {};
  }

  actionOrder(path: readonly string[]): readonly OrderedAction[] | undefined {
    return this.#value(path, `a list of ${ORDERED_ACTIONS.join(', ')}`, (value) => {
      if (!Array.isArray(value) || value.length !== ORDERED_ACTIONS.length) return undefined;
      return ORDERED_ACTIONS.every((action) => value.includes(action)) ? (value as OrderedAction[]) : undefined;
    });
  }

  /** The largest parts of the file in which nothing was read. */
  leftOver(): readonly string[] {
    const found: string[] = [];
    const visit = (value: unknown, path: readonly string[]): void => {
      const key = path.join('.');
      if (this.#read.has(key)) return;
      const isEntered = path.length === 0 || [...this.#read].some((read) => read.startsWith(`${key}.`));
      if (!isEntered) found.push(key);
      else if (isMapping(value)) for (const [name, child] of Object.entries(value)) visit(child, [...path, name]);
    };
    visit(this.yaml.value, []);
    return found;
  }

  #at(path: readonly string[]): unknown {
    let value: unknown = this.yaml.value;
    for (const step of path) value = isMapping(value) && Object.hasOwn(value, step) ? value[step] : undefined;
    return value;
  }

  #value<T>(path: readonly string[], expected: string, parse: (value: unknown) => T | undefined): T | undefined {
    const value = this.#at(path);
    // Suricata treats a key without a value as not there.
    if (value === undefined || value === null) return undefined;
    this.#read.add(path.join('.'));
    const parsed = parse(value);
    if (parsed === undefined) this.#problems.push(this.yaml.valueProblem(path, `expected ${expected}`));
    return parsed;
  }
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const variableText = (value: unknown): string =>
  Array.isArray(value) ? `[${value.join(',')}]` : value === null || typeof value === 'object' ? '' : String(value);

/** `100kb`, `64 MB`, from version 8 on `1 GiB` too; all are units of 1024. A plain number is bytes. */
function parseSuricataSize(value: unknown): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmg])i?b)?$/i.exec(String(value).trim());
  if (match === null) return undefined;
  const factor = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[match[2]?.toLowerCase() ?? ''] ?? 1;
  return Math.floor(Number(match[1]) * factor);
}
