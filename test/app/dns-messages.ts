import { fromLatin1 } from '../../src/base/bytes.ts';

export interface Header {
  id?: number;
  flags?: number;
  counts?: readonly [number, number, number, number];
}

/** A message whose parts follow its header as they are. Counts are one question unless given. */
export function message({ id = 1, flags = 0x0100, counts = [1, 0, 0, 0] }: Header, ...parts: Uint8Array[]): Uint8Array {
  const header = new Uint8Array(12);
  const view = new DataView(header.buffer);
  [id, flags, ...counts].forEach((value, index) => {
    view.setUint16(2 * index, value);
  });
  return joined(header, ...parts);
}

/** Labels by dots; a `@N` in the end is a pointer to offset N instead of the final zero. */
export function name(text: string): Uint8Array {
  const [, labels = '', pointer] = /^(.*?)(?:@(\d+))?$/s.exec(text)!;
  const parts = labels.split('.').filter((label) => label !== '');
  const bytes = parts.flatMap((label) => [label.length, ...fromLatin1(label)]);
  const end = pointer === undefined ? [0] : [0xc0 | (Number(pointer) >> 8), Number(pointer) & 0xff];
  return Uint8Array.from([...bytes, ...end]);
}

export const question = (text: string, type = 1): Uint8Array =>
  joined(name(text), Uint8Array.of(type >> 8, type, 0, 1));

/** `data` is the record's, time to live 60 s. */
export const record = (text: string, type: number, data: Uint8Array): Uint8Array =>
  joined(name(text), Uint8Array.of(type >> 8, type, 0, 1, 0, 0, 0, 60, data.length >> 8, data.length), data);

/** As TCP carries it. */
export const withLength = (bytes: Uint8Array): Uint8Array =>
  joined(Uint8Array.of(bytes.length >> 8, bytes.length), bytes);

export const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
