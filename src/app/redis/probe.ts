import { latin1 } from '../../base/bytes.ts';
import { type Direction, TO_SERVER } from '../../base/direction.ts';
import type { Channel, ProbeAnswer } from '../protocol.ts';

/** Where commands typed as lines, which could be anything, are taken for some. */
const REDIS_PORT = 6379;
/** As long as a beginning that is looked for: two lines with lengths. */
const MAX_START_BYTES = 32;

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
  const text = latin1(bytes, start, Math.min(end, start + MAX_START_BYTES));
  const isWhole = end - start >= MAX_START_BYTES;
  if (direction !== TO_SERVER) return answer(REPLY, REPLY_BEGINS, text, isWhole);
  if (text.startsWith('*')) return answer(ARRAY, ARRAY_BEGINS, text, isWhole);
  return serverPort === REDIS_PORT && /^(?:\r?\n)*[!-~]/.test(text) ? 'yes' : 'no';
}

const ARRAY = /^\*\d{1,10}\r\n\$\d{1,10}\r\n/;
const ARRAY_BEGINS = /^\*(?:\d{0,10}|\d{1,10}\r(?:\n(?:\$\d{0,10}\r?)?)?)$/;
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
