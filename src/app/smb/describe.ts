import { describeCall } from '../dcerpc/dcerpc.ts';
import { MAX_LISTED, shownText } from '../shown-text.ts';
import { commandName, statusName } from './names.ts';
import type { Creation, Negotiation, SmbDetail, SmbTransaction, TreeConnect } from './transaction.ts';

/** EVE's `smb` object. */
export function describeSmb(tx: SmbTransaction): Record<string, unknown> {
  const { id, agreement, version, command, status, hasDosError, sessionId, treeId, detail } = tx;
  return {
    id: id + 1,
    dialect: agreement.dialect,
    command: commandName(version, command),
    ...(status !== null && !hasDosError && { status: statusName(status), status_code: `0x${status.toString(16)}` }),
    ...{ session_id: sessionId, tree_id: treeId },
    ...(detail !== null && describeDetail(detail, tx)),
  };
}

function describeDetail(detail: SmbDetail, tx: SmbTransaction): Record<string, unknown> {
  switch (detail.kind) {
    case 'negotiate':
      return describeNegotiation(detail, tx);
    case 'session':
      return detail.account === null ? {} : { ntlmssp: describeAccount(detail.account) };
    case 'tree':
      return describeTree(detail, tx.version);
    case 'create':
      return describeCreation(detail);
    case 'file': {
      const { name, tree, id } = detail.file;
      const share = tree === null ? '' : shownText(tree.name);
      return { filename: shownText(name), share, fuid: id === null ? '' : fileIdText(Buffer.from(id, 'latin1')) };
    }
    case 'dcerpc':
      return { dcerpc: { ...describeCall(detail), call_id: detail.callId } };
  }
}

function describeNegotiation(
  { dialects, clientGuid, serverGuid }: Negotiation,
  { agreement }: SmbTransaction,
): Record<string, unknown> {
  return {
    client_dialects: dialects.slice(0, MAX_LISTED),
    ...(clientGuid !== null && { client_guid: fileIdText(clientGuid) }),
    server_guid: serverGuid === null ? '' : fileIdText(serverGuid),
    ...(agreement.maxReadBytes > 0 && { max_read_size: agreement.maxReadBytes }),
    ...(agreement.maxWriteBytes > 0 && { max_write_size: agreement.maxWriteBytes }),
  };
}

const describeAccount = ({
  domain,
  user,
  host,
  version,
}: {
  domain: Uint8Array;
  user: Uint8Array;
  host: Uint8Array;
  version: string | null;
}): Record<string, unknown> => ({
  ...{ domain: shownText(domain), user: shownText(user), host: shownText(host) },
  ...(version !== null && { version }),
});

function describeTree(detail: TreeConnect, version: 1 | 2): Record<string, unknown> {
  const { tree, requestService, responseService, shareType } = detail;
  return {
    [tree.isPipe ? 'named_pipe' : 'share']: shownText(tree.name),
    ...(version === 1
      ? {
          service: {
            ...(requestService !== null && { request: requestService }),
            ...(responseService !== null && { response: responseService }),
          },
        }
      : { share_type: SHARE_TYPES[shareType] ?? 'UNKNOWN' }),
  };
}

function describeCreation({ name, disposition, options, sizeBytes, fileId }: Creation): Record<string, unknown> {
  return {
    [name.length > 0 && (options & DIRECTORY) !== 0 ? 'directory' : 'filename']:
      name.length > 0 ? shownText(name) : '<share_root>',
    disposition: DISPOSITIONS[disposition] ?? 'UNKNOWN',
    access: (options & DELETE_ON_CLOSE) === 0 ? 'normal' : 'delete on close',
    size: sizeBytes,
    fuid: fileId === null ? '' : fileIdText(fileId),
  };
}

// [MS-SMB2] §2.2.13, and the same in [MS-CIFS] §2.2.4.64.
const DIRECTORY = 0x0000_0001;
const DELETE_ON_CLOSE = 0x0000_1000;
const DISPOSITIONS = ['SUPERSEDE', 'OPEN', 'CREATE', 'OPEN_IF', 'OVERWRITE', 'OVERWRITE_IF'].map(
  (name) => `FILE_${name}`,
);
const SHARE_TYPES: readonly (string | undefined)[] = [undefined, 'FILE', 'PIPE', 'PRINT'];

/** A file's number: two bytes of SMB1, 16 of SMB2, which are shown as Suricata does. */
function fileIdText(bytes: Uint8Array): string {
  const hex = (indexes: readonly number[]): string =>
    indexes.map((index) => (bytes[index] ?? 0).toString(16).padStart(2, '0')).join('');
  if (bytes.length === 2) return hex([1, 0]);
  const groups = [
    [3, 2, 1, 0],
    [5, 4],
    [7, 6],
    [9, 8],
    [11, 10, 15, 14, 13, 12],
  ];
  const parts = groups.map(hex);
  return [...parts.slice(0, 4), parts[4]!].join('-');
}
