import { latin1 } from '../../base/bytes.ts';
import type { AppProtocol } from '../protocol.ts';
import { FTP_DATA_BUFFERS, FTP_DATA_FILES, FtpDataParser, type FtpDataTransaction } from './data-parser.ts';
import { FtpTransfer, TRANSFER } from './transfer.ts';

/** Connections for the files of FTP. None is found by its content: a control connection announces them. */
export const createFtpData = (): AppProtocol<FtpDataTransaction> => ({
  name: 'ftp-data',
  transports: ['tcp'],
  contextKey: 'ftp_data',
  buffers: FTP_DATA_BUFFERS,
  probe: () => 'no',
  open: (sink, { subject }) => {
    if (!(subject instanceof FtpTransfer)) throw new TypeError('a data connection needs the transfer that it is for');
    return new FtpDataParser(sink, subject);
  },
  files: FTP_DATA_FILES,
  describe: ({ transfer }) => ({
    filename: latin1(transfer.fileName),
    command: transfer.command === TRANSFER.retr ? 'RETR' : 'STOR',
  }),
});
