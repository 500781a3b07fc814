import { BACKSLASH, DOUBLE_QUOTE, SINGLE_QUOTE } from '../../base/ascii.ts';
/**
 * The arguments of a command that was typed as a line, as Redis takes them apart: between blanks, with double quotes in
 * which \n, \r, \t, \b, \a and \xHH are escapes, and single quotes in which \' is one. Null: a quote is open, or
 * something follows it at once. `line` is without its LF. The parts are copies.
 */
export function splitLine(line: Uint8Array): readonly Uint8Array[] | null {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && isBlank(line[at]!)) at++;
    if (at === line.length || line[at] === NUL) return parts;
    const part: number[] = [];
    let quote = 0;
    for (; at < line.length; at++) {
      const byte = line[at]!;
      if (quote === 0) {
        if (isBlank(byte) || byte === NUL) break;
        if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) quote = byte;
        else part.push(byte);
        continue;
      }
      if (byte === quote) {
        if (at + 1 < line.length && !isBlank(line[at + 1]!)) return null;
        quote = 0;
        at++;
        break;
      }
      if (byte === BACKSLASH) {
        const width = quote === DOUBLE_QUOTE ? pushEscape(line, at, part) : line[at + 1] === SINGLE_QUOTE ? 2 : 0;
        if (quote === SINGLE_QUOTE && width > 0) part.push(SINGLE_QUOTE);
        if (width > 0) {
          at += width - 1;
          continue;
        }
      }
      part.push(byte);
    }
    if (quote !== 0) return null;
    parts.push(Uint8Array.from(part));
  }
}

/** Within double quotes. Returns how many bytes it takes, 0 for a backslash at the very end. */
function pushEscape(line: Uint8Array, at: number, part: number[]): number {
  const hex = String.fromCharCode(...line.subarray(at + 1, at + 4));
  if (/^x[0-9a-f]{2}$/i.test(hex)) {
    part.push(Number.parseInt(hex.slice(1), 16));
    return 4;
  }
  const next = line[at + 1];
  if (next === undefined) return 0;
  part.push(ESCAPES[String.fromCharCode(next)] ?? next);
  return 2;
}

const ESCAPES: Readonly<Record<string, number>> = { n: 0x0a, r: 0x0d, t: 0x09, b: 0x08, a: 0x07 };

/** As isspace of C. */
const isBlank = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
const NUL = 0;
