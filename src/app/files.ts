import { createHash } from 'node:crypto';
import { EMPTY_BYTES, fromLatin1 } from '../base/bytes.ts';
import type { Direction } from '../base/direction.ts';
import { fileType, SETTLED_TYPE_BYTES } from './file-type.ts';
import { type BufferDefinition, STAGE, type Transaction } from './protocol.ts';

/**
 * Bytes of one file that rules see, of protocols that are made of files: Suricata's `content-limit` of mail. The rest
 * is not kept.
 */
export const MAX_FILE_BYTES = 100 * 1024;

/** The files that transactions carry. All three know the same number of them; each is asked of one that is there. */
export interface FileSource<T extends Transaction> {
  /**
   * Of the n-th file in this direction, as soon as its first bytes are there; empty without one. Null: no such file.
   */
  name(transaction: T, direction: Direction, nth: number): Uint8Array | null;
  /** As far as it is kept. */
  content(transaction: T, direction: Direction, nth: number): Uint8Array;
  /** Parts of it are missing, or were not kept. Asked when the direction is complete. */
  isTruncated(transaction: T, direction: Direction, nth: number): boolean;
  /** Bytes within it were never seen. Left out: nobody knows. */
  hasGap?(transaction: T, direction: Direction, nth: number): boolean;
}

/** What the hash functions are called by rules and by node:crypto. */
export const FILE_DIGESTS = ['md5', 'sha1', 'sha256'] as const;
export type FileDigest = (typeof FILE_DIGESTS)[number];

/** Of `file.size`: how many bytes are kept (u64, big-endian), then 1 where the file is truncated. */
export const FILE_SIZE = { bytes: 0, isTruncated: 8, length: 9 } as const;

/** What the keywords on files compare. Digests are computed for rules that ask, and once for all of them. */
export function fileBuffers<T extends Transaction>(
  direction: Direction | null,
  source: FileSource<T>,
): BufferDefinition<T>[] {
  return [
    {
      name: 'file.name',
      summary: 'name of a file; of one without, nothing',
      direction,
      stage: STAGE.body,
      isOfFile: true,
      isWhole: true,
      read: (tx, asked, nth) => source.name(tx, asked, nth),
    },
    {
      name: 'file.magic',
      summary: 'what kind of file it is, in the words of file(1)',
      direction,
      stage: STAGE.body,
      isOfFile: true,
      isWhole: true,
      isSettled: (tx, asked, nth) => source.content(tx, asked, nth).length >= SETTLED_TYPE_BYTES,
      read: (tx, asked, nth) => (source.name(tx, asked, nth) === null ? null : settledType(source, tx, asked, nth)),
    },
    {
      name: 'file.size',
      summary: 'how many bytes a file has, and whether it is truncated',
      direction,
      stage: STAGE.complete,
      isOfFile: true,
      isInternal: true,
      read: (tx, asked, nth) => {
        if (source.name(tx, asked, nth) === null) return null;
        const size = Buffer.alloc(FILE_SIZE.length);
        size.writeBigUInt64BE(BigInt(source.content(tx, asked, nth).length), FILE_SIZE.bytes);
        size[FILE_SIZE.isTruncated] = source.isTruncated(tx, asked, nth) ? 1 : 0;
        return size;
      },
    },
    ...FILE_DIGESTS.map((algorithm) => digestBuffer(algorithm, direction, source)),
  ];
}

function digestBuffer<T extends Transaction>(
  algorithm: FileDigest,
  direction: Direction | null,
  source: FileSource<T>,
): BufferDefinition<T> {
  return {
    name: `file.${algorithm}`,
    summary: `${algorithm} of a file; of a truncated one, nothing`,
    direction,
    stage: STAGE.complete,
    isOfFile: true,
    isInternal: true,
    read: (tx, asked, nth) => {
      if (source.name(tx, asked, nth) === null) return null;
      return fileDigest(source, algorithm, tx, asked, nth) ?? EMPTY_BYTES;
    },
  };
}

/** Found out once, when it stays as it is: rules may ask with each byte that comes. */
function settledType<T extends Transaction>(
  source: FileSource<T>,
  transaction: T,
  direction: Direction,
  nth: number,
): Uint8Array {
  const type = knownOf(transaction, 'magic', direction, nth);
  if (type !== null) return type;
  const content = source.content(transaction, direction, nth);
  const found = fromLatin1(fileType(content));
  if (content.length >= SETTLED_TYPE_BYTES) keep(transaction, 'magic', direction, nth, found);
  return found;
}

/** Of the n-th file in a direction that is complete; null where it is truncated. Computed once for all who ask. */
export function fileDigest<T extends Transaction>(
  source: FileSource<T>,
  algorithm: FileDigest,
  transaction: T,
  direction: Direction,
  nth: number,
): Uint8Array | null {
  if (source.isTruncated(transaction, direction, nth)) return null;
  const kept = knownOf(transaction, algorithm, direction, nth);
  if (kept !== null) return kept;
  const content = source.content(transaction, direction, nth);
  const digest = createHash(algorithm).update(content).digest();
  keep(transaction, algorithm, direction, nth, digest);
  return digest;
}

/** Null: nobody has asked for it. */
export const knownDigest = (
  algorithm: FileDigest,
  transaction: Transaction,
  direction: Direction,
  nth: number,
): Uint8Array | null => knownOf(transaction, algorithm, direction, nth);

/** What was found out about files. */
const known = new WeakMap<Transaction, Map<string, Uint8Array>>();
const keyOf = (what: string, direction: Direction, nth: number): string => `${what} ${direction} ${nth}`;

const knownOf = (transaction: Transaction, what: string, direction: Direction, nth: number): Uint8Array | null =>
  known.get(transaction)?.get(keyOf(what, direction, nth)) ?? null;

function keep(transaction: Transaction, what: string, direction: Direction, nth: number, value: Uint8Array): void {
  const ofTransaction = known.get(transaction) ?? new Map<string, Uint8Array>();
  known.set(transaction, ofTransaction.set(keyOf(what, direction, nth), value));
}
