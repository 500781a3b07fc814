import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { type BufferDefinition, STAGE } from '../protocol.ts';
import type { FtpTransaction } from './transaction.ts';

/** Every buffer of the control connection. */
export const FTP_BUFFERS: readonly BufferDefinition<FtpTransaction>[] = [
  buffer('ftp.command', 'command, as sent', TO_SERVER, (tx, nth) => (nth > 0 ? null : tx.commandBytes)),
  buffer('ftp.command_data', 'what follows the command', TO_SERVER, (tx, nth) => (nth > 0 ? null : tx.argument)),
  buffer('ftp.reply', 'one line of the reply', TO_CLIENT, (tx, nth) => tx.replies[nth] ?? null),
  {
    ...buffer('ftp.port_address', 'IPv4 address of PORT or EPRT', TO_SERVER, (tx, nth) =>
      nth > 0 || tx.isPassive ? null : (tx.endpoint?.ipv4 ?? null),
    ),
    isInternal: true,
  },
];

function buffer(
  name: string,
  summary: string,
  direction: Direction,
  read: (transaction: FtpTransaction, nth: number) => Uint8Array | null,
): BufferDefinition<FtpTransaction> {
  return {
    name,
    summary,
    direction,
    stage: STAGE.head,
    read: (transaction, asked, nth) => (asked === direction ? read(transaction, nth) : null),
  };
}
