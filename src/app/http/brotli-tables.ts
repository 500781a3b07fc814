import { runs } from './deflate-tables.ts';

// RFC 7932. Symbols with n extra bits stand for 2^n values.

/** §3.5: in which order the lengths of the code for code lengths come. */
export const CODE_LENGTH_ORDER = [1, 2, 3, 4, 0, 5, 17, 6, 16, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/** §5: how many literals a command inserts, and how many bytes it copies. */
export const INSERT_EXTRA_BITS = [0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9, 10, 12, 14, 24];
export const INSERT_BASE = runs(0, INSERT_EXTRA_BITS);
export const COPY_EXTRA_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 9, 10, 24];
export const COPY_BASE = runs(2, COPY_EXTRA_BITS);
/** The first insert and copy code of each 64 command symbols. Those below 128 repeat the last distance. */
export const INSERT_CELLS = [0, 0, 0, 0, 8, 8, 0, 16, 8, 16, 16];
export const COPY_CELLS = [0, 8, 0, 8, 0, 8, 16, 0, 16, 8, 16];

/** §6. */
export const BLOCK_COUNT_EXTRA_BITS = [
  2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 7, 8, 9, 10, 11, 12, 13, 24,
];
export const BLOCK_COUNT_BASE = runs(1, BLOCK_COUNT_EXTRA_BITS);

/** §4: the first distance codes, as which of the last four distances, and what is added to it. */
export const LAST_DISTANCE = [0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1];
export const LAST_DISTANCE_CHANGE = [0, 0, 0, 0, -1, 1, -2, 2, -3, 3, -1, 1, -2, 2, -3, 3];

function contexts(last: (byte: number) => number, beforeLast: (byte: number) => number): Uint8Array {
  return Uint8Array.from({ length: 512 }, (_, at) => (at < 256 ? last(at) : beforeLast(at - 256)));
}

function utf8Last(byte: number): number {
  if (byte >= 0xc0) return 2 + (byte & 1);
  if (byte >= 0x80) return byte & 1;
  const group = ASCII_GROUPS.findIndex((characters) => characters.includes(String.fromCharCode(byte)));
  return (group + 1) * 4;
}

/** Other characters of ASCII are in the group before these. */
const ASCII_GROUPS = [
  '\t\n\r',
  ' ',
  '!#$&*+-/?@\\^_`|~',
  '"\'',
  '%',
  '(<[{',
  ')>]}',
  ',:;',
  '.',
  '=',
  '0123456789',
  'AEIOU',
  'BCDFGHJKLMNPQRSTVWXYZ',
  'aeiou',
  'bcdfghjklmnpqrstvwxyz',
];

function utf8BeforeLast(byte: number): number {
  const character = String.fromCharCode(byte);
  if (/[a-z]/.test(character)) return 3;
  if (/[0-9A-Z]/.test(character) || byte >= 0xe0) return 2;
  return byte > 0x20 && byte < 0x7f ? 1 : 0;
}

/** How large a byte is that may have a sign. */
function magnitude(byte: number): number {
  return MAGNITUDE_STARTS.filter((start) => start <= byte).length;
}

const MAGNITUDE_STARTS = [1, 16, 64, 128, 192, 240, 255];

/**
 * §7.1: which of 64 contexts a literal is in, by the byte before it (`[0, 256)` of a table) and the one before that
 * (`[256, 512)`), whose bits are joined. By mode: LSB6, MSB6, UTF8, Signed.
 */
export const CONTEXTS: readonly Uint8Array[] = [
  contexts(
    (last) => last & 0x3f,
    () => 0,
  ),
  contexts(
    (last) => last >> 2,
    () => 0,
  ),
  contexts(utf8Last, utf8BeforeLast),
  contexts((last) => magnitude(last) << 3, magnitude),
];
