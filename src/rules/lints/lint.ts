import type { BufferDefinition } from '../../app/protocol.ts';
import type { RuleDraft } from '../draft.ts';
import type { ParsedOption } from '../parser.ts';
import type { Rule } from '../rule.ts';

/** A rule that is loaded, and what it was made of. */
export interface LintedRule {
  readonly rule: Rule;
  readonly draft: RuleDraft;
}

/** What somebody who writes rules wants to hear of one that can be loaded. */
export interface LintFinding {
  readonly name: string;
  readonly message: string;
  /** Offset in the rule's text. */
  readonly at: number;
  readonly keyword: string | null;
}

/** One kind of remark, or several with the same reason. */
export type Lint = (linted: LintedRule) => Iterable<LintFinding>;

/** A remark at an option. */
export const atOption = (name: string, { name: keyword }: ParsedOption, message: string): LintFinding => ({
  name,
  message,
  at: keyword.at,
  keyword: keyword.text,
});

/** A remark at a place in the rule. */
export const atPlace = (name: string, at: number, keyword: string | null, message: string): LintFinding => ({
  name,
  message,
  at,
  keyword,
});

/** Each option with the sticky buffer that it stands behind; null: the payload. */
export const optionsWithBuffers = ({
  parsed,
  optionBuffers,
}: RuleDraft): { option: ParsedOption; buffer: BufferDefinition | null }[] =>
  parsed.options.map((option, i) => ({ option, buffer: optionBuffers[i] ?? null }));
