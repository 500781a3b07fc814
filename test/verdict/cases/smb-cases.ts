import { TO_SERVER } from '../../../src/base/direction.ts';
import { conversation } from '../../support/play.ts';
import { andx, block, body, concat, frame, smb1, smb2, u16, zeros } from '../../support/smb.ts';
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

/** By the name of the check. */
export const SMB_CASES: CheckCases = {
  // 64 bytes of a header and what it begins make 64 KiB.
  'smb.record_overflow': { fails: setUp(65_473), arrives: setUp(60_000) },
  'smb.chain_too_long': { fails: chained(17), arrives: chained(16) },
  'smb.too_many_rewrites': { fails: changed(1100), arrives: changed(1000) },
};
