import { Decoder } from '../../src/wire/decode.ts';
import type { Packet } from '../../src/wire/packet.ts';
import { framed } from '../support/packets.ts';

/** A packet with these bytes, decoded by a decoder that has seen something else before. */
export function decoded(bytes: Uint8Array, fields: Parameters<typeof framed>[1] = {}): Packet {
  const packet = framed(bytes, fields);
  decoder.decode(packet);
  return packet;
}

/** The bytes of the payload. */
export const payloadOf = (packet: Packet): Uint8Array => packet.bytes.slice(packet.payloadStart, packet.payloadEnd);

const decoder = new Decoder();
