import type { AppProtocol } from '../protocol.ts';
import { SMB_BUFFERS, SMB_FILES } from './buffers.ts';
import { describeSmb } from './describe.ts';
import { SmbParser } from './parser.ts';
import { probeSmb } from './probe.ts';
import type { SmbTransaction } from './transaction.ts';

/** SMB1 ([MS-CIFS], [MS-SMB]), SMB2 and SMB3 ([MS-SMB2]), in frames of NetBIOS sessions or alone, which look the same. */
export const createSmb = (): AppProtocol<SmbTransaction> => ({
  name: 'smb',
  buffers: SMB_BUFFERS,
  hasEventsOfBothSides: true,
  probe: probeSmb,
  open: (sink) => new SmbParser(sink),
  describe: describeSmb,
  files: SMB_FILES,
});
