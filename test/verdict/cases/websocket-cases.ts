import { fromLatin1 } from '../../../src/base/bytes.ts';
import { TO_CLIENT, TO_SERVER } from '../../../src/base/direction.ts';
import { masked, switching, UPGRADE, wsFrame } from '../../app/websocket-frames.ts';
import { conversation } from '../../support/play.ts';
import { bytesOf, type CheckCase, type CheckCases } from './check-case.ts';

const behindHandshake = (...frames: readonly Uint8Array[]): Uint8Array[] =>
  conversation([
    { direction: TO_SERVER, bytes: fromLatin1(UPGRADE) },
    { direction: TO_CLIENT, bytes: fromLatin1(switching()) },
    { direction: TO_SERVER, bytes: bytesOf(...frames) },
  ]);
const frames = (fails: readonly Uint8Array[], arrives: readonly Uint8Array[]): CheckCase => ({
  fails: behindHandshake(...fails),
  arrives: behindHandshake(...arrives),
});
/** A length in eight bytes, of which the first is this. */
const long = (first: number): Uint8Array => {
  const frame = wsFrame(new Uint8Array(100), { first: 0x82, mask: new Uint8Array(4), lengthBytes: 9 });
  frame[2] = first;
  return frame;
};

/** By the name of the check. */
export const WEBSOCKET_CASES: CheckCases = {
  'websocket.client_frame_unmasked': frames([wsFrame('a')], [masked('a')]),
  'websocket.reserved_bits': frames([masked('a', 0xa1)], [masked('a', 0x81)]),
  'websocket.invalid_opcode': frames([masked('a', 0x83)], [masked('a', 0x82)]),
  'websocket.invalid_control_frame': frames([masked('a'.repeat(126), 0x89)], [masked('a'.repeat(125), 0x89)]),
  'websocket.invalid_fragmentation': frames(
    [masked('a', 0x01), masked('b', 0x81)],
    [masked('a', 0x01), masked('b', 0x89), masked('c', 0x80)],
  ),
  'websocket.invalid_length': frames([long(0x80)], [long(0x00)]),
};
