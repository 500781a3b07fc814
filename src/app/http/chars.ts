export const NUL = 0x00;
export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SPACE = 0x20;
export const PERCENT = 0x25;
export const DOT = 0x2e;
export const SLASH = 0x2f;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const BACKSLASH = 0x5c;
export const DEL = 0x7f;

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

/** Around field values: RFC 9110 §5.6.3. */
export const isBlank = (byte: number): boolean => byte === SPACE || byte === TAB;
