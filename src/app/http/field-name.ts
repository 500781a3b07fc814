import { fromLatin1 } from '../../base/bytes.ts';

/** A field name to look for. */
export interface FieldName {
  readonly hash: number;
  /** Lower case. */
  readonly bytes: Uint8Array;
}

export function fieldName(name: string): FieldName {
  const bytes = fromLatin1(name.toLowerCase());
  let hash = HASH_START;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, HASH_FACTOR);
  return { hash, bytes };
}

/** FNV-1a over the name in lower case. */
export const HASH_START = 0x811c9dc5 | 0;
export const HASH_FACTOR = 0x01000193;
