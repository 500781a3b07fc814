import { createHash } from 'node:crypto';
import { COLON, DOT, LF, PERCENT, PLUS, SPACE } from '../base/ascii.ts';
import { LOWER_CASE } from '../base/bytes.ts';
import type { Regex } from '../base/native/regex.ts';
import { isPacketSpent, notePacketRegexWork } from './evaluate.ts';

/** Makes other bytes of those of a buffer. What it gives is borrowed: its next call overwrites it. */
export type Transform = (bytes: Uint8Array) => Uint8Array;

/** Writes into `output`, which is long enough, and says how many bytes. */
type Writer = (bytes: Uint8Array, output: Uint8Array) => number;

function writing(write: Writer, extraBytes = 0): Transform {
  let output = new Uint8Array(256);
  return (bytes) => {
    if (output.length < bytes.length + extraBytes) output = new Uint8Array(2 * (bytes.length + extraBytes));
    return output.subarray(0, write(bytes, output));
  };
}

const mapping = (map: (byte: number) => number): Transform =>
  writing((bytes, output) => {
    for (let i = 0; i < bytes.length; i++) output[i] = map(bytes[i]!);
    return bytes.length;
  });

/** As isspace in C. */
const isBlank = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);

export const toLowerCase = (): Transform => mapping((byte) => LOWER_CASE[byte]!);

export const toUpperCase = (): Transform => mapping((byte) => (byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte));

export const stripWhitespace = (): Transform =>
  writing((bytes, output) => {
    let length = 0;
    for (let i = 0; i < bytes.length; i++) if (!isBlank(bytes[i]!)) output[length++] = bytes[i]!;
    return length;
  });

/** Of blanks in a row the first stays. */
export const compressWhitespace = (): Transform =>
  writing((bytes, output) => {
    let length = 0;
    for (let i = 0; i < bytes.length; i++) {
      if (i === 0 || !isBlank(bytes[i]!) || !isBlank(bytes[i - 1]!)) output[length++] = bytes[i]!;
    }
    return length;
  });

export const dotPrefix = (): Transform =>
  writing((bytes, output) => {
    output[0] = DOT;
    output.set(bytes, 1);
    return bytes.length + 1;
  }, 1);

/** `%41` and `+`; what is no escape stays as it is. */
export const urlDecode = (): Transform =>
  writing((bytes, output) => {
    let length = 0;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!;
      const high = byte === PERCENT && i + 2 < bytes.length ? hexDigit(bytes[i + 1]!) : -1;
      const low = high >= 0 ? hexDigit(bytes[i + 2]!) : -1;
      if (low >= 0) {
        output[length++] = high * 16 + low;
        i += 2;
      } else output[length++] = byte === PLUS ? SPACE : byte;
    }
    return length;
  });

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = LOWER_CASE[byte]!;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

export const xorWith = (key: Uint8Array): Transform =>
  writing((bytes, output) => {
    for (let i = 0; i < bytes.length; i++) output[i] = bytes[i]! ^ key[i % key.length]!;
    return bytes.length;
  });

/** Names of header lines, up to the colon. */
export const headerLowerCase = (): Transform =>
  writing((bytes, output) => {
    let isName = true;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (byte === LF) isName = true;
      else if (byte === COLON) isName = false;
      output[i] = isName ? LOWER_CASE[byte]! : byte;
    }
    return bytes.length;
  });

/** HTTP/2's header lines that begin with a colon. */
export const stripPseudoHeaders = (): Transform =>
  writing((bytes, output) => {
    let length = 0;
    let isPseudo = false;
    for (let i = 0; i < bytes.length; i++) {
      if (i === 0 || bytes[i - 1] === LF) isPseudo = bytes[i] === COLON;
      if (!isPseudo) output[length++] = bytes[i]!;
    }
    return length;
  });

/** The raw bytes of the digest, not its hexadecimal form. */
export const digest =
  (algorithm: 'md5' | 'sha1' | 'sha256'): Transform =>
  (bytes) =>
    createHash(algorithm).update(bytes).digest();

/** What the expression's first group has captured; where it does not match, everything. */
export const captured =
  (regex: Regex): Transform =>
  (bytes) => {
    if (isPacketSpent()) return bytes;
    const groups = regex.match(bytes, 0, bytes.length, 0);
    notePacketRegexWork(bytes.length + regex.work);
    if (groups < 2) return bytes;
    const [start, end] = [regex.groups[2]!, regex.groups[3]!];
    return start < end && end <= bytes.length ? bytes.subarray(start, end) : bytes.subarray(0, 0);
  };
