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
        else if (code === QUOTE) isInText = false;
        continue;
      }
      if (code === QUOTE) isInText = true;
      else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
        depth++;
        if (depth === 1) {
          if (code !== OPEN_BRACE) throw new SyntaxError('expected a JSON object');
          start = at + 1;
        }
      } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET || (code === COMMA && depth === 1)) {
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

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
