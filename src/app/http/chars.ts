import { CR, SPACE, TAB } from '../../base/ascii.ts';

/** 1 for the characters of a token, RFC 9110 §5.6.2. */
export const IS_TOKEN = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)) ? 1 : 0,
);

/** The value of a hexadecimal digit, 255 for any other byte. */
export const HEX_VALUE = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(value) ? 255 : value;
});

/** Between the words of a line: what C's isspace() takes, since servers use it. */
export const isSpace = (byte: number): boolean => byte === SPACE || (byte >= TAB && byte <= CR);

/**
 * Between the words of a request line for some server: also what Python's `split()` takes of ISO 8859-1, as its web
 * server and those of its frameworks use it.
 */
export const isAnySpace = (byte: number): boolean =>
  isSpace(byte) || (byte >= 0x1c && byte <= 0x1f) || byte === 0x85 || byte === 0xa0;

/** Around field values: RFC 9110 §5.6.3. */
export const isBlank = (byte: number): boolean => byte === SPACE || byte === TAB;
