import { logicalLines } from '../lexer.ts';
import type { RuleDiagnostic } from '../rule.ts';
import { FlowbitNeeds } from './flowbit-needs.ts';
import {
  type ListEntry,
  type ListName,
  type ListText,
  listProblem,
  parseMatchers,
  parseModifications,
} from './lists.ts';
import { optionsNamed, type SourceRule, sourceRule, sourceRules } from './source-rule.ts';

/** What lists did to a rule, and which line of them. */
export interface RuleChange {
  readonly gid: number;
  readonly sid: number;
  /** Where the rule stands. */
  readonly file: string;
  readonly line: number;
  /** `needed`: it was not in force, and one that is needs the flowbit that it sets. */
  readonly kind: 'disabled' | 'enabled' | 'dropped' | 'modified' | 'needed';
  /** `disable.conf:3: group:emerging-dos.rules`, or the name of the flowbit. */
  readonly reason: string;
}

export interface Selection {
  /** The files with the changes in them: every rule stands on the line on which it stood. */
  readonly files: readonly ListText[];
  readonly changes: readonly RuleChange[];
  readonly problems: readonly RuleDiagnostic[];
}

/**
 * Chooses and changes rules as suricata-update does: disables, enables and makes `drop` of each rule what its lists name,
 * applies modify.conf line by line, and puts back into force, without alerts, what sets a flowbit that is asked for.
 */
export function selectRules(
  files: readonly ListText[],
  lists: Readonly<Partial<Record<ListName, ListText>>>,
): Selection {
  // Without lists, only rules with flowbits can change.
  const hasLists = Object.keys(lists).length > 0;
  const selector = new Selector(files, (rule) => hasLists || rule.includes('flowbits'));
  const problems: RuleDiagnostic[] = [];
  const entries = (name: 'disable' | 'enable' | 'drop'): Entries =>
    new Entries(lists[name] === undefined ? [] : parseMatchers(lists[name], problems));
  const [disable, enable, drop] = [entries('disable'), entries('enable'), entries('drop')];
  for (const choice of selector.choices) {
    const disabling = disable.match(choice.rule);
    if (disabling !== null && choice.rule.isEnabled)
      selector.setEnabled(choice, false, 'disabled', reasonOf(disabling));
    const enabling = enable.match(choice.rule);
    if (enabling !== null && !choice.rule.isEnabled) selector.setEnabled(choice, true, 'enabled', reasonOf(enabling));
    const dropping = drop.match(choice.rule);
    if (dropping !== null && !isSilent(choice.rule)) {
      selector.setText(choice, asDrop(choice.rule.text), 'dropped', reasonOf(dropping));
    }
  }
  const modifications = lists.modify === undefined ? [] : parseModifications(lists.modify, problems);
  for (const modification of modifications) {
    const matching = selector.choices.filter(({ rule }) => modification.matcher.matches(rule));
    if (matching.length === 0) problems.push(unmatched(modification));
    for (const choice of matching) {
      const { rule } = choice;
      const before = rule.isEnabled ? rule.text : `# ${rule.text}`;
      const after = modification.change(before);
      if (after === before || selector.replace(choice, after, reasonOf(modification))) continue;
      const message = `${rule.gid}:${rule.sid} would be no rule any more, and stays as it is: ${after.slice(0, 80)}`;
      problems.push(listProblem(modification.file, modification.line, 1, 'error', null, message));
    }
  }
  selector.enableNeeded();
  for (const list of [disable, enable, drop]) problems.push(...list.unmatched.map(unmatched));
  return { files: selector.files(), changes: selector.changes, problems };
}

const reasonOf = ({ file, line, text }: ListEntry): string => `${file}:${line}: ${text}`;

const unmatched = ({ file, line, text }: ListEntry): RuleDiagnostic =>
  listProblem(file, line, 1, 'warning', 'unmatched-line', `no rule matches ${text}`);

/** What stands behind the action stays where it is. */
const asDrop = (text: string): string => text.replace(/^\w+/, (action) => 'drop'.padEnd(action.length));

const isSilent = ({ parsed }: SourceRule): boolean =>
  parsed.options.some(({ name }) => name.text === 'noalert') ||
  optionsNamed(parsed, 'flowbits').some((value) => value.trim() === 'noalert');

/** The lines of one list; those that go by number are looked up. */
class Entries {
  readonly #byId = new Map<string, ListEntry[]>();
  readonly #others: ListEntry[] = [];
  readonly #unmatched: Set<ListEntry>;

  constructor(entries: readonly ListEntry[]) {
    this.#unmatched = new Set(entries);
    for (const entry of entries) {
      if (entry.matcher.ids === null) this.#others.push(entry);
      for (const id of entry.matcher.ids ?? []) this.#byId.set(id, [...(this.#byId.get(id) ?? []), entry]);
    }
  }

  get unmatched(): readonly ListEntry[] {
    return [...this.#unmatched];
  }

  /** The first line that means the rule. */
  match(rule: SourceRule): ListEntry | null {
    let first: ListEntry | null = null;
    for (const entry of [...(this.#byId.get(`${rule.gid}:${rule.sid}`) ?? []), ...this.#others]) {
      if (first !== null && !this.#unmatched.has(entry)) continue;
      if (!entry.matcher.matches(rule)) continue;
      this.#unmatched.delete(entry);
      first ??= entry;
    }
    return first;
  }
}

/** A rule as it was and as it is to be. */
interface Choice {
  readonly original: SourceRule;
  rule: SourceRule;
}

class Selector {
  readonly choices: readonly Choice[];
  readonly changes: RuleChange[] = [];
  readonly #files: readonly ListText[];

  constructor(files: readonly ListText[], isWanted: (rule: string) => boolean) {
    this.#files = files;
    this.choices = files
      .flatMap(({ file, text }) => sourceRules(file, text, isWanted))
      .map((original) => ({ original, rule: original }));
  }

  setEnabled(choice: Choice, isEnabled: boolean, kind: RuleChange['kind'], reason: string): void {
    this.#change(choice, { ...choice.rule, isEnabled }, kind, reason);
  }

  /** Returns false where the text is no rule: then nothing changes. */
  setText(choice: Choice, text: string, kind: RuleChange['kind'], reason: string): boolean {
    const [line] = logicalLines(text);
    const rule = line === undefined ? null : sourceRule(choice.rule.file, line, choice.rule.isEnabled);
    if (rule === null) return false;
    this.#change(choice, { ...rule, line: choice.rule.line }, kind, reason);
    return true;
  }

  /** As `setText`; a comment sign says whether the rule is in force. */
  replace(choice: Choice, text: string, reason: string): boolean {
    const isEnabled = !text.startsWith('#');
    const plain = isEnabled ? text : text.replace(/^[#\s]+/, '');
    if (!this.setText(choice, plain, 'modified', reason)) return false;
    choice.rule = { ...choice.rule, isEnabled };
    return true;
  }

  enableNeeded(): void {
    const needs = new FlowbitNeeds(this.choices.map(({ rule }) => rule));
    for (const { index, bit } of needs.resolve()) {
      const choice = this.choices[index]!;
      if (!isSilent(choice.rule)) {
        const silenced = choice.rule.text.replace(/(\s*sid\s*:\s*\d+\s*;)/, ' noalert;$1');
        this.setText(choice, silenced, 'needed', bit);
        choice.rule = { ...choice.rule, isEnabled: true };
      } else this.setEnabled(choice, true, 'needed', bit);
    }
  }

  files(): ListText[] {
    const byFile = new Map<string, Choice[]>(this.#files.map(({ file }) => [file, []]));
    for (const choice of this.choices) if (choice.rule !== choice.original) byFile.get(choice.rule.file)!.push(choice);
    return this.#files.map(({ file, text }) => ({ file, text: withChanges(text, byFile.get(file)!) }));
  }

  #change(choice: Choice, rule: SourceRule, kind: RuleChange['kind'], reason: string): void {
    const { gid, sid, file } = choice.original;
    choice.rule = rule;
    this.changes.push({ gid, sid, file, line: choice.original.line.line, kind, reason });
  }
}

/** Lines and columns of what is not changed stay as they are. */
function withChanges(text: string, choices: readonly Choice[]): string {
  let result = '';
  let keptTo = 0;
  for (const { original, rule } of choices) {
    const { start, end } = original.line;
    const lineStart = text.lastIndexOf('\n', start) + 1;
    const before = text.slice(lineStart, start);
    const written = text.slice(start, end);
    const newLines = '\n'.repeat(written.split('\n').length - 1);
    result += text.slice(keptTo, lineStart);
    result += rule.isEnabled ? before.replaceAll('#', ' ') : `#${before.replaceAll('#', ' ')}`;
    result +=
      rule.text === original.text && original.isEnabled && !rule.isEnabled ? commented(written) : rule.text + newLines;
    keptTo = end;
  }
  return result + text.slice(keptTo);
}

/** Each of the lines of a rule. */
const commented = (written: string): string => written.replaceAll('\n', '\n#');
