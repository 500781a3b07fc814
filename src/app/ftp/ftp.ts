import { TO_CLIENT } from '../../base/direction.ts';
import type { AppProtocol } from '../protocol.ts';
import { MAX_LISTED, shownText } from '../shown-text.ts';
import { FTP_BUFFERS } from './buffers.ts';
import { FtpParser } from './parser.ts';
import { FTP_PORT, probeFtp } from './probe.ts';
import type { FtpTransaction } from './transaction.ts';

/** The control connection: RFC 959, with RFC 2428 for IPv6 and RFC 4217 for TLS. */
export const createFtp = (): AppProtocol<FtpTransaction> => ({
  name: 'ftp',
  transports: ['tcp'],
  buffers: FTP_BUFFERS,
  firstDirection: TO_CLIENT,
  claims: (serverPort) => (serverPort === FTP_PORT ? 'yes' : 'no'),
  probe: probeFtp,
  open: (sink, channel) => new FtpParser(sink, channel),
  describe: describeFtp,
});

/** EVE's `ftp` object. */
function describeFtp(tx: FtpTransaction): Record<string, unknown> {
  const lines = tx.replies.slice(0, MAX_LISTED).map(shownText);
  const codes = lines.map((line) => line.slice(0, 3)).filter((code) => /^\d{3}$/.test(code));
  const isTransfer = tx.endpoint !== null;
  return {
    command: shownText(tx.commandBytes),
    ...(tx.argument.length > 0 && { command_data: tx.command === 'PASS' ? 'xxxxx' : shownText(tx.argument) }),
    ...(codes.length > 0 && { completion_code: codes }),
    ...(lines.length > 0 && { reply: lines.map((line) => line.slice(4)) }),
    ...(isTransfer && { dynamic_port: tx.endpoint!.port, mode: tx.isPassive ? 'passive' : 'active' }),
    reply_received: tx.isAnswered ? 'yes' : 'no',
  };
}
