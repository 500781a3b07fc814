import { RuleFault } from '../rules/fault.ts';
import { logicalLines } from '../rules/lexer.ts';
import { type ParsedRule, parseRule } from '../rules/parser.ts';
import type { RuleAction } from '../rules/rule.ts';
import { flowbitsOf } from '../rules/selection/flowbit-needs.ts';

/** A rule as far as choosing it needs: taken apart, not compiled. */
export interface RuleEntry {
  readonly action: RuleAction;
  readonly gid: number;
  readonly sid: number;
  readonly rev: number;
  readonly message: string;
  /** Of its references and metadata; sorted, each once. */
  readonly cves: readonly string[];
  /** Names of flowbits that it asks for, and that it sets: without the one, another rule is worth nothing. */
  readonly needs: readonly string[];
  readonly sets: readonly string[];
  readonly line: number;
  /** On one line. */
  readonly text: string;
}

export interface RuleEntryFault {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** Reads a rule file. What is no rule is a fault, and costs none of the others. */
export function readRuleEntries(text: string): { entries: RuleEntry[]; faults: RuleEntryFault[] } {
  const entries: RuleEntry[] = [];
  const faults: RuleEntryFault[] = [];
  for (const line of logicalLines(text)) {
    try {
      entries.push(entryOf(parseRule(line.text), line.line, line.text));
    } catch (error) {
      if (!(error instanceof RuleFault)) throw error;
      faults.push({ ...line.place(error.at ?? 0), message: error.message });
    }
  }
  return { entries, faults };
}

function entryOf(parsed: ParsedRule, line: number, text: string): RuleEntry {
  const valuesOf = (name: string): string[] =>
    parsed.options.filter((option) => option.name.text === name).map(({ value }) => value?.text ?? '');
  const flowbits = (...commands: readonly string[]): string[] =>
    flowbitsOf(parsed).flatMap(({ command, names }) => (commands.includes(command) ? names : []));
  const [sid] = valuesOf('sid');
  if (sid === undefined || !/^\d+$/.test(sid)) throw new RuleFault('expected a signature id (sid)', 0);
  return {
    action: parsed.action,
    gid: Number(valuesOf('gid')[0] ?? 1),
    sid: Number(sid),
    rev: Number(valuesOf('rev')[0] ?? 0),
    message: (valuesOf('msg')[0] ?? '').replace(/^"|"$/g, '').replace(/\\(.)/g, '$1'),
    cves: [
      ...new Set([...valuesOf('reference').flatMap(cveOfReference), ...valuesOf('metadata').flatMap(cvesIn)]),
    ].sort(),
    needs: flowbits('isset'),
    sets: flowbits('set', 'toggle'),
    line,
    text,
  };
}

/** `cve,2021-44228` and `cve,CVE-2021-44228`; an address may name one too. */
const cveOfReference = (value: string): string[] => cvesIn(value.replace(/^\s*cve\s*,\s*(?=\d)/i, 'CVE-'));

/** Emerging Threats writes `cve CVE_2021_44228` in metadata. */
const cvesIn = (value: string): string[] =>
  Array.from(value.matchAll(/\bCVE[-_](\d{4})[-_](\d{4,})\b/gi), ([, year, number]) => `CVE-${year}-${number}`);
