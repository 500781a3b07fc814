import { u8 } from '../../base/bytes.ts';
import type { Direction } from '../../base/direction.ts';
import type { Channel, ProbeAnswer } from '../protocol.ts';
import { FRAME_HEADER_BYTES, isSessionType, MAGIC_BYTES, magicAt } from './message-reader.ts';

/** As in Suricata: what a session is begun with is short. */
const MAX_FIRST_FRAME_BYTES = 255;

/**
 * A message of SMB, or one of NetBIOS sessions and then one. On the ports of SMB it need not be the first: nobody may
 * have seen how the connection began.
 */
export function probeSmb(
  _direction: Direction,
  bytes: Uint8Array,
  start: number,
  end: number,
  { serverPort }: Channel,
): ProbeAnswer {
  let at = start;
  for (;;) {
    const answer = probeFrame(bytes, at, end);
    if (answer === 'yes') return answer;
    const next = at + FRAME_HEADER_BYTES + (bytes[at + 3] ?? 0);
    if (answer === 'more' && end - at > FRAME_HEADER_BYTES + MAX_FIRST_FRAME_BYTES) return 'no';
    if (answer === 'more' && isSessionFrame(bytes, at, end) && next < end) {
      at = next;
      continue;
    }
    return answer === 'no' && SMB_PORTS.has(serverPort) && hasMessage(bytes, start, end) ? 'yes' : answer;
  }
}

const SMB_PORTS: ReadonlySet<number> = new Set([139, 445]);

function probeFrame(bytes: Uint8Array, at: number, end: number): ProbeAnswer {
  if (at >= end) return 'more';
  if (isSessionFrame(bytes, at, end)) return 'more';
  if (u8(bytes, at) !== 0) return 'no';
  const known = Math.min(end - at - FRAME_HEADER_BYTES, MAGIC_BYTES);
  for (let i = 0; i < known; i++) if (!couldBeMagic(i, u8(bytes, at + FRAME_HEADER_BYTES + i))) return 'no';
  return known < MAGIC_BYTES ? 'more' : 'yes';
}

/** RFC 1002 §4.3.1: a request for a session, its answer or a keep-alive; with at most 255 bytes. */
function isSessionFrame(bytes: Uint8Array, at: number, end: number): boolean {
  if (!isSessionType(u8(bytes, at))) return false;
  for (let i = 1; i < 3 && at + i < end; i++) if (u8(bytes, at + i) !== 0) return false;
  return true;
}

const couldBeMagic = (index: number, byte: number): boolean =>
  index === 0 ? byte >= 0xfc : byte === MAGIC_TEXT.charCodeAt(index - 1);

const MAGIC_TEXT = 'SMB';

function hasMessage(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start + FRAME_HEADER_BYTES; at + MAGIC_BYTES <= end; at++) {
    if (magicAt(bytes, at) !== null && u8(bytes, at - FRAME_HEADER_BYTES) === 0) return true;
  }
  return false;
}
