import { COLON, CR, LF, SLASH } from '../../base/ascii.ts';
import { fromLatin1, LOWER_CASE } from '../../base/bytes.ts';
import { type Direction, TO_CLIENT } from '../../base/direction.ts';
import type { ProbeAnswer } from '../protocol.ts';
import { IS_TOKEN, isAnySpace } from './chars.ts';
import { matchPreface } from './preface.ts';

/** Ours: no other protocol whose lines begin with a word and a path has lines as long. */
const LONG_LINE_BYTES = 1024;

/**
 * A client that speaks HTTP begins with a method and a space. Known methods are enough; any other token, however long,
 * needs a version at the end of its line, or a path and a line so long that its end is not waited for, or a path and a
 * field or nothing in the line behind it: servers answer such requests too. Where there is no token, or more before it
 * than an empty line, a version at the end of the line makes it HTTP for some servers. A server begins with "HTTP/" and
 * a digit.
 */
export function probeHttp(direction: Direction, bytes: Uint8Array, start: number, end: number): ProbeAnswer {
  let at = start;
  while (at < end && (bytes[at] === CR || bytes[at] === LF)) at++;
  if (direction === TO_CLIENT) return probeStatusLine(bytes, at, end);

  const preface = matchPreface(bytes, start, end);
  if (preface !== 'no') return preface === 'yes' ? 'no' : 'more';
  while (at < end && isAnySpace(bytes[at]!)) at++;
  // nginx passes over any number of empty lines, and Python over as many blanks: nothing else begins like that.
  if (at === end && end - start >= LONG_LINE_BYTES) return 'yes';
  const methodStart = at;
  while (at < end && IS_TOKEN[bytes[at]!] === 1) at++;
  if (at === end) return 'more';
  const isLineEnd = bytes[at] === LF || (bytes[at] === CR && (at + 1 === end || bytes[at + 1] === LF));
  const isSeparated = at > methodStart && isAnySpace(bytes[at]!) && !isLineEnd;
  if (!isSeparated) return probeOddLine(bytes, methodStart, end);
  if (isKnownMethod(bytes, methodStart, at)) return 'yes';
  const hasPath = at + 1 < end && bytes[at + 1] === SLASH;
  while (at < end && bytes[at] !== LF) at++;
  if (at === end) return hasPath && end - methodStart >= LONG_LINE_BYTES ? 'yes' : 'more';
  for (let i = methodStart; i + 5 <= at; i++) if (isHttpAt(bytes, i) && bytes[i + 4] === 0x2f) return 'yes';
  const byNextLine = hasPath ? probeNextLine(bytes, at + 1, end) : 'no';
  return byNextLine === 'no' && bytes[at - 1] !== CR ? probeOddLine(bytes, at, end) : byNextLine;
}

/**
 * Behind a word and a path, a field or an empty line: servers that do not look at the version take it for a request.
 */
function probeNextLine(bytes: Uint8Array, start: number, end: number): ProbeAnswer {
  let at = start;
  while (at < end && IS_TOKEN[bytes[at]!] === 1) at++;
  if (at === end) return 'perhaps';
  return bytes[at] === COLON || (at === start && (bytes[at] === CR || bytes[at] === LF)) ? 'yes' : 'no';
}

/**
 * Anything but a token for a method, which servers take that leave it to the application to know methods, and lines
 * that end at CR LF alone.
 */
function probeOddLine(bytes: Uint8Array, start: number, end: number): ProbeAnswer {
  for (let at = start + 1; at < end; at++) {
    const byte = bytes[at]!;
    if (byte === LF && bytes[at - 1] === CR) return 'no';
    if (byte === LETTER_H && isAnySpace(bytes[at - 1]!) && isVersionAt(bytes, at, end)) return 'yes';
  }
  return 'perhaps';
}

/** In capitals: "http/1.1" is in the hello of TLS. */
function isVersionAt(bytes: Uint8Array, at: number, end: number): boolean {
  for (let i = 0; i < VERSION.length; i++) if (at + i >= end || bytes[at + i] !== VERSION[i]) return false;
  const digit = at + VERSION.length < end ? bytes[at + VERSION.length]! : 0;
  return digit >= 0x30 && digit <= 0x39;
}

function probeStatusLine(bytes: Uint8Array, start: number, end: number): ProbeAnswer {
  for (let i = 0; i < HTTP.length; i++) {
    if (start + i >= end) return 'more';
    if (LOWER_CASE[bytes[start + i]!] !== HTTP[i]) return 'no';
  }
  if (start + HTTP.length >= end) return 'more';
  const digit = bytes[start + HTTP.length]!;
  return digit >= 0x30 && digit <= 0x39 ? 'yes' : 'no';
}

const LETTER_H = 0x48;
const VERSION = fromLatin1('HTTP/');
const HTTP = [0x68, 0x74, 0x74, 0x70, 0x2f];

const isHttpAt = (bytes: Uint8Array, at: number): boolean =>
  LOWER_CASE[bytes[at]!] === 0x68 &&
  LOWER_CASE[bytes[at + 1]!] === 0x74 &&
  LOWER_CASE[bytes[at + 2]!] === 0x74 &&
  LOWER_CASE[bytes[at + 3]!] === 0x70;

function isKnownMethod(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = 0; i < METHODS.length; i++) if (isMethodAt(METHODS[i]!, bytes, start, end)) return true;
  return false;
}

function isMethodAt(method: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (method.length !== end - start) return false;
  for (let i = 0; i < method.length; i++) if (LOWER_CASE[bytes[start + i]!] !== method[i]) return false;
  return true;
}

/**
 * Lower case, the usual ones first. SIP and RTSP use OPTIONS too: their version tells, but only at the end of the line.
 */
const METHODS: readonly Uint8Array[] = [
  'get post head put delete connect trace patch propfind proppatch mkcol copy move lock unlock checkout uncheckout',
  'checkin update label report mkworkspace mkactivity merge invalid version-control baseline-control search purge',
]
  .join(' ')
  .split(' ')
  .map(fromLatin1);
