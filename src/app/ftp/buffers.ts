import { TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { type BufferDefinition, STAGE } from '../protocol.ts';
import { singleBuffer } from '../single-buffer.ts';
import type { FtpTransaction } from './transaction.ts';

/** Every buffer of the control connection. */
export const FTP_BUFFERS: readonly BufferDefinition<FtpTransaction>[] = [
  ofCommand('ftp.command', 'command, as sent', ({ commandBytes }) => commandBytes),
  ofCommand('ftp.command_data', 'what follows the command', ({ argument }) => argument),
  {
    name: 'ftp.reply',
    summary: 'one line of the reply',
    direction: TO_CLIENT,
    stage: STAGE.head,
    isRepeated: true,
    read: ({ replies }, direction, nth) => (direction === TO_CLIENT ? (replies[nth] ?? null) : null),
  },
  {
    ...ofCommand('ftp.port_address', 'IPv4 address of PORT or EPRT', ({ isPassive, endpoint }) =>
      isPassive ? null : (endpoint?.ipv4 ?? null),
    ),
    isInternal: true,
  },
];

function ofCommand(
  name: string,
  summary: string,
  read: (transaction: FtpTransaction) => Uint8Array | null,
): BufferDefinition<FtpTransaction> {
  return singleBuffer({ name, summary, direction: TO_SERVER, stage: STAGE.head }, read);
}
