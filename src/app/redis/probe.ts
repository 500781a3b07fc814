import { ASTERISK, CR, LF } from '../../base/ascii.ts';
import { latin1 } from '../../base/bytes.ts';
import { type Direction, TO_SERVER } from '../../base/direction.ts';
import type { Channel, ProbeAnswer } from '../protocol.ts';

/** Where commands typed as lines, which could be anything, are taken for some. */
export const REDIS_PORT = 6379;
/** As long as a beginning that is looked for: two lines with lengths. */
const MAX_START_BYTES = 32;
/** Of a request line of HTTP with the field behind it. */
const MAX_REQUEST_BYTES = 1024;

/**
 * A client that frames its commands begins with an array of strings; one that types them is known by the port alone. A
 * server begins with a reply that others do not give: POP3 says more behind its +OK.
 */
export function probeRedis(
  direction: Direction,
  bytes: Uint8Array,
  start: number,
  end: number,
  { serverPort }: Channel,
): ProbeAnswer {
  if (direction !== TO_SERVER) {
    const text = latin1(bytes, start, Math.min(end, start + MAX_START_BYTES));
    return answer(REPLY, REPLY_BEGINS, text, end - start >= MAX_START_BYTES);
  }
  if (serverPort === REDIS_PORT) return probeOnPort(bytes, start, end);
  const at = skipEmpty(bytes, start, end);
  if (at === end) return 'more';
  if (at < 0 || bytes[at] !== ASTERISK) return 'no';
  return answer(
    ARRAY,
    ARRAY_BEGINS,
    latin1(bytes, at, Math.min(end, at + MAX_START_BYTES)),
    end - at >= MAX_START_BYTES,
  );
}

/**
 * Redis passes over commands that it does not know, such as the first line of HTTP, but closes the connection at the
 * field Host and at POST. TLS may be spoken here too.
 */
export function probeOnPort(bytes: Uint8Array, start: number, end: number): ProbeAnswer {
  const text = latin1(bytes, start, Math.min(end, start + MAX_REQUEST_BYTES));
  if (text.startsWith('\x16')) return text.length === 1 ? 'more' : text[1] === '\x03' ? 'no' : 'yes';
  if (/^POST /i.test(text) || /^[A-Z]+ [^\n]* HTTP\/\d\.\d\r?\nHost:/i.test(text)) return 'no';
  const isOpen = text.length < MAX_REQUEST_BYTES && /^[A-Z]+(?: [^\n]*(?:\n[A-Z]{0,4})?)?$/i.test(text);
  if (!isOpen) return 'yes';
  // A line that does not end in a version, or whose next one is not the beginning of that field, is a command.
  const [line, next] = text.split('\n');
  if (next === undefined) return 'more';
  return / HTTP\/\d\.\d\r?$/i.test(line!) && 'host:'.startsWith(next.toLowerCase()) ? 'more' : 'yes';
}

/** Behind empty lines and arrays of nothing, which Redis passes over; -1 where the array's count is none. */
function skipEmpty(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    if (bytes[at] === CR || bytes[at] === LF) {
      at++;
      continue;
    }
    const [array, rest] = EMPTY_ARRAY.exec(latin1(bytes, at, Math.min(end, at + MAX_START_BYTES))) ?? [];
    if (array === undefined) return at;
    if (rest === undefined) return end;
    at += array.length;
  }
  return end;
}

/** Or the beginning of one. Behind CR comes any byte. */
const EMPTY_ARRAY = /^\*(?:0|-\d{0,10})(?:$|\r(?:$|(.)))/s;
const ARRAY = /^\*\d{1,10}\r.\$\d{1,10}\r./s;
const ARRAY_BEGINS = /^\*(?:\d{0,10}|\d{1,10}\r(?:.(?:\$\d{0,10}\r?)?)?)$/s;
/**
 * Redis serialization protocol, versions 2 and 3: counts and numbers, and the simple strings that are not for people.
 */
const REPLY =
  /^(?:[$:*%~>](?:-1|\d{1,19})\r\n|_\r\n|#[tf]\r\n|\+(?:OK|PONG|QUEUED|RESET)\r\n|\+(?:FULLRESYNC|CONTINUE|Background) |-(?:ERR|NOAUTH|WRONGPASS|DENIED|LOADING|MOVED|NOPERM|EXECABORT|WRONGTYPE|NOSCRIPT|READONLY) )/;
const REPLY_BEGINS = /^(?:[$:*%~>](?:-?|-1|\d{1,19})\r?|_\r?|#[tf]?\r?|[+-][A-Za-z]{0,10}\r?)$/;

function answer(whole: RegExp, beginning: RegExp, text: string, isWhole: boolean): ProbeAnswer {
  if (whole.test(text)) return 'yes';
  return !isWhole && beginning.test(text) ? 'more' : 'no';
}
