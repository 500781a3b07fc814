import { type AppEventInfo, drop, report } from '../events.ts';

/**
 * What the SMB parser reports, by Suricata's names where it has one. What a server does not like it refuses itself;
 * those drop by default that no client does, and that would hide what the server reads.
 */
export const SMB_EVENTS = {
  'smb.malformed_data': report('a message or a command that cannot be read'),
  'smb.record_overflow': drop('a request is longer than what is kept of it; its end was not looked into'),
  'smb.chain_too_long': drop('more commands of SMB1 are chained than are followed'),
  'smb.malformed_ntlmssp_request': report('fields of an NTLMSSP message lie outside it'),
  'smb.duplicate_negotiate': report('the dialect of SMB1 is negotiated while it is being negotiated'),
  'smb.negotiate_malformed_dialects': report('a dialect without a name, or the server chose one that was not offered'),
  'smb.file_overlap': report('a part of a file is written or read that was before'),
  'smb.too_many_rewrites': drop('files are written over faster than they can be looked at once more'),
  'smb.negotiate_max_read_size_too_large': report('the server allows reads of more than 16 MiB'),
  'smb.negotiate_max_write_size_too_large': report('the server allows writes of more than 16 MiB'),
  'smb.read_request_too_large': report('a read of more than what was agreed on, or than 16 MiB'),
  'smb.read_response_too_large': report('an answer with more than what was agreed on, or than 16 MiB'),
  'smb.write_request_too_large': report('a write of more than what was agreed on, or than 16 MiB'),
  'smb.read_queue_cnt_exceeded': report('parts of a file are read with too many holes between them'),
  'smb.write_queue_cnt_exceeded': report('parts of a file are written with too many holes between them'),
  'smb.too_many_transactions': report('more requests wait for their answer than are followed; the oldest is given up'),
  'smb.too_many_files': report('more files are read or written at once than are followed; the oldest is given up'),
  'smb.encrypted': report('messages are encrypted; what is in them is not inspected'),
  'smb.compressed': report('messages are compressed; what is in them is not inspected'),
  'smb.gap': report('bytes of commands were not seen; what looks like the next message is looked for'),
} as const satisfies Record<string, AppEventInfo>;

export type SmbEvent = keyof typeof SMB_EVENTS;
