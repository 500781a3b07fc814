import { RuleFault } from '../fault.ts';
import type { RuleDiagnostic } from '../rule.ts';
import { parseMatcher, type RuleMatcher } from './matcher.ts';
import { SearchPattern } from './pattern.ts';

export const LIST_NAMES = ['disable', 'enable', 'drop', 'modify'] as const;
/** In the order in which they are applied, which is suricata-update's. */
export type ListName = (typeof LIST_NAMES)[number];

export interface ListText {
  readonly file: string;
  readonly text: string;
}

/** One line of a list. */
export interface ListEntry {
  readonly file: string;
  readonly line: number;
  /** As written. */
  readonly text: string;
  readonly matcher: RuleMatcher;
}

/** A line of modify.conf. */
export interface Modification extends ListEntry {
  /** What becomes of the rule, which begins with `# ` where it is not in force. */
  readonly change: (rule: string) => string;
}

/** Reads enable.conf, disable.conf or drop.conf. */
export const parseMatchers = (list: ListText, problems: RuleDiagnostic[]): ListEntry[] =>
  parseEntries(list, problems, (text, column) => ({ matcher: parseMatcher(text, column) }));

/** Reads modify.conf: a matcher, what is looked for, and what comes instead; also `modifysid` and `metadata-add`. */
export const parseModifications = (list: ListText, problems: RuleDiagnostic[]): Modification[] =>
  parseEntries(list, problems, modificationOf);

function parseEntries<T>(
  { file, text: whole }: ListText,
  problems: RuleDiagnostic[],
  parse: (text: string, column: number) => T,
): (T & { file: string; line: number; text: string })[] {
  return whole.split(/\r?\n/).flatMap((raw, index) => {
    const column = raw.length - raw.trimStart().length + 1;
    // As in suricata-update: what stands behind " #" is a remark.
    const text = raw.trim().replace(/ #.*$/s, '').trimEnd();
    if (text === '' || text.startsWith('#')) return [];
    const line = index + 1;
    try {
      return [{ ...parse(text, column), file, line, text }];
    } catch (error) {
      if (!(error instanceof RuleFault)) throw error;
      problems.push(listProblem(file, line, error.at ?? column, 'error', null, error.message));
      return [];
    }
  });
}

export const listProblem = (
  file: string,
  line: number,
  column: number,
  severity: RuleDiagnostic['severity'],
  name: string | null,
  message: string,
): RuleDiagnostic => ({ file, line, column, severity, name, keyword: null, sid: null, message });

function modificationOf(text: string, column: number): { matcher: RuleMatcher; change: Modification['change'] } {
  const words = shellWords(text, column);
  const [first] = words;
  if (first?.text === 'metadata-add') {
    const [, match, key, value, ...more] = words;
    if (match === undefined || key === undefined || value === undefined || more.length > 0) {
      throw new RuleFault('metadata-add takes a matcher, a key and a value', column);
    }
    return {
      matcher: parseMatcher(match.text, match.at),
      change: (rule) => rule.replace(/;\s*\)\s*$/, () => `; metadata:${key.text} ${value.text};)`),
    };
  }
  // Oinkmaster: modifysid 2019401 "from" | "to"
  const isOinkmaster = first?.text === 'modifysid' && words[3]?.text === '|';
  const [match, from, to, ...more] = isOinkmaster ? [...words.slice(1, 3), ...words.slice(4)] : words;
  if (match === undefined || from === undefined || to === undefined || more.length > 0) {
    throw new RuleFault('expected a matcher, a regular expression and a replacement; quote what has blanks', column);
  }
  const pattern = new SearchPattern(from.text, false, from.at);
  return { matcher: parseMatcher(match.text, match.at), change: (rule) => pattern.replaceIn(rule, to.text) };
}

/** Words as a POSIX shell splits them; `at` counts from `column`. */
function shellWords(text: string, column: number): { readonly text: string; readonly at: number }[] {
  const words: { text: string; at: number }[] = [];
  const form = /(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\])+|\S/gs;
  for (const { 0: word, index } of text.matchAll(form)) {
    if (/^["'\\]$/.test(word)) throw new RuleFault(`${word} without its end`, column + index);
    const plain = word.replace(
      /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/gs,
      (_, double: string | undefined, single: string | undefined, escaped: string) =>
        double?.replace(/\\(["\\])/g, '$1') ?? single ?? escaped,
    );
    words.push({ text: plain, at: column + index + (/^["']/.test(word) ? 1 : 0) });
  }
  return words;
}
