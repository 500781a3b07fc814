import { CR, LF, SLASH, SPACE, TAB } from '../../base/ascii.ts';
import { fromLatin1, LOWER_CASE } from '../../base/bytes.ts';
import { type Direction, TO_CLIENT } from '../../base/direction.ts';
import { IS_TOKEN } from './chars.ts';
import { matchPreface } from './preface.ts';

/** Ours: no other protocol whose lines begin with a word and a path has lines as long. */
const LONG_LINE_BYTES = 1024;

/**
 * A client that speaks HTTP begins with a method and a space. Known methods are enough; any other token, however long,
 * needs a version at the end of its line, or a path and a line so long that its end is not waited for: servers answer
 * such requests too. A server begins with "HTTP/" and a digit.
 */
export function probeHttp(direction: Direction, bytes: Uint8Array, start: number, end: number): 'yes' | 'no' | 'more' {
  let at = start;
  while (at < end && (bytes[at] === CR || bytes[at] === LF)) at++;
  if (direction === TO_CLIENT) return probeStatusLine(bytes, at, end);

  const preface = matchPreface(bytes, start, end);
  if (preface !== 'no') return preface === 'yes' ? 'no' : 'more';
  while (at < end && (bytes[at] === SPACE || bytes[at] === TAB)) at++;
  const methodStart = at;
  while (at < end && IS_TOKEN[bytes[at]!] === 1) at++;
  if (at === end) return 'more';
  if (at === methodStart || (bytes[at] !== SPACE && bytes[at] !== TAB)) return 'no';
  if (isKnownMethod(bytes, methodStart, at)) return 'yes';
  const hasPath = at + 1 < end && bytes[at + 1] === SLASH;
  while (at < end && bytes[at] !== LF) at++;
  if (at === end) return hasPath && end - methodStart >= LONG_LINE_BYTES ? 'yes' : 'more';
  for (let i = methodStart; i + 5 <= at; i++) if (isHttpAt(bytes, i) && bytes[i + 4] === 0x2f) return 'yes';
  return 'no';
}

function probeStatusLine(bytes: Uint8Array, start: number, end: number): 'yes' | 'no' | 'more' {
  for (let i = 0; i < HTTP.length; i++) {
    if (start + i >= end) return 'more';
    if (LOWER_CASE[bytes[start + i]!] !== HTTP[i]) return 'no';
  }
  if (start + HTTP.length >= end) return 'more';
  const digit = bytes[start + HTTP.length]!;
  return digit >= 0x30 && digit <= 0x39 ? 'yes' : 'no';
}

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
