import { fromLatin1 } from '../../base/bytes.ts';
import { type Direction, TO_CLIENT } from '../../base/direction.ts';
import type { ProbeAnswer } from '../protocol.ts';

/** §2.2: what version 2 begins with, chosen so that servers of other protocols refuse it. */
export const SIGNATURE = fromLatin1('\r\n\r\n\0\r\nQUIT\n');
/** §2.1. Without the family it could be a method of HTTP. */
const BEGINNINGS = [SIGNATURE, ...['TCP4 ', 'TCP6 ', 'UNKNOWN'].map((family) => fromLatin1(`PROXY ${family}`))];

export function probeProxy(direction: Direction, bytes: Uint8Array, start: number, end: number): ProbeAnswer {
  if (direction === TO_CLIENT) return 'no';
  let answer: ProbeAnswer = 'no';
  for (let i = 0; i < BEGINNINGS.length; i++) {
    const sameBytes = commonBytes(BEGINNINGS[i]!, bytes, start, end);
    if (sameBytes === BEGINNINGS[i]!.length) return 'yes';
    if (sameBytes === end - start) answer = 'more';
  }
  return answer;
}

function commonBytes(beginning: Uint8Array, bytes: Uint8Array, start: number, end: number): number {
  const most = Math.min(beginning.length, end - start);
  for (let i = 0; i < most; i++) if (bytes[start + i] !== beginning[i]) return i;
  return most;
}
