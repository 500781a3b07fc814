import { pooledBytes } from '../base/byte-pool.ts';
import { RuleFault } from './fault.ts';
import type { ParsedOption, Span } from './parser.ts';

/** What stands behind the `:` of an option, with its place for messages. */
export class OptionValue {
  readonly keyword: string;
  readonly #span: Span | null;
  readonly #nameAt: number;

  constructor(option: ParsedOption) {
    this.keyword = option.name.text;
    this.#span = option.value;
    this.#nameAt = option.name.at;
  }

  /** In the rule's text: the value, or the keyword where there is none. */
  get at(): number {
    return this.#span?.at ?? this.#nameAt;
  }

  /** Null where the option has no value; an empty one counts as none. */
  get optional(): string | null {
    return this.#span === null || this.#span.text === '' ? null : this.#span.text;
  }

  get text(): string {
    return this.optional ?? this.fail(`${this.keyword} needs a value`);
  }

  /** `offset` is within the value. */
  fail(message: string, offset = 0): never {
    throw new RuleFault(message, this.at + offset);
  }
}

/** The grammar of a keyword without arguments. */
export function nothing(value: OptionValue): null {
  return value.optional === null ? null : value.fail(`${value.keyword} takes no value`);
}

export interface Quoted {
  readonly text: string;
  readonly isNegated: boolean;
  /** Of the first character behind the quote, in the rule's text. */
  readonly at: number;
}

/** `"text"` or `!"text"`; escapes are left as they are. */
export function quoted(value: OptionValue): Quoted {
  const match = /^(!\s*)?"(.*)"$/s.exec(value.text);
  if (match === null) value.fail(`${value.keyword} needs a value in double quotes`);
  return { text: match[2]!, isNegated: match[1] !== undefined, at: value.at + (match[1]?.length ?? 0) + 1 };
}

/** As `quoted`, save that the quotes may be missing. */
export function quotedOrPlain(value: OptionValue): Quoted {
  const match = /^(!\s*)?([^"!\s].*)$/s.exec(value.text);
  if (match === null) return quoted(value);
  return { text: match[2]!, isNegated: match[1] !== undefined, at: value.at + (match[1]?.length ?? 0) };
}

/** A value that may be quoted and must not be empty. */
export function word(value: OptionValue): string {
  const text = /^"(.*)"$/s.exec(value.text)?.[1] ?? value.text;
  return text.trim() === '' ? value.fail(`${value.keyword} needs a value`) : text.trim();
}

/** A whole number from `min` to `max`, quoted or not. */
export const uint =
  ({ min = 0, max }: { min?: number; max: number }) =>
  (value: OptionValue): number => {
    const text = word(value);
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    return number >= min && number <= max ? number : value.fail(`"${text}" is no whole number from ${min} to ${max}`);
  };

/** Which numbers a keyword such as `ttl` or `dsize` asks for; both ends are included. */
export interface UintRange {
  readonly min: number;
  readonly max: number;
  readonly isNegated: boolean;
}

/**
 * Suricata's forms of a number to compare with: `5`, `!5`, `!=5`, `<5`, `<=5`, `>5`, `>=5`, `2<>9`, `2-9`, `!2-9`. Some
 * keywords take it in quotes as well.
 */
export const uintRange =
  ({ max, isQuotable = false }: { max: number; isQuotable?: boolean }) =>
  (value: OptionValue): UintRange =>
    parseUintRange(isQuotable ? word(value) : value.text, max, (message) => value.fail(message));

/** `5`, `<5`, `3-5` and the like, as Suricata has them, with `kb`, `mb` and `gb` behind a number. */
export function parseUintRange(text: string, max: number, fail: (message: string) => never): UintRange {
  const number = (digits: string, unit: string | undefined): number => {
    const result = Number(digits) * (unit === undefined ? 1 : UNIT_BYTES[unit[0]!.toLowerCase()]!);
    return result <= max ? result : fail(`${digits}${unit ?? ''} is more than ${max}, the most there can be`);
  };

  const between = /^\s*(!)?\s*(\d+)([kmg]i?b)?\s*(?:-|<>)\s*(\d+)([kmg]i?b)?\s*$/i.exec(text);
  if (between !== null) {
    const low = number(between[2]!, between[3]);
    const high = number(between[4]!, between[5]);
    // Suricata's ranges exclude both ends, so neighbours have nothing between them.
    if (high - low < 2) fail(`no number lies between ${low} and ${high}: both ends are excluded`);
    return { min: low + 1, max: high - 1, isNegated: between[1] !== undefined };
  }

  const single = /^\s*(>=|<=|>|<|!=|!|=)?\s*(\d+)([kmg]i?b)?\s*$/i.exec(text);
  if (single === null) fail(`"${text}" is no number, comparison or range`);
  const limit = number(single[2]!, single[3]);
  switch (single[1]) {
    case '>':
      return limit < max ? { min: limit + 1, max, isNegated: false } : fail(`nothing is more than ${limit}`);
    case '>=':
      return { min: limit, max, isNegated: false };
    case '<':
      return limit > 0 ? { min: 0, max: limit - 1, isNegated: false } : fail('nothing is less than 0');
    case '<=':
      return { min: 0, max: limit, isNegated: false };
    case '!':
    case '!=':
      return { min: limit, max: limit, isNegated: true };
    default:
      return { min: limit, max: limit, isNegated: false };
  }
}

export const isInRange = (range: UintRange, value: number): boolean =>
  (value >= range.min && value <= range.max) !== range.isNegated;

const UNIT_BYTES: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Items between commas, blanks around them removed. */
export const commaSeparated = (text: string): string[] => text.split(',').map((item) => item.trim());

/**
 * The bytes of a pattern: `|41 42|` is hexadecimal, `\` escapes `"`, `;`, `:`, `\` and `|`. Characters beyond ASCII
 * are their UTF-8 bytes, as in the rule file.
 */
export function patternBytes(pattern: Quoted): Uint8Array {
  const bytes: number[] = [];
  const { text, at } = pattern;
  const fail = (message: string, index: number): never => {
    throw new RuleFault(message, at + index);
  };

  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === '|') {
      const close = text.indexOf('|', i + 1);
      if (close < 0) fail('"|" opens hexadecimal bytes, and no "|" closes them', i);
      appendHex(bytes, text.slice(i + 1, close), (message, offset) => fail(message, i + 1 + offset));
      i = close;
    } else if (char === '\\') {
      const escaped = text[++i];
      if (escaped === undefined || !ESCAPABLE.includes(escaped)) {
        fail(`"\\${escaped ?? ''}" is no escape: only ${[...ESCAPABLE].join(' ')} can be escaped`, i - 1);
      }
      bytes.push(escaped!.charCodeAt(0));
    } else if (char === '"') {
      fail('a double quote within the pattern must be escaped, or written as |22|', i);
    } else if (char.charCodeAt(0) < 0x80) {
      bytes.push(char.charCodeAt(0));
    } else {
      const character = String.fromCodePoint(text.codePointAt(i)!);
      bytes.push(...Buffer.from(character, 'utf8'));
      i += character.length - 1;
    }
  }
  return pooledBytes(bytes);
}

function appendHex(bytes: number[], digits: string, fail: (message: string, offset: number) => never): void {
  let high = -1;
  for (let i = 0; i < digits.length; i++) {
    if (digits[i] === ' ') continue;
    const digit = HEX_DIGITS.indexOf(digits[i]!.toLowerCase());
    if (digit < 0) fail(`"${digits[i]}" is no hexadecimal digit`, i);
    if (high < 0) {
      high = digit;
    } else {
      bytes.push(high * 16 + digit);
      high = -1;
    }
  }
  if (high >= 0) fail('the last byte has one hexadecimal digit only', digits.length - 1);
}

const HEX_DIGITS = '0123456789abcdef';
const ESCAPABLE = '";:\\|';
