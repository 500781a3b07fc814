import { fromLatin1, LOWER_CASE } from '../../base/bytes.ts';

/** A field name to look for. */
export interface FieldName {
  readonly mark: number;
  /** Lower case. */
  readonly bytes: Uint8Array;
}

/** `name` in any case. */
export function fieldName(name: string): FieldName {
  const bytes = fromLatin1(name.toLowerCase());
  return { mark: nameMark(bytes, 0, bytes.length), bytes };
}

/**
 * Names with other marks are other names: length, first and last character in lower case. Cheaper than a hash of all
 * characters. There is at least one.
 */
export const nameMark = (bytes: Uint8Array, start: number, end: number): number =>
  ((end - start) << 16) | (LOWER_CASE[bytes[start]!]! << 8) | LOWER_CASE[bytes[end - 1]!]!;
