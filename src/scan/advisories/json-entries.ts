import {
  BACKSLASH,
  CLOSING_BRACE,
  CLOSING_BRACKET,
  COMMA,
  DOUBLE_QUOTE,
  OPENING_BRACE,
  OPENING_BRACKET,
} from '../../base/ascii.ts';

/** One value within a large document: the Debian tracker's longest, that of Linux, has 5 MiB. */
const MAX_ENTRY_CHARACTERS = 64 * 1024 * 1024;

/**
 * The entries of a JSON object that is too large to be read whole, one after the other. Throws SyntaxError where it is
 * no object, or ends early, and RangeError where one entry is too long.
 */
export async function* jsonEntries(chunks: AsyncIterable<string>): AsyncGenerator<[key: string, value: unknown]> {
  let pending = '';
  let depth = 0;
  let isInText = false;
  let isEscaped = false;
  let isOver = false;
  for await (const chunk of chunks) {
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const code = chunk.charCodeAt(at);
      if (isInText) {
        if (isEscaped) isEscaped = false;
        else if (code === BACKSLASH) isEscaped = true;
        else if (code === DOUBLE_QUOTE) isInText = false;
        continue;
      }
      if (code === DOUBLE_QUOTE) isInText = true;
      else if (code === OPENING_BRACE || code === OPENING_BRACKET) {
        depth++;
        if (depth === 1) {
          if (code !== OPENING_BRACE) throw new SyntaxError('expected a JSON object');
          start = at + 1;
        }
      } else if (code === CLOSING_BRACE || code === CLOSING_BRACKET || (code === COMMA && depth === 1)) {
        if (code !== COMMA) depth--;
        const isEnd = depth === 0;
        if (code !== COMMA && !isEnd) continue;
        const text = pending + chunk.slice(start, at);
        pending = '';
        start = at + 1;
        if (text.trim() !== '') yield entryOf(text);
        if (isEnd) {
          isOver = true;
          return;
        }
      }
    }
    pending += depth > 0 ? chunk.slice(start) : '';
    if (pending.length > MAX_ENTRY_CHARACTERS) throw new RangeError('one entry is too long');
  }
  if (!isOver) throw new SyntaxError('the JSON ends early');
}

function entryOf(text: string): [string, unknown] {
  return Object.entries(JSON.parse(`{${text}}`) as object)[0]!;
}
