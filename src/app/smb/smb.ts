import type { AppProtocol } from '../protocol.ts';
import { RECORDED_FILES, SMB_BUFFERS } from './buffers.ts';
import { describeSmb } from './describe.ts';
import { SMB_FRAMES } from './message-reader.ts';
import { SmbParser } from './parser.ts';
import { probeSmb } from './probe.ts';
import type { SmbTransaction } from './transaction.ts';

/**
 * SMB1 ([MS-CIFS], [MS-SMB]), SMB2 and SMB3 ([MS-SMB2]), in frames of NetBIOS sessions or alone, which look the same.
 */
export const createSmb = (): AppProtocol<SmbTransaction> => ({
  name: 'smb',
  transports: ['tcp'],
  buffers: SMB_BUFFERS,
  frames: { prefix: 'smb', names: SMB_FRAMES },
  hasEventsOfBothSides: true,
  probe: probeSmb,
  open: (sink, channel) => new SmbParser(sink, channel),
  describe: describeSmb,
  files: RECORDED_FILES,
});
