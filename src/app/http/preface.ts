import { fromLatin1 } from '../../base/bytes.ts';
import type { ProbeAnswer } from '../protocol.ts';

/**
 * RFC 9113 §3.4: how a client begins that speaks HTTP/2. To a server of HTTP/1 it is a request that it cannot answer.
 */
export const PREFACE = fromLatin1('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Does a client begin HTTP/2 here (RFC 9113 §3.4)? */
export function matchPreface(bytes: Uint8Array, start: number, end: number): ProbeAnswer {
  const there = Math.min(PREFACE.length, end - start);
  for (let i = 0; i < there; i++) if (bytes[start + i] !== PREFACE[i]) return 'no';
  return there < PREFACE.length ? 'more' : 'yes';
}
