import { TO_CLIENT } from '../../base/direction.ts';
import type { AppProtocol } from '../protocol.ts';
import { MAX_LISTED, MAX_TEXT_CHARACTERS, shownText } from '../shown-text.ts';
import { SMTP_BUFFERS, SMTP_FILES } from './buffers.ts';
import { SmtpParser } from './parser.ts';
import { probeSmtp, SMTP_PORTS } from './probe.ts';
import type { SmtpTransaction } from './transaction.ts';

/** RFC 5321 with pipelining, chunks and STARTTLS; mails are taken apart by RFC 5322 and MIME. */
export const createSmtp = (): AppProtocol<SmtpTransaction> => ({
  name: 'smtp',
  transports: ['tcp'],
  buffers: SMTP_BUFFERS,
  frames: { prefix: 'smtp', names: ['command_line', 'data', 'response_line'] },
  firstDirection: TO_CLIENT,
  claims: (serverPort) => (SMTP_PORTS.has(serverPort) ? 'yes' : 'no'),
  probe: probeSmtp,
  open: (sink, { frames }) => new SmtpParser(sink, frames),
  describe: describeSmtp,
  describeContent: describeMail,
  files: SMTP_FILES,
});

/** EVE's `smtp` object. */
function describeSmtp({ helo, sender, recipients }: SmtpTransaction): Record<string, unknown> {
  return {
    ...(helo !== null && { helo: shownText(helo) }),
    ...(sender !== null && { mail_from: shownText(sender) }),
    ...(recipients.length > 0 && { rcpt_to: recipients.slice(0, MAX_LISTED).map(shownText) }),
  };
}

/** EVE's `email` object. */
function describeMail({ content, isComplete }: SmtpTransaction): Record<string, unknown> {
  if (content === null) return {};
  const field = (name: string): string | null => content.fields.get(name)?.slice(0, MAX_TEXT_CHARACTERS) ?? null;
  const list = (name: string): string[] | null => field(name)?.split(/,\s*/).slice(0, MAX_LISTED) ?? null;
  const names = content.files.flatMap(({ name }) => (name === null ? [] : [shownText(name)]));
  const email: Record<string, unknown> = {
    status: isComplete ? 'PARSE_DONE' : content.fields.size > 0 ? 'BODY_STARTED' : 'HEADER_STARTED',
    from: field('from'),
    to: list('to'),
    cc: list('cc'),
    subject: field('subject'),
    date: field('date'),
    message_id: field('message-id'),
    attachment: names.length > 0 ? names : null,
  };
  return { email: Object.fromEntries(Object.entries(email).filter(([, value]) => value !== null)) };
}
