import { latin1 } from '../../base/bytes.ts';
import { type Direction, TO_SERVER } from '../../base/direction.ts';
import type { Channel, ProbeAnswer } from '../protocol.ts';

/**
 * A client begins with a greeting. A server's 220 is that of FTP too: the port tells, or a word in it, or the reply to
 * the client's greeting behind it.
 */
export function probeSmtp(
  direction: Direction,
  bytes: Uint8Array,
  start: number,
  end: number,
  channel: Channel,
): ProbeAnswer {
  const text = latin1(bytes, start, Math.min(end, start + MAX_PROBED_BYTES));
  if (direction === TO_SERVER) {
    if (/^(?:HELO|EHLO|LHLO)[ \t\r\n]/i.test(text)) return 'yes';
    if (MAIL_PORTS.has(channel.serverPort) && /^(?:QUIT|NOOP|RSET|STARTTLS|MAIL FROM:)[ \t\r\n<]/i.test(text))
      return 'yes';
    return text.length < MAX_GREETING_BYTES && !text.includes('\n') ? 'more' : 'no';
  }
  if (!/^2(?:2(?:0(?:[ -]|$)|$)|$)/.test(text)) return 'no';
  if (/^220[ -]/.test(text) && MAIL_PORTS.has(channel.serverPort)) return 'yes';
  const lineEnd = /^(?:220-[^\n]*\n)*220 [^\n]*\n/.exec(text)?.[0].length;
  if (/^220[ -][^\n]*\b(?:E?SMTP|LMTP)\b/i.test(text)) return 'yes';
  if (lineEnd === undefined || text.length - lineEnd < 3) return text.length < MAX_PROBED_BYTES ? 'more' : 'no';
  return text.startsWith('250', lineEnd) ? 'yes' : 'no';
}

/** IANA: smtp, submission. Here a client can say anything: servers refuse the line and read on. */
export const SMTP_PORTS: ReadonlySet<number> = new Set([25, 587]);
/** And what providers use where these are blocked. */
const MAIL_PORTS: ReadonlySet<number> = new Set([...SMTP_PORTS, 2525]);
const MAX_PROBED_BYTES = 1024;
/** As long as a verb that is looked for, with what follows it. */
const MAX_GREETING_BYTES = 12;
