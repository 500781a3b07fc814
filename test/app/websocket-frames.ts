import { randomBytes } from 'node:crypto';
import { constants, deflateRawSync } from 'node:zlib';
import { fromLatin1 } from '../../src/base/bytes.ts';

export const UPGRADE =
  'GET /chat HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
  'Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n';
export const switching = (extensions = ''): string =>
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  `Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n${
    extensions === '' ? '' : `Sec-WebSocket-Extensions: ${extensions}\r\n`
  }\r\n`;

export interface FrameForm {
  /** All of the first byte; a final text frame. */
  readonly first?: number;
  readonly mask?: Uint8Array | null;
  /** How the length is written; as short as it can be. */
  readonly lengthBytes?: 1 | 3 | 9;
}

/** RFC 6455 §5.2. */
export function wsFrame(payload: Uint8Array | string, { first = 0x81, mask = null, lengthBytes }: FrameForm = {}) {
  const content = typeof payload === 'string' ? fromLatin1(payload) : payload;
  const { length } = content;
  const form = lengthBytes ?? (length < 126 ? 1 : length < 65_536 ? 3 : 9);
  const head = Buffer.alloc(1 + form);
  head[0] = first;
  head[1] = (form === 1 ? length : form === 3 ? 126 : 127) | (mask === null ? 0 : 0x80);
  if (form === 3) head.writeUInt16BE(length, 2);
  if (form === 9) head.writeBigUInt64BE(BigInt(length), 2);
  const body = mask === null ? content : content.map((byte, i) => byte ^ mask[i % 4]!);
  return new Uint8Array(Buffer.concat([head, mask ?? new Uint8Array(0), body]));
}

/** As a client sends it. */
export const masked = (payload: Uint8Array | string, first = 0x81): Uint8Array =>
  wsFrame(payload, { first, mask: new Uint8Array(randomBytes(4)) });

/** RFC 7692 §7.2.1, referring to what was sent before. */
export function packed(text: Uint8Array | string, before = ''): Uint8Array {
  const bytes = deflateRawSync(text, {
    finishFlush: constants.Z_SYNC_FLUSH,
    ...(before !== '' && { dictionary: Buffer.from(before) }),
  });
  return new Uint8Array(bytes.subarray(0, -4));
}
