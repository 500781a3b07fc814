import { fromLatin1 } from '../../base/bytes.ts';

/** Names of the fields that stand for the start line: RFC 9113 §8.3, RFC 8441 §4. */
export const PSEUDO = {
  method: fromLatin1(':method'),
  scheme: fromLatin1(':scheme'),
  authority: fromLatin1(':authority'),
  path: fromLatin1(':path'),
  protocol: fromLatin1(':protocol'),
  status: fromLatin1(':status'),
} as const;
