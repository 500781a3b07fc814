import { type Direction, TO_SERVER } from '../../base/direction.ts';
import { dcerpcBuffers } from '../dcerpc/buffers.ts';
import { type FileSource, fileBuffers } from '../files.ts';
import { type BufferDefinition, STAGE, type Stage } from '../protocol.ts';
import { singleBuffer } from '../single-buffer.ts';
import type { FileTransfer } from './file-transfer.ts';
import type { SmbDetail, SmbTransaction } from './transaction.ts';

/** A transaction carries one file, in one direction, or none. */
const SMB_FILES: FileSource<SmbTransaction> = {
  name: (tx, direction, nth) => transferOf(tx, direction, nth)?.file.name ?? null,
  content: (tx, direction) => transferOf(tx, direction, 0)!.content.view(),
  isTruncated: (tx, direction) => transferOf(tx, direction, 0)!.isTruncated,
};

/** Those of which there are records: a file that is written over has one, as it was left. */
export const RECORDED_FILES: FileSource<SmbTransaction> = {
  ...SMB_FILES,
  name: (tx, direction, nth) => {
    const transfer = transferOf(tx, direction, nth);
    return transfer === null || transfer.isSuperseded ? null : transfer.file.name;
  },
};

/** The buffers of SMB that Suricata 7 has; which version it is, Suricata 8 can ask. */
export const SMB_BUFFERS: readonly BufferDefinition<SmbTransaction>[] = [
  requestBuffer('smb.named_pipe', 'smb_named_pipe', 'share with named pipes: IPC$', STAGE.body, (detail) =>
    detail.kind === 'tree' && detail.shownAs === 'pipe' ? detail.tree.name : null,
  ),
  requestBuffer('smb.share', 'smb_share', 'any other share', STAGE.body, (detail) =>
    detail.kind === 'tree' && detail.shownAs === 'share' ? detail.tree.name : null,
  ),
  requestBuffer('smb.ntlmssp_user', null, 'name of the account that logs on', STAGE.head, (detail) =>
    detail.kind === 'session' ? (detail.account?.user ?? null) : null,
  ),
  requestBuffer('smb.ntlmssp_domain', null, 'domain of the account that logs on', STAGE.head, (detail) =>
    detail.kind === 'session' ? (detail.account?.domain ?? null) : null,
  ),
  singleBuffer(
    {
      name: 'smb.version',
      summary: '1, or 2 for SMB2 and SMB3; one byte',
      direction: null,
      stage: STAGE.head,
      isInternal: true,
    },
    ({ version }) => Uint8Array.of(version),
  ),
  {
    name: 'file.data',
    aliases: ['file_data'],
    summary: 'content of a file that is read or written',
    direction: null,
    stage: STAGE.body,
    isRepeated: true,
    read: (tx, direction, nth) => transferOf(tx, direction, nth)?.content.view() ?? null,
  },
  ...fileBuffers(null, SMB_FILES),
  ...dcerpcBuffers<SmbTransaction>(({ detail }) => (detail?.kind === 'dcerpc' ? detail : null)),
];

function transferOf({ detail }: SmbTransaction, direction: Direction, nth: number): FileTransfer | null {
  return nth === 0 && detail?.kind === 'file' && detail.direction === direction ? detail : null;
}

function requestBuffer(
  name: string,
  alias: string | null,
  summary: string,
  stage: Stage,
  read: (detail: SmbDetail) => Uint8Array | null,
): BufferDefinition<SmbTransaction> {
  const aliases = alias === null ? [] : [alias];
  return singleBuffer(
    { name, aliases, summary, direction: TO_SERVER, stage, isWhole: stage === STAGE.body },
    ({ detail }) => (detail === null ? null : read(detail)),
  );
}
