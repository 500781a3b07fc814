import { type Document, isMap, isScalar, LineCounter, type Pair, parseDocument } from 'yaml';
import { readTextFile } from '../base/whole-file.ts';
import { type ConfigProblem, reasonOf } from './problem.ts';

type Path = readonly PropertyKey[];

export type YamlVersion = '1.1' | '1.2';

/** A YAML file that can say where each of its values stands. */
export class YamlFile {
  /** As the user named it. */
  readonly file: string;
  /** What was wrong with the file itself. `value` is undefined then. */
  readonly problems: readonly ConfigProblem[];
  readonly value: unknown;
  readonly #document: Document.Parsed | null;
  readonly #lines: LineCounter;

  private constructor(file: string, document: Document.Parsed | null, lines: LineCounter, problems: ConfigProblem[]) {
    this.file = file;
    this.problems = problems;
    this.#document = document;
    this.#lines = lines;
    this.value = problems.length > 0 ? undefined : document?.toJS();
  }

  /** `file` is what problems call it. Version 1.1 is what Suricata reads: there, `yes` and `no` are truth values. */
  static read(path: string, file: string, version: YamlVersion = '1.2'): YamlFile {
    try {
      return YamlFile.parse(readTextFile(path), file, version);
    } catch (error) {
      const message = `cannot be read: ${reasonOf(error)}`;
      return new YamlFile(file, null, new LineCounter(), [{ file, line: 0, column: 0, key: '', message }]);
    }
  }

  static parse(text: string, file: string, version: YamlVersion = '1.2'): YamlFile {
    const lines = new LineCounter();
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      logLevel: 'error',
      version,
      // Suricata lets a key stand twice.
      uniqueKeys: version === '1.2',
    });
    const problems = document.errors.map((error) => {
      const { line, col } = lines.linePos(error.pos[0]);
      return { file, line, column: col, key: '', message: firstLower(error.message) };
    });
    return new YamlFile(file, document, lines, problems);
  }

  /** A problem with the value at `path`, which is shown with it. */
  valueProblem(path: Path, message: string): ConfigProblem {
    const found = describeValue(this.#document?.getIn(path));
    return this.#problem(path, `${message}, found ${found}`, false);
  }

  /** A problem with the last key of `path`, whatever its value is. */
  keyProblem(path: Path, message: string): ConfigProblem {
    return this.#problem(path, message, true);
  }

  #problem(path: Path, message: string, isAboutKey: boolean): ConfigProblem {
    const { line, col } = this.#lines.linePos(this.#offset(path, isAboutKey));
    return { file: this.file, line, column: col, key: path.map(String).join('.'), message };
  }

  /** Where the nearest thing stands that is really there: a value may be missing. */
  #offset(path: Path, isAboutKey: boolean): number {
    const pair = this.#pairAt(path);
    const keyOffset = pair !== null && isScalar(pair.key) ? pair.key.range?.[0] : undefined;
    if (isAboutKey && keyOffset !== undefined) return keyOffset;

    const node = this.#document?.getIn(path, true) as { range?: readonly number[] | null } | undefined;
    const isEmpty = isScalar(node) && node.source === '';
    if (node?.range != null && !isEmpty) return node.range[0]!;
    if (keyOffset !== undefined) return keyOffset;
    return path.length === 0 ? 0 : this.#offset(path.slice(0, -1), false);
  }

  #pairAt(path: Path): Pair | null {
    if (path.length === 0) return null;
    const parent = path.length === 1 ? this.#document?.contents : this.#document?.getIn(path.slice(0, -1), true);
    if (!isMap(parent)) return null;
    const name = String(path.at(-1));
    return parent.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === name) ?? null;
  }
}

const MAX_SHOWN_CHARACTERS = 60;

function describeValue(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (typeof value === 'object') return 'items' in value && isMap(value) ? 'a block of keys' : 'a list';
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return shown.length <= MAX_SHOWN_CHARACTERS ? shown : `${shown.slice(0, MAX_SHOWN_CHARACTERS)}...`;
}

const firstLower = (sentence: string): string => sentence.charAt(0).toLowerCase() + sentence.slice(1);
