import { fromLatin1 } from '../../src/base/bytes.ts';

export const OFFER = ['kex1,kex2', 'hostkey', 'enc-c', 'enc-s', 'mac-c', 'mac-s', 'none', 'zlib', '', ''];

/** A packet of the binary protocol with four bytes of padding. */
export function packet(message: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = new Uint8Array(6 + payload.length + 4);
  new DataView(bytes.buffer).setUint32(0, bytes.length - 4);
  bytes[4] = 4;
  bytes[5] = message;
  bytes.set(payload, 6);
  return bytes;
}

/** An offer of these lists, with random bytes that are all the same. */
export function keyExchange(lists: readonly string[], cookie = 0): Uint8Array {
  const parts = lists.flatMap((list) => [Uint8Array.of(0, 0, list.length >> 8, list.length), fromLatin1(list)]);
  return packet(20, new Uint8Array(Buffer.concat([new Uint8Array(16).fill(cookie), ...parts, new Uint8Array(5)])));
}

export const NEWKEYS = packet(21);
