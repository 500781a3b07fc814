import { fromLatin1 } from '../../src/base/bytes.ts';

/** Bytes of SMB and DCERPC, made field by field. */

export const concat = (...parts: readonly (string | Uint8Array)[]): Uint8Array =>
  new Uint8Array(Buffer.concat(parts.map((part) => (typeof part === 'string' ? fromLatin1(part) : part))));

export const u16 = (...values: readonly number[]): Uint8Array =>
  Uint8Array.from(values.flatMap((value) => [value & 0xff, (value >> 8) & 0xff]));

export const u32 = (...values: readonly number[]): Uint8Array =>
  concat(...values.map((value) => u16(value & 0xffff, Math.floor(value / 2 ** 16) & 0xffff)));

export const u64 = (value: number): Uint8Array => u32(value % 2 ** 32, Math.floor(value / 2 ** 32));

export const zeros = (count: number): Uint8Array => new Uint8Array(count);

/** Two bytes for each character. */
export const wide = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'utf16le'));

/** RFC 1002 §4.3.1: messages in the frame of a session. */
export function frame(...messages: readonly Uint8Array[]): Uint8Array {
  const content = concat(...messages);
  return concat(Uint8Array.of(0, content.length >> 16, content.length >> 8, content.length), content);
}

export interface Smb2Header {
  readonly command: number;
  readonly messageId: number;
  readonly treeId?: number;
  readonly sessionId?: number;
  readonly status?: number;
  readonly isResponse?: boolean;
  readonly isRelated?: boolean;
}

/** One command of SMB2. */
export function smb2(header: Smb2Header, body: Uint8Array, nextCommandAt = 0): Uint8Array {
  const { command, messageId, treeId = 0, sessionId = 0, status = 0, isResponse = false, isRelated = false } = header;
  const flags = (isResponse ? 1 : 0) | (isRelated ? 4 : 0);
  return concat(
    ...['\xfeSMB', u16(64, 0), u32(status), u16(command, 1), u32(flags, nextCommandAt), u64(messageId)],
    ...[u32(0, treeId), u64(sessionId), zeros(16), body],
  );
}

/** Commands in one message, each aligned to 8 bytes. */
export function chain(...commands: readonly [Smb2Header, Uint8Array][]): Uint8Array {
  return frame(
    ...commands.map(([header, body], index) => {
      if (index === commands.length - 1) return smb2(header, body);
      const bytes = 64 + Math.ceil(body.length / 8) * 8;
      return concat(smb2(header, body, bytes), zeros(bytes - 64 - body.length));
    }),
  );
}

/** [MS-SMB2] §2.2: bodies of commands, as far as somebody reads them. */
export const body = {
  negotiate: (...dialects: readonly number[]) =>
    concat(u16(36, dialects.length), zeros(8), 'client-guid-0123', zeros(8), u16(...dialects)),
  negotiated: (dialect: number, maxBytes = 2 ** 20) =>
    concat(u16(65, 0, dialect, 0), 'server-guid-0123', u32(0, maxBytes, maxBytes, maxBytes), zeros(24)),
  sessionSetup: (blob: Uint8Array) => concat(u16(25, 0), zeros(8), u16(88, blob.length), zeros(8), blob),
  treeConnect: (path: string) => concat(u16(9, 0, 72, path.length * 2), wide(path)),
  treeConnected: (type: number) => concat(u16(16), Uint8Array.of(type, 0), zeros(12)),
  create: (name: string) =>
    concat(u16(57, 0), zeros(32), u32(1, 0), u16(120, name.length * 2), zeros(8), wide(name), zeros(2)),
  created: (fileId: string, sizeBytes = 0) =>
    concat(u16(89, 0), u32(1), zeros(40), u64(sizeBytes), zeros(8), fileId, zeros(8)),
  read: (fileId: string, offset: number, bytes: number) =>
    concat(u16(49, 0), u32(bytes), u64(offset), fileId, zeros(17)),
  data: (content: Uint8Array) => concat(u16(17), Uint8Array.of(80, 0), u32(content.length, 0, 0), content),
  write: (fileId: string, offset: number, content: Uint8Array) =>
    concat(u16(49, 112), u32(content.length), u64(offset), fileId, zeros(16), content),
  written: (bytes: number) => concat(u16(17, 0), u32(bytes, 0, 0)),
  pipeCall: (fileId: string, input: Uint8Array) =>
    concat(u16(57, 0), u32(0x11_c017), fileId, u32(120, input.length, 0, 0, 0, 1024, 1, 0), input),
  pipeAnswer: (fileId: string, output: Uint8Array) =>
    concat(u16(49, 0), u32(0x11_c017), fileId, u32(112, 0, 112, output.length, 0, 0), output),
  close: (fileId: string) => concat(u16(24, 0), u32(0), fileId),
  closed: () => concat(u16(60, 0), zeros(56)),
  error: () => concat(u16(9, 0), u32(0), zeros(1)),
};

export interface Smb1Header {
  readonly command: number;
  readonly multiplexId?: number;
  readonly treeId?: number;
  readonly status?: number;
  readonly isResponse?: boolean;
  /** Names have one byte for each character. */
  readonly isAscii?: boolean;
}

/** A message of SMB1: [MS-CIFS] §2.2.3. */
export function smb1(header: Smb1Header, ...blocks: readonly Uint8Array[]): Uint8Array {
  const { command, multiplexId = 1, treeId = 0, status = 0, isResponse = false, isAscii = false } = header;
  const flags2 = 0x4000 | (isAscii ? 0 : 0x8000);
  return frame(
    concat(
      ...['\xffSMB', Uint8Array.of(command), u32(status), Uint8Array.of(isResponse ? 0x80 : 0), u16(flags2)],
      ...[zeros(12), u16(treeId, 7, 1, multiplexId), ...blocks],
    ),
  );
}

/** Words and data of a command. */
export const block = (words: Uint8Array, data: Uint8Array = zeros(0)): Uint8Array =>
  concat(Uint8Array.of(words.length / 2), words, u16(data.length), data);

/** What words begin with that may be followed by another command. */
export const andx = (next = 0xff, nextAt = 0): Uint8Array => concat(Uint8Array.of(next, 0), u16(nextAt));

/** A fragment of DCERPC: C706 §12.6. */
export function pdu(type: number, callId: number, content: Uint8Array, flags = 3, isLittleEndian = true): Uint8Array {
  const length = 16 + content.length;
  if (isLittleEndian) {
    return concat(Uint8Array.of(5, 0, type, flags, 0x10, 0, 0, 0), u16(length, 0), u32(callId), content);
  }
  const head = Buffer.alloc(8);
  head.writeUInt16BE(length);
  head.writeUInt32BE(callId, 4);
  return concat(Uint8Array.of(5, 0, type, flags, 0, 0, 0, 0), head, content);
}

const NDR = '\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\x00\x2b\x10\x48\x60\x02\x00\x00\x00';

/** `uuid` as on the wire. */
export const bind = (callId: number, uuid: string, version = 1): Uint8Array =>
  pdu(11, callId, concat(u16(4280, 4280), u32(0, 1), u16(0, 1), uuid, u16(version, 0), NDR));

export const bindAck = (callId: number, result = 0): Uint8Array =>
  pdu(12, callId, concat(u16(4280, 4280), u32(0), u16(6), '\\pipe\0', u32(1), u16(result, 0), NDR));

export const request = (callId: number, opnum: number, stub: string, flags = 3): Uint8Array =>
  pdu(0, callId, concat(u32(stub.length), u16(0, opnum), stub), flags);

export const response = (callId: number, stub: string, flags = 3): Uint8Array =>
  pdu(2, callId, concat(u32(stub.length), u32(0), stub), flags);
