import { expect } from 'vitest';
import type { AppProtocol } from '../../src/app/protocol.ts';
import { createSmb } from '../../src/app/smb/smb.ts';
import { TO_CLIENT, TO_SERVER } from '../../src/base/direction.ts';
import {
  body,
  concat,
  frame,
  type Smb1Header,
  type Smb2Header,
  smb1,
  smb2,
  u16,
  u32,
  wide,
  zeros,
} from '../support/smb.ts';
import { type Piece, type Trace, trace } from './trace.ts';

export const SMB = createSmb() as AppProtocol;
export const FILE_ID = 'persistent-volat';
export const OTHER_ID = 'another-16-bytes';
export const RELATED_ID = '\xff'.repeat(16);
export const UUID = 'ABCDEFGHIJKLMNOP';

export const client = (...parts: readonly Uint8Array[]): Piece => ({ direction: TO_SERVER, bytes: concat(...parts) });
export const server = (...parts: readonly Uint8Array[]): Piece => ({ direction: TO_CLIENT, bytes: concat(...parts) });
export const asked = (command: number, messageId: number, content: Uint8Array, more: Partial<Smb2Header> = {}): Piece =>
  client(frame(smb2({ command, messageId, ...more }, content)));
export const answered = (
  command: number,
  messageId: number,
  content: Uint8Array,
  more: Partial<Smb2Header> = {},
): Piece => server(frame(smb2({ command, messageId, isResponse: true, ...more }, content)));
export const asked1 = (header: Smb1Header, ...blocks: readonly Uint8Array[]): Piece => client(smb1(header, ...blocks));
export const answered1 = (header: Smb1Header, ...blocks: readonly Uint8Array[]): Piece =>
  server(smb1({ isResponse: true, ...header }, ...blocks));

export const eventsOf = ({ lines }: Trace): string[] => lines.flatMap((line) => line.split(' ! ')[1] ?? []);
export const shownEvents = new Set<string>();
export function expectEvents(pieces: readonly Piece[], ...events: string[]): void {
  expect(eventsOf(trace(SMB, pieces))).toEqual(events);
  for (const event of events) shownEvents.add(event);
}
export const buffersOf = (pieces: readonly Piece[]): Record<string, string> =>
  Object.fromEntries(trace(SMB, pieces).buffers);
/** What is shown of files, in the order of transactions. */
export const filesOf = (pieces: readonly Piece[]): string[] =>
  Object.entries(buffersOf(pieces)).flatMap(([name, content]) => (name.endsWith(' file.data') ? [content] : []));
export const text = (content: string): Uint8Array => concat(content);

/** NTLMSSP: the message that names who logs on ([MS-NLMP] §2.2.1.3). */
export function authenticate(domain: string, user: string, host: string): Uint8Array {
  const fields = [zeros(0), zeros(0), wide(domain), wide(user), wide(host), zeros(0)];
  let at = 72;
  const heads = fields.map((field) => {
    const head = concat(u16(field.length, field.length), u32(at));
    at += field.length;
    return head;
  });
  const version = Uint8Array.of(10, 0, 0x61, 0x4a, 0, 0, 0, 15);
  return concat('NTLMSSP\0', u32(3), ...heads, u32(0x0200_0000), version, ...fields);
}

export const connected = [
  asked(0, 0, body.negotiate(0x0202, 0x0311)),
  answered(0, 0, body.negotiated(0x0311)),
  asked(1, 1, body.sessionSetup(concat('spnego', authenticate('CONTOSO', 'Administrator', 'PC1')))),
  answered(1, 1, body.error()),
  asked(3, 2, body.treeConnect('\\\\10.0.0.1\\data'), { sessionId: 9 }),
  answered(3, 2, body.treeConnected(1), { sessionId: 9, treeId: 5 }),
];
export const on = { sessionId: 9, treeId: 5 };
export const opened = [asked(5, 3, body.create('dir\\report.pdf'), on), answered(5, 3, body.created(FILE_ID, 11), on)];
export const closed = [asked(6, 20, body.close(FILE_ID), on), answered(6, 20, body.closed(), on)];
