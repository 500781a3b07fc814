import { runAll, type Steps } from '../base/steps.ts';
import type { RuleDraft } from './draft.ts';
import type { RuleEnvironment } from './environment.ts';
import { RuleFault } from './fault.ts';
import { type LogicalLine, logicalLines } from './lexer.ts';
import { type ParsedRule, parseRule } from './parser.ts';
import type { CompiledRules, Rule, RuleDiagnostic, RulePlace } from './rule.ts';
import { RuleCompiler } from './rule-compiler.ts';

/**
 * Compiles rule files, given as text decoded from UTF-8. A rule that cannot be loaded is a diagnostic and costs none
 * of the others. Of rules with the same gid and sid the newest revision is kept, and of equal ones the first. `observe`
 * is shown each rule that is loaded, with the draft that it was made of.
 */
export const compileRules = (
  files: readonly RuleFile[],
  environment: RuleEnvironment,
  observe: RuleObserver | null = null,
): CompiledRules => runAll(compileRulesInSteps(files, environment, observe));

/** The same, rule by rule. */
function* compileRulesInSteps(
  files: readonly RuleFile[],
  environment: RuleEnvironment,
  observe: RuleObserver | null = null,
): Steps<CompiledRules> {
  const compiler = new FileCompiler(environment, observe);
  for (const { file, text } of files) {
    for (const line of logicalLines(text)) {
      compiler.add(file, line);
      yield;
    }
  }
  return compiler.finish();
}

export interface RuleFile {
  readonly file: string;
  readonly text: string;
}

export type RuleObserver = (rule: Rule, draft: RuleDraft, line: LogicalLine) => void;

class FileCompiler {
  readonly #compiler: RuleCompiler;
  readonly #observe: RuleObserver | null;
  /** By gid and sid. */
  readonly #rules = new Map<string, { rule: Rule; sidPlace: { line: number; column: number } }>();
  readonly #diagnostics: RuleDiagnostic[] = [];
  readonly #dataUsers: RulePlace[] = [];

  constructor(environment: RuleEnvironment, observe: RuleObserver | null) {
    this.#observe = observe;
    this.#compiler = new RuleCompiler(environment);
  }

  finish(): CompiledRules {
    return {
      rules: [...this.#rules.values()].map(({ rule }) => rule),
      datasets: this.#compiler.datasets,
      dataUsers: this.#dataUsers,
      diagnostics: this.#diagnostics,
    };
  }

  add(file: string, line: LogicalLine): void {
    let parsed: ParsedRule | null = null;
    const report = (name: string | null, message: string, at: number, keyword: string | null): void => {
      const severity = name === null ? 'error' : 'warning';
      const sid = sidOf(parsed, line.text);
      this.#diagnostics.push({ file, ...line.place(at), severity, name, keyword, sid, message });
    };

    const place = { file, line: line.line, text: line.text };
    try {
      parsed = parseRule(line.text);
      const made = this.#compiler.compile(parsed, place);
      if (made === null) return;
      const { rule, draft } = made;
      for (const { name, message, at, keyword } of draft.warnings) report(name, message, at, keyword);
      this.#observe?.(rule, draft, line);
      this.#keep(rule, line, parsed);
    } catch (error) {
      if (!(error instanceof RuleFault)) throw error;
      const name = parsed === null ? null : this.#compiler.nameAtWork;
      report(null, error.message, error.at ?? name?.at ?? 0, name?.text ?? null);
    }
    if (this.#compiler.takeDataUse()) this.#dataUsers.push(place);
  }

  #keep(rule: Rule, line: LogicalLine, parsed: ParsedRule): void {
    const key = `${rule.gid}:${rule.sid}`;
    const sidOption = parsed.options.find((option) => option.name.text === 'sid');
    const sidPlace = line.place(sidOption?.name.at ?? 0);
    const before = this.#rules.get(key);
    if (before === undefined) {
      this.#rules.set(key, { rule, sidPlace });
      return;
    }
    const isNewer = rule.rev > before.rule.rev;
    const [kept, lost] = isNewer ? [{ rule, sidPlace }, before] : [before, { rule, sidPlace }];
    const isSame = kept.rule.rev === lost.rule.rev;
    const message = isSame
      ? `${key} is there already, in ${kept.rule.file} line ${kept.rule.line}`
      : `revision ${kept.rule.rev} of ${key} is used instead, in ${kept.rule.file} line ${kept.rule.line}`;
    this.#diagnostics.push({
      file: lost.rule.file,
      ...lost.sidPlace,
      severity: isSame ? 'error' : 'warning',
      name: isSame ? null : 'duplicate-sid',
      keyword: 'sid',
      sid: rule.sid,
      message,
    });
    // The newer one takes its own place in the order, as if the older had not been there.
    if (isNewer) {
      this.#rules.delete(key);
      this.#rules.set(key, kept);
    }
  }
}

/** For diagnostics, also of rules that could not be taken apart. */
function sidOf(parsed: ParsedRule | null, text: string): number | null {
  const written =
    parsed === null
      ? /[(;]\s*sid\s*:\s*(\d{1,10})\s*;/.exec(text)?.[1]
      : parsed.options.find((option) => option.name.text === 'sid')?.value?.text;
  return written !== undefined && /^\d{1,10}$/.test(written) ? Number(written) : null;
}
