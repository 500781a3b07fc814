import { buildIp, type RawFields } from '../support/packets.ts';

/** A part of a packet's payload, in bytes; `end` exclusive. */
export interface Piece {
  start: number;
  end: number;
}

export interface FragmentFields extends Omit<RawFields, 'payload' | 'moreFragments' | 'fragmentOffsetBytes'> {
  /** What follows the IP header in the whole packet. */
  payload: Uint8Array;
}

/** One fragment of a packet, in an IP header of its own. `isLast`: instead of what follows from where it ends. */
export function fragmentOf(fields: FragmentFields, { start, end }: Piece, isLast = end >= fields.payload.length) {
  return buildIp({
    ...fields,
    payload: fields.payload.subarray(start, end),
    fragmentOffsetBytes: start,
    moreFragments: !isLast,
  });
}

/** A packet cut into pieces of this size, the last may be shorter. */
export function fragmentsOf(fields: FragmentFields, pieceBytes: number): Uint8Array[] {
  const fragments: Uint8Array[] = [];
  for (let start = 0; start < fields.payload.length; start += pieceBytes) {
    fragments.push(fragmentOf(fields, { start, end: Math.min(start + pieceBytes, fields.payload.length) }));
  }
  return fragments;
}

/** The transport part of a packet that a builder made: what is behind an IP header without options or extensions. */
export const transportOf = (packet: Uint8Array): Uint8Array => packet.slice(packet[0]! >> 4 === 4 ? 20 : 40);
