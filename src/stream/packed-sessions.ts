import { SlotRecords } from '../base/slot-records.ts';
import type { FlowSlot } from '../flow/slot.ts';
import type { TcpHalf, TcpSession, TcpState } from './session.ts';

// What is packed, in this order: numbers of 32 bits, then `offset` of each half, then one bit for each of the others.
const SESSION_NUMBERS = ['lapses', 'synWindow'] as const;
const SESSION_BITS = [
  'isEstablished',
  'isMidstream',
  'isBypassed',
  'wasBypassed',
  'hasTimestamps',
  'hasSack',
  'isSigned',
  'isFastOpen',
  'isCrossed',
  'hasServerSynAck',
] as const;
const HALF_NUMBERS = [
  'initial',
  'inInterface',
  'pickedUpAt',
  'restarts',
  'next',
  'highest',
  'acked',
  'windowEnd',
  'maxWindow',
  'windowScale',
  'recentTimestamp',
  'fin',
  'urgentBytes',
] as const;
const HALF_BITS = ['hasSyn', 'isSynced', 'isAnchored', 'hasWord', 'hasFin', 'isEnded', 'isCompared'] as const;

const HALF_BYTES = 8 + 4 * HALF_NUMBERS.length + 1;
const STATE_AT = 2 * HALF_BYTES + 4 * SESSION_NUMBERS.length;
const RECORD_BYTES = STATE_AT + 1 + 2;

/**
 * Sessions of connections that are silent, in a quarter of the memory. Packed is one of which no bytes are kept, and
 * that stands in no doubtful place: of an urgent byte, of several SYNs, or of a reset.
 */
export class PackedSessions {
  readonly #records = new SlotRecords();

  has(slot: FlowSlot): boolean {
    return this.#records.has(slot);
  }

  /** False, and nothing has changed, where it must stay. */
  pack(session: TcpSession): boolean {
    const { flow, toServer, toClient } = session;
    const isReset = session.resetDirection !== null || session.doubtfulResetDirection !== null;
    if (isReset || !isPlain(toServer) || !isPlain(toClient)) return false;
    const records = this.#records;
    records.add(flow, RECORD_BYTES);
    const { view, start } = records;
    writeHalf(view, start, toServer);
    writeHalf(view, start + HALF_BYTES, toClient);
    let at = start + 2 * HALF_BYTES;
    for (const name of SESSION_NUMBERS) {
      view.setInt32(at, session[name]);
      at += 4;
    }
    view.setUint8(at, session.state);
    view.setUint16(at + 1, bitsOf(session, SESSION_BITS));
    return true;
  }

  /** Makes `session`, which is as new, what was packed in this slot. */
  unpack(slot: FlowSlot, session: TcpSession): void {
    const records = this.#records;
    records.find(slot);
    const { view, start } = records;
    readHalf(view, start, session.toServer);
    readHalf(view, start + HALF_BYTES, session.toClient);
    let at = start + 2 * HALF_BYTES;
    for (const name of SESSION_NUMBERS) {
      session[name] = view.getInt32(at);
      at += 4;
    }
    session.state = view.getUint8(at) as TcpState;
    setBits(session, SESSION_BITS, view.getUint16(at + 1));
    records.remove(slot);
  }
}

const isPlain = ({ others, hasUrgent, queue, delivered }: TcpHalf): boolean =>
  others === null && !hasUrgent && queue === null && delivered === null;

function writeHalf(view: DataView, start: number, half: TcpHalf): void {
  view.setFloat64(start, half.offset);
  let at = start + 8;
  for (const name of HALF_NUMBERS) {
    view.setInt32(at, half[name]);
    at += 4;
  }
  view.setUint8(at, bitsOf(half, HALF_BITS));
}

function readHalf(view: DataView, start: number, half: TcpHalf): void {
  half.offset = view.getFloat64(start);
  let at = start + 8;
  for (const name of HALF_NUMBERS) {
    half[name] = view.getInt32(at);
    at += 4;
  }
  setBits(half, HALF_BITS, view.getUint8(at));
}

function bitsOf<K extends string>(of: Readonly<Record<K, boolean>>, names: readonly K[]): number {
  let bits = 0;
  for (let i = 0; i < names.length; i++) if (of[names[i]!]) bits |= 1 << i;
  return bits;
}

function setBits<K extends string>(of: Record<K, boolean>, names: readonly K[], bits: number): void {
  for (let i = 0; i < names.length; i++) of[names[i]!] = (bits & (1 << i)) !== 0;
}
