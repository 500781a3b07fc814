import { TO_CLIENT, TO_SERVER } from '../../../src/base/direction.ts';
import { conversation, type Turn } from '../../support/play.ts';
import {
  andx,
  bind,
  block,
  body,
  concat,
  frame,
  request,
  response,
  smb1,
  smb2,
  u16,
  zeros,
} from '../../support/smb.ts';
import type { CheckCases } from './check-case.ts';

const FILE_ID = 'sixteen-bytes-id';
const negotiated = frame(smb2({ command: 0, messageId: 0 }, body.negotiate(0x0311)));

const sent = (...messages: readonly Uint8Array[]): Uint8Array[] =>
  conversation([negotiated, ...messages].map((bytes) => ({ direction: TO_SERVER, bytes })));

const setUp = (bytes: number): Uint8Array[] => sent(frame(smb2({ command: 1, messageId: 1 }, zeros(bytes))));

const chained = (count: number): Uint8Array[] => {
  const next = (i: number): Uint8Array => (i === count - 1 ? andx() : andx(0x74, 32 + 7 * (i + 1)));
  return sent(smb1({ command: 0x74 }, ...Array.from({ length: count }, (_, i) => block(next(i)))));
};

const write = (offset: number, content: Uint8Array): Uint8Array =>
  frame(smb2({ command: 9, messageId: 2 }, body.write(FILE_ID, offset, content)));
/** A file of 60,000 bytes, of which the first are changed so many times. */
const changed = (times: number): Uint8Array[] =>
  sent(write(0, zeros(60_000)), concat(...Array.from({ length: times }, (_, i) => write(0, u16(i + 1)))));

/** Calls of DCERPC that are open, with 65,000 bytes each, and an answer to the first. */
const calls = (count: number): Uint8Array[] =>
  conversation([
    { direction: TO_SERVER, bytes: bind(1, 'ABCDEFGHIJKLMNOP') },
    ...Array.from(
      { length: count },
      (_, i): Turn => ({
        direction: TO_SERVER,
        bytes: concat(request(2 + i, 1, 'x'.repeat(32_000), 1), request(2 + i, 1, 'x'.repeat(33_000), 0)),
      }),
    ),
    { direction: TO_CLIENT, bytes: response(2, 'x'.repeat(10_000), 1) },
  ]);

/** By the name of the check. */
export const SMB_CASES: CheckCases = {
  // 64 bytes of a header and what it begins make 64 KiB.
  'smb.record_overflow': { fails: setUp(65_473), arrives: setUp(60_000) },
  'smb.chain_too_long': { fails: chained(17), arrives: chained(16) },
  'dcerpc.open_stubs_too_long': { fails: calls(8), arrives: calls(7) },
  'smb.too_many_rewrites': { fails: changed(1100), arrives: changed(1000) },
};
