import { BACKSLASH, DEL, DOT, PERCENT, SEMICOLON, SLASH, SPACE } from '../../base/ascii.ts';
import { HEX_VALUE } from './chars.ts';
import type { HttpEvent } from './events.ts';
import type { Head } from './head.ts';
import type { HttpTransaction } from './transaction.ts';
import { decodePercent, escapeBytes, escapeValue, fitUtf8, splitTarget, type TargetParts } from './uri.ts';

/** What is wrong with a request target; a set of bits. */
const TARGET_FAULT = {
  illegalCharacter: 1,
  tooDeep: 2,
  aboveRoot: 4,
  invalidEscape: 8,
  encodedNul: 16,
  doubleEncoding: 32,
  doubleSlashFirst: 64,
} as const;

const TARGET_FAULT_EVENTS: readonly (readonly [number, HttpEvent])[] = [
  [TARGET_FAULT.illegalCharacter, 'http.uri_illegal_character'],
  [TARGET_FAULT.tooDeep, 'http.uri_path_depth_exceeded'],
  [TARGET_FAULT.aboveRoot, 'http.uri_traversal_above_root'],
  [TARGET_FAULT.invalidEscape, 'http.uri_invalid_percent_encoding'],
  [TARGET_FAULT.encodedNul, 'http.uri_encoded_nul'],
  [TARGET_FAULT.doubleEncoding, 'http.uri_double_encoding'],
  [TARGET_FAULT.doubleSlashFirst, 'http.uri_double_slash_first'],
];

/** Splits the target of a request, whose head is there, and says what is wrong with it. */
export function checkTarget(
  head: Head,
  { request, isConnect }: HttpTransaction,
  parts: TargetParts,
  maxSlashes: number,
  raise: (event: HttpEvent) => void,
): void {
  splitTarget(head.bytes, request.secondStart, request.secondEnd, isConnect, parts);
  if (request.secondStart < 0) return;
  const faults = targetFaults(head.bytes, request.secondStart, parts, maxSlashes);
  if (faults === 0) return;
  for (const [fault, event] of TARGET_FAULT_EVENTS) if ((faults & fault) !== 0) raise(event);
}

/**
 * The always-on checks of a target. Bytes from 0x80 up are allowed, since Shift-JIS and EUC-JP sites send them, and so
 * are the characters that browsers do not encode in a query although RFC 3986 does not list them ("<>^`{|}\).
 * Traversal is looked for in the path only: `..` in a query is often just text.
 */
function targetFaults(bytes: Uint8Array, start: number, parts: TargetParts, maxSlashes: number): number {
  let faults = 0;
  let hasEscape = false;
  let hasDots = false;
  let slashes = 0;
  let last = 0;
  let at = start;
  for (const pathEnd = parts.pathEnd; at < pathEnd; at++) {
    const byte = bytes[at]!;
    if (byte <= SPACE || byte === DEL) faults |= TARGET_FAULT.illegalCharacter;
    else if (byte === SLASH) slashes++;
    else if (byte === DOT) hasDots ||= last === DOT;
    else if (byte === PERCENT) hasEscape = true;
    // A UTF-8 dot or slash of more bytes than it needs.
    else if (byte >= 0xc0) hasDots = true;
    last = byte;
  }
  for (const { end } = parts; at < end; at++) {
    const byte = bytes[at]!;
    if (byte <= SPACE || byte === DEL) faults |= TARGET_FAULT.illegalCharacter;
    else if (byte === PERCENT && escapeBytes(bytes, at, end, true) === 0) faults |= TARGET_FAULT.invalidEscape;
  }
  if (slashes > maxSlashes) faults |= TARGET_FAULT.tooDeep;
  if (bytes[start] === SLASH && bytes[start + 1] === SLASH) faults |= TARGET_FAULT.doubleSlashFirst;
  if (hasEscape) faults |= escapeFaults(bytes, parts.pathStart, parts.pathEnd);
  if ((hasDots || hasEscape) && climbsAboveRoot(bytes, parts.pathStart, parts.pathEnd)) {
    faults |= TARGET_FAULT.aboveRoot;
  }
  return faults;
}

function escapeFaults(bytes: Uint8Array, start: number, end: number): number {
  let faults = 0;
  for (let at = start; at < end; at++) {
    if (bytes[at] !== PERCENT) continue;
    const width = escapeBytes(bytes, at, end, true);
    if (width === 0) {
      faults |= TARGET_FAULT.invalidEscape;
      continue;
    }
    const value = escapeValue(bytes, at, width);
    if (value === 0) faults |= TARGET_FAULT.encodedNul;
    // A path that ends in %25 is just a percent sign.
    const next = at + width;
    if (value === PERCENT && next + 1 < end && HEX_VALUE[bytes[next]!]! < 16 && HEX_VALUE[bytes[next + 1]!]! < 16) {
      faults |= TARGET_FAULT.doubleEncoding;
    }
    at = next - 1;
  }
  return faults;
}

/** Servers differ in how often they decode and in what separates segments: a fault under any reading is one. */
function climbsAboveRoot(bytes: Uint8Array, start: number, end: number): boolean {
  if (isAboveRoot(bytes, start, end)) return true;
  if (first.length < end - start) {
    first = new Uint8Array(2 * (end - start));
    second = new Uint8Array(2 * (end - start));
  }
  const once = fitUtf8(first, decodePercent(bytes, start, end, first, 0, true));
  if (isAboveRoot(first, 0, once)) return true;
  let escapeAt = 0;
  while (escapeAt < once && first[escapeAt] !== PERCENT) escapeAt++;
  if (escapeAt === once) return false;
  const twice = fitUtf8(second, decodePercent(first, 0, once, second, 0, true));
  return isAboveRoot(second, 0, twice);
}

const isAboveRoot = (bytes: Uint8Array, start: number, end: number): boolean =>
  sinksBelowZero(bytes, start, end, SLASH) || sinksBelowZero(bytes, start, end, BACKSLASH);

/** Counts segments. Empty ones do not count: some servers merge slashes. Tomcat reads `..;x=y` as `..`. */
function sinksBelowZero(bytes: Uint8Array, start: number, end: number, alsoSeparates: number): boolean {
  let depth = 0;
  let at = start;
  while (at < end) {
    let dots = 0;
    const segmentStart = at;
    while (at < end && bytes[at] === DOT) {
      dots++;
      at++;
    }
    const hasParameter = at < end && bytes[at] === SEMICOLON;
    const nameAt = at;
    while (at < end && bytes[at] !== SLASH && bytes[at] !== alsoSeparates) at++;
    const isOnlyDots = hasParameter || at === nameAt;
    if (isOnlyDots && dots === 2) {
      if (--depth < 0) return true;
    } else if (at > segmentStart && !(isOnlyDots && dots === 1)) depth++;
    at++;
  }
  return false;
}

let first = new Uint8Array(1024);
let second = new Uint8Array(1024);
