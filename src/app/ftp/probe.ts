import { latin1 } from '../../base/bytes.ts';
import { type Direction, TO_SERVER } from '../../base/direction.ts';
import type { Channel, ProbeAnswer } from '../protocol.ts';

/**
 * A client begins with its name, or asks what the server can do. A server's 220 is that of SMTP too: the port tells, or
 * the reply to the client's first command behind it.
 */
export function probeFtp(
  direction: Direction,
  bytes: Uint8Array,
  start: number,
  end: number,
  { serverPort }: Channel,
): ProbeAnswer {
  const text = latin1(bytes, start, Math.min(end, start + MAX_PROBED_BYTES));
  if (direction === TO_SERVER) {
    // POP3 clients say USER and PASS as well.
    if (serverPort === POP3_PORT) return 'no';
    if (/^(?:USER |PASS |PORT |FEAT[ \r\n]|AUTH (?:TLS|SSL))/i.test(text)) return 'yes';
    if (serverPort === FTP_PORT && /^(?:QUIT|NOOP|SYST|OPTS|CLNT|HOST|ACCT)[ \r\n]/i.test(text)) return 'yes';
    return text.length < MAX_COMMAND_BYTES && !text.includes('\n') ? 'more' : 'no';
  }
  if (!/^2(?:2(?:0(?:[ -]|$)|$)|$)/.test(text)) return 'no';
  if (/^220[ -]/.test(text) && (serverPort === FTP_PORT || /^220[ -](?:\(|[^\n]*\bFTP\b)/i.test(text))) return 'yes';
  const greetingEnd = /^(?:220-[^\n]*\n)*220 [^\n]*\n/.exec(text)?.[0].length;
  if (greetingEnd === undefined || text.length - greetingEnd < 3) return text.length < MAX_PROBED_BYTES ? 'more' : 'no';
  return /^(?:331|230|530|211|234|500|502|202)/.test(text.slice(greetingEnd)) ? 'yes' : 'no';
}

/** Where a client can say anything: servers refuse the line and read on. */
export const FTP_PORT = 21;
const POP3_PORT = 110;
const MAX_PROBED_BYTES = 1024;
/** As long as a command that is looked for, with what follows it. */
const MAX_COMMAND_BYTES = 9;
