import { RuleFault } from '../fault.ts';
import { LogicalLine, logicalLines, type Piece } from '../lexer.ts';
import { type ParsedRule, parseRule } from '../parser.ts';
import { RULE_ACTIONS } from '../rule.ts';

/** A rule of a rule file, in force or commented out, as somebody who chooses among rules sees it. */
export interface SourceRule {
  readonly file: string;
  readonly line: LogicalLine;
  /** On one line, without a comment sign. */
  readonly text: string;
  readonly parsed: ParsedRule;
  readonly gid: number;
  readonly sid: number;
  readonly rev: number;
  readonly message: string;
  readonly isEnabled: boolean;
}

/**
 * The rules of a file in their order, also those behind a `#`. What has no sid or cannot be taken apart is none: the
 * compiler tells of it if it is in force. `isWanted` spares taking apart what nobody asks for.
 */
export function sourceRules(file: string, text: string, isWanted = (_rule: string): boolean => true): SourceRule[] {
  const enabled = logicalLines(text);
  const rules = enabled.flatMap((line) => (isWanted(line.text) ? (sourceRule(file, line, true) ?? []) : []));
  for (const line of commentedLines(text, enabled)) {
    const rule = isWanted(line.text) && RULE_FORM.test(line.text) ? sourceRule(file, line, false) : null;
    if (rule !== null) rules.push(rule);
  }
  return rules.sort((a, b) => a.line.start - b.line.start);
}

/** Null where the text is no rule with a sid. */
export function sourceRule(file: string, line: LogicalLine, isEnabled: boolean): SourceRule | null {
  try {
    const parsed = parseRule(line.text);
    const sid = numberOf(parsed, 'sid');
    if (sid === null) return null;
    const message = optionsNamed(parsed, 'msg')[0]?.replace(/^"(.*)"$/s, '$1') ?? '';
    const gid = numberOf(parsed, 'gid') ?? 1;
    return { file, line, text: line.text, parsed, gid, sid, rev: numberOf(parsed, 'rev') ?? 0, message, isEnabled };
  } catch (error) {
    if (!(error instanceof RuleFault)) throw error;
    return null;
  }
}

/** The values that an option has each time it is there. */
export const optionsNamed = ({ options }: Pick<ParsedRule, 'options'>, wanted: string): string[] =>
  options.flatMap(({ name, value }) => (name.text === wanted && value !== null ? [value.text] : []));

/** It matches without an alert. */
export const isSilent = ({ parsed }: SourceRule): boolean =>
  parsed.options.some(({ name }) => name.text === 'noalert') ||
  optionsNamed(parsed, 'flowbits').some((value) => value.trim() === 'noalert');

function numberOf(parsed: ParsedRule, name: string): number | null {
  const text = optionsNamed(parsed, name)[0]?.replace(/^"(.*)"$/, '$1');
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : null;
}

const RULE_START = new RegExp(`^(?:${RULE_ACTIONS.join('|')})\\s`);

/** Prose in a comment may begin with the name of an action; no prose has an arrow and then brackets up to its end. */
const RULE_FORM = new RegExp(`^(?:${RULE_ACTIONS.join('|')})\\s[^(]*(?:->|<>)[^(]*\\(.*\\)\\s*$`, 's');

/** Comment lines as if their signs were not there. A `\` joins one to the next where that is a comment too. */
function* commentedLines(text: string, enabled: readonly LogicalLine[]): Iterable<LogicalLine> {
  let pieces: Piece[] = [];
  let line = 1;
  let countedTo = 0;
  let nextRule = 0;
  for (const { 0: whole, 1: sign = '', index } of text.matchAll(/^(\ufeff?[ \t]*#[ \t#]*)[^\r\n]*/gm)) {
    while (nextRule < enabled.length && enabled[nextRule]!.end <= index) nextRule++;
    // What continues a rule is text of that rule.
    if ((enabled[nextRule]?.start ?? text.length) <= index) continue;
    for (let at = text.indexOf('\n', countedTo); at >= 0 && at < index; at = text.indexOf('\n', at + 1)) line++;
    countedTo = index;
    if (pieces.length > 0 && pieces.at(-1)!.line !== line - 1) pieces = [];
    const isContinued = whole.endsWith('\\') && (pieces.length > 0 || RULE_START.test(whole.slice(sign.length)));
    const end = isContinued ? whole.length - 1 : whole.length;
    const column = sign.length + 1;
    pieces.push({ text: whole.slice(sign.length, end), at: index + sign.length, line, column });
    if (isContinued) continue;
    yield new LogicalLine(pieces);
    pieces = [];
  }
}
