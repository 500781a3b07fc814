import { REGEX_FLAG, Regex, RegexError } from '../../base/native/regex.ts';
import { RuleFault } from '../fault.ts';

/** Rules are some thousand bytes long, and who writes the pattern is who waits for it. */
const LIMITS = { matchLimit: 1_000_000, depthLimit: 10_000 } as const;

/** A regular expression of a list. suricata-update's are Python's, which PCRE2 reads almost alike. */
export class SearchPattern {
  readonly #regex: Regex;

  /** `at` is where the pattern stands, for the RuleFault of a wrong one. */
  constructor(pattern: string, isCaseless: boolean, at: number) {
    try {
      this.#regex = new Regex(Buffer.from(pattern, 'utf8'), isCaseless ? REGEX_FLAG.CASELESS : 0, LIMITS);
    } catch (error) {
      if (!(error instanceof RegexError)) throw error;
      throw new RuleFault(`PCRE2 says of the regular expression: ${error.message}`, at + error.offset);
    }
  }

  isIn(text: string): boolean {
    const bytes = Buffer.from(text, 'utf8');
    return this.#regex.match(bytes, 0, bytes.length, 0) > 0;
  }

  /** Every match in `text` replaced; `\1`, `\g<1>` and `${1}` in the replacement are what a group caught. */
  replaceIn(text: string, replacement: string): string {
    const bytes = Buffer.from(text, 'utf8');
    const { groups } = this.#regex;
    let result = '';
    let keptTo = 0;
    for (let from = 0; from <= bytes.length; ) {
      if (this.#regex.match(bytes, 0, bytes.length, from) <= 0) break;
      const start = groups[0]!;
      const end = groups[1]!;
      const group = (number: number): string =>
        number * 2 + 1 < groups.length && groups[number * 2]! <= bytes.length
          ? bytes.toString('utf8', groups[number * 2]!, groups[number * 2 + 1]!)
          : '';
      result += bytes.toString('utf8', keptTo, start) + expanded(replacement, group);
      keptTo = end;
      from = end > start ? end : end + 1;
    }
    return result + bytes.toString('utf8', keptTo);
  }
}

const expanded = (replacement: string, group: (number: number) => string): string =>
  replacement.replace(
    /\\(\d{1,2})|\\g<(\d{1,2})>|\$\{(\d{1,2})\}|\\([\\$])/g,
    (_, plain: string | undefined, named: string | undefined, braced: string | undefined, escaped: string) =>
      escaped ?? group(Number(plain ?? named ?? braced)),
  );
