import type { RuleDraft } from '../draft.ts';
import type { LogicalLine } from '../lexer.ts';
import type { Rule, RuleDiagnostic } from '../rule.ts';
import { flowbitsOf } from '../selection/flowbit-needs.ts';
import { bufferLimits } from './buffer-limits.ts';
import { contradictions } from './contradictions.ts';
import { fastPatterns } from './fast-patterns.ts';
import { form } from './form.ts';
import { atOption, type Lint, type LintFinding } from './lint.ts';

const LINTS: readonly Lint[] = [contradictions, bufferLimits, fastPatterns, form];

/** Every name of a warning that comes from here, and what it is about. */
export const LINT_NAMES: Readonly<Record<string, string>> = {
  'flowbit-never-set': 'a rule asks for a flowbit that no loaded rule sets',
  'cannot-match': 'conditions that exclude each other, or that ask a buffer for what it never has',
  'encoded-uri': 'an escape such as %20 in http.uri, which is decoded',
  'no-fast-pattern': 'no content to find the rule by, and its ports see much traffic',
  'common-pattern': 'the rule is found by a pattern that is in nearly all traffic',
  'bidirectional-flow': 'flow names a direction, and the header has <>',
  'missing-rev': 'no rev',
  'missing-msg': 'no msg',
  'deprecated-keyword': 'an old name, or an old way to say it',
};

/** Looks at rules as the compiler makes them, for remarks that nobody needs who only loads them. */
export class Linter {
  readonly #diagnostics: RuleDiagnostic[] = [];
  readonly #setBits = new Set<string>();
  readonly #asked: { readonly names: readonly string[]; readonly diagnostic: RuleDiagnostic }[] = [];

  observe(rule: Rule, draft: RuleDraft, line: LogicalLine): void {
    const report = ({ name, message, at, keyword }: LintFinding): RuleDiagnostic => ({
      file: rule.file,
      ...line.place(at),
      severity: 'warning',
      name,
      keyword,
      sid: rule.sid,
      message,
    });
    for (const lint of LINTS) for (const finding of lint({ rule, draft })) this.#diagnostics.push(report(finding));
    for (const option of draft.parsed.options) {
      const [bit] = flowbitsOf({ options: [option] });
      if (bit === undefined) continue;
      if (bit.command === 'set' || bit.command === 'toggle') for (const name of bit.names) this.#setBits.add(name);
      if (bit.command !== 'isset') continue;
      const message = `no rule that is loaded sets the flowbit ${bit.names.join(' or ')}: this one never matches`;
      this.#asked.push({ names: bit.names, diagnostic: report(atOption('flowbit-never-set', option, message)) });
    }
  }

  /** After the last rule. */
  finish(): readonly RuleDiagnostic[] {
    const unset = this.#asked.filter(({ names }) => !names.some((name) => this.#setBits.has(name)));
    return [...this.#diagnostics, ...unset.map(({ diagnostic }) => diagnostic)];
  }
}
