import { fileType } from '../app/file-type.ts';
import { FILE_DIGESTS, type FileSource, knownDigest } from '../app/files.ts';
import type { AppProtocol, Transaction } from '../app/protocol.ts';
import { latin1 } from '../base/bytes.ts';
import type { Direction } from '../base/direction.ts';

/** What the transaction was, under the protocol's name in EVE: `http: { hostname, url, ... }`. */
export const transactionContext = (protocol: AppProtocol, transaction: Transaction): Record<string, unknown> => ({
  [protocol.contextKey ?? protocol.name]: protocol.describe(transaction),
  ...protocol.describeContent?.(transaction),
});

/** EVE's `fileinfo`, of a direction that is complete. `stored` is always false: nothing is stored. */
export function fileFields(
  files: FileSource<Transaction>,
  transaction: Transaction,
  direction: Direction,
  nth: number,
): Record<string, unknown> {
  const content = files.content(transaction, direction, nth);
  const fields: Record<string, unknown> = {
    filename: latin1(files.name(transaction, direction, nth)!).slice(0, MAX_NAME_CHARACTERS),
    gaps: files.hasGap?.(transaction, direction, nth) === true,
    state: files.isTruncated(transaction, direction, nth) ? 'TRUNCATED' : 'CLOSED',
    magic: fileType(content),
  };
  for (const algorithm of FILE_DIGESTS) {
    const digest = knownDigest(algorithm, transaction, direction, nth);
    if (digest !== null) fields[algorithm] = Buffer.from(digest).toString('hex');
  }
  fields.stored = false;
  fields.size = content.length;
  fields.tx_id = transaction.id;
  return fields;
}

/** A log line is for reading. */
const MAX_NAME_CHARACTERS = 1000;
