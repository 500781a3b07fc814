import { logicalLines } from '../lexer.ts';
import { FlowbitNeeds } from './flowbit-needs.ts';
import type { ListText } from './lists.ts';
import { isSilent, type SourceRule, sourceRule, sourceRules } from './source-rule.ts';

/** A rule as it was and as it is to be. */
export interface Choice {
  readonly original: SourceRule;
  rule: SourceRule;
}

export interface ChangedRules {
  /** The files with the changes in them: every rule stands on the line on which it stood. */
  readonly files: readonly ListText[];
  readonly changes: readonly RuleChange[];
}

/** What became of a rule, and whose doing it was. */
export interface RuleChange {
  readonly gid: number;
  readonly sid: number;
  /** Where the rule stands. */
  readonly file: string;
  readonly line: number;
  /** `needed`: it was not in force, and one that is needs the flowbit that it sets. */
  readonly kind: 'disabled' | 'enabled' | 'dropped' | 'modified' | 'needed' | 'held';
  /** `disable.conf:3: group:emerging-dos.rules`, the name of the flowbit, or `policy pin 1:2019401 soak`. */
  readonly reason: string;
}

/** Changes the rules of files where they stand. */
export class Selector {
  readonly choices: readonly Choice[];
  readonly #changes: RuleChange[] = [];
  readonly #files: readonly ListText[];

  /** `isWanted` spares taking apart rules that nobody means to change. */
  constructor(files: readonly ListText[], isWanted: (file: string, rule: string) => boolean) {
    this.#files = files;
    this.choices = files
      .flatMap(({ file, text }) => sourceRules(file, text, (rule) => isWanted(file, rule)))
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

  result(): ChangedRules {
    const byFile = new Map<string, Choice[]>(this.#files.map(({ file }) => [file, []]));
    for (const choice of this.choices) if (choice.rule !== choice.original) byFile.get(choice.rule.file)!.push(choice);
    const files = this.#files.map(({ file, text }) => ({ file, text: withChanges(text, byFile.get(file)!) }));
    return { files, changes: this.#changes };
  }

  #change(choice: Choice, rule: SourceRule, kind: RuleChange['kind'], reason: string): void {
    const { gid, sid, file } = choice.original;
    choice.rule = rule;
    this.#changes.push({ gid, sid, file, line: choice.original.line.line, kind, reason });
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
