import {
  AT_SIGN,
  BACKSLASH,
  CLOSING_BRACKET,
  COLON,
  DOT,
  HASH,
  OPENING_BRACKET,
  PERCENT,
  QUESTION_MARK,
  SLASH,
} from '../../base/ascii.ts';
import { LOWER_CASE } from '../../base/bytes.ts';
import { bestFit } from './best-fit.ts';
import { HEX_VALUE, isBlank } from './chars.ts';

/** Where the parts of a request target are; offsets, -1 for a part that is not there. Reused. */
export interface TargetParts {
  hostStart: number;
  hostEnd: number;
  pathStart: number;
  pathEnd: number;
  queryStart: number;
  queryEnd: number;
  fragmentStart: number;
  end: number;
}

/** To be reused: parts that a target does not have are -1. */
export function targetParts(): TargetParts {
  return {
    hostStart: -1,
    hostEnd: -1,
    pathStart: -1,
    pathEnd: -1,
    queryStart: -1,
    queryEnd: -1,
    fragmentStart: -1,
    end: -1,
  };
}

/**
 * Splits a target (RFC 9112 §3.2) the way libhtp does: what doesn't begin with a slash has a scheme up to the first
 * colon, and only behind a scheme is there a host. `isAuthority`: the target of CONNECT.
 */
export function splitTarget(bytes: Uint8Array, start: number, end: number, isAuthority: boolean, parts: TargetParts) {
  parts.hostStart = -1;
  parts.hostEnd = -1;
  parts.pathStart = -1;
  parts.pathEnd = -1;
  parts.queryStart = -1;
  parts.queryEnd = -1;
  parts.fragmentStart = -1;
  parts.end = end;
  if (start >= end) return;
  if (isAuthority) {
    parts.hostStart = start;
    parts.hostEnd = end;
    return;
  }

  let at = start;
  if (bytes[at] !== SLASH) {
    while (at < end && bytes[at] !== COLON) at++;
    const hasScheme = at < end;
    at = hasScheme ? at + 1 : start;
    if (hasScheme && at + 2 < end && bytes[at] === SLASH && bytes[at + 1] === SLASH && bytes[at + 2] !== SLASH) {
      at += 2;
      parts.hostStart = at;
      while (at < end && bytes[at] !== QUESTION_MARK && bytes[at] !== SLASH && bytes[at] !== HASH) {
        if (bytes[at] === AT_SIGN) parts.hostStart = at + 1;
        at++;
      }
      parts.hostEnd = at;
    }
  }
  parts.pathStart = at;
  while (at < end && bytes[at] !== QUESTION_MARK && bytes[at] !== HASH) at++;
  parts.pathEnd = at;
  if (at < end && bytes[at] === QUESTION_MARK) {
    parts.queryStart = at + 1;
    while (at < end && bytes[at] !== HASH) at++;
    parts.queryEnd = at;
  }
  if (at < end) parts.fragmentStart = at + 1;
}

/** The host of an authority without its port: the end of its bytes. IPv6 addresses keep their brackets. */
export function hostNameEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  if (bytes[at] === OPENING_BRACKET) {
    while (at < end && bytes[at] !== CLOSING_BRACKET) at++;
    return at < end ? at + 1 : end;
  }
  while (at < end && bytes[at] !== COLON) at++;
  while (at > start && isBlank(bytes[at - 1]!)) at--;
  return at;
}

/** Lower case, without dots at its end. A copy. */
export function normalizedHost(bytes: Uint8Array, start: number, end: number): Uint8Array {
  let last = end;
  while (last > start && bytes[last - 1] === DOT) last--;
  return lowered(bytes, start, last);
}

/** A copy, or a view where there is nothing to change. */
export function lowered(bytes: Uint8Array, start: number, end: number): Uint8Array {
  let at = start;
  while (at < end && LOWER_CASE[bytes[at]!] === bytes[at]) at++;
  // In half the time of `subarray`.
  if (at === end) return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
  const copy = bytes.slice(start, end);
  for (let i = 0; i < copy.length; i++) copy[i] = LOWER_CASE[copy[i]!]!;
  return copy;
}

/**
 * What `http.uri` is in Suricata with its default personality: the path with %xx and %uxxxx decoded once, backslashes
 * as slashes, runs of slashes as one, UTF-8 as the best fitting single bytes and dot segments removed; behind it the
 * query with %xx decoded once, and the fragment. Scheme and host are left out. Other than libhtp, and as servers do, it
 * keeps the slash before a dot segment at the end, and makes one of an empty path. Writes to `scratch`, which has room
 * for one byte more than from the path to the end of the target, and returns the length.
 */
export function normalizeTarget(bytes: Uint8Array, parts: TargetParts, scratch: Uint8Array): number {
  const start = parts.pathStart;
  if (start < 0) return 0;
  let at = decodePath(bytes, start, parts.pathEnd, scratch);
  at = fitUtf8(scratch, at);
  at = removeDotSegments(scratch, at);
  // RFC 9110 §4.2.3: an empty path is that of the root.
  if (at === 0) scratch[at++] = SLASH;
  if (parts.queryStart >= 0) {
    scratch[at++] = QUESTION_MARK;
    at = decodePercent(bytes, parts.queryStart, parts.queryEnd, scratch, at, false);
  }
  if (parts.fragmentStart >= 0) {
    scratch[at++] = HASH;
    at = decodePercent(bytes, parts.fragmentStart, parts.end, scratch, at, true);
  }
  return at;
}

/** `normalizeTarget` would change nothing. Not exact: false is always right. */
export function isNormalTarget(bytes: Uint8Array, parts: TargetParts): boolean {
  if (parts.pathStart < 0 || parts.fragmentStart >= 0 || bytes[parts.pathStart] !== SLASH) return false;
  let last = 0;
  for (let at = parts.pathStart; at < parts.pathEnd; at++) {
    const byte = bytes[at]!;
    if (byte >= 0x80 || byte === PERCENT || byte === BACKSLASH) return false;
    if (last === SLASH && (byte === SLASH || byte === DOT)) return false;
    last = byte;
  }
  for (let at = parts.pathEnd; at < parts.end; at++) if (bytes[at] === PERCENT) return false;
  return true;
}

/** Decodes %xx once, and %uxxxx if asked. An invalid % stays. Returns the end; `target` may not overlap. */
export function decodePercent(
  bytes: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  targetAt: number,
  withU: boolean,
): number {
  let to = targetAt;
  for (let at = start; at < end; ) {
    const byte = bytes[at]!;
    if (byte !== PERCENT) {
      target[to++] = byte;
      at++;
      continue;
    }
    const width = escapeBytes(bytes, at, end, withU);
    target[to++] = width === 0 ? PERCENT : escapeValue(bytes, at, width);
    at += width === 0 ? 1 : width;
  }
  return to;
}

/** How long the escape at a % is: 3 or 6 bytes, 0 if it is not one. */
export function escapeBytes(bytes: Uint8Array, at: number, end: number, withU: boolean): number {
  if (at + 2 >= end) return 0;
  if (withU && (bytes[at + 1] === 0x75 || bytes[at + 1] === 0x55)) {
    if (at + 5 >= end) return 0;
    for (let i = 2; i < 6; i++) if (HEX_VALUE[bytes[at + i]!] === 255) return 0;
    return 6;
  }
  return HEX_VALUE[bytes[at + 1]!]! < 16 && HEX_VALUE[bytes[at + 2]!]! < 16 ? 3 : 0;
}

/** The byte that the escape at a % of that width stands for. */
export function escapeValue(bytes: Uint8Array, at: number, width: number): number {
  if (width === 3) return HEX_VALUE[bytes[at + 1]!]! * 16 + HEX_VALUE[bytes[at + 2]!]!;
  let codepoint = 0;
  for (let i = 2; i < 6; i++) codepoint = codepoint * 16 + HEX_VALUE[bytes[at + i]!]!;
  return bestFit(codepoint);
}

function decodePath(bytes: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let to = 0;
  let wasSlash = false;
  for (let at = start; at < end; ) {
    let byte = bytes[at]!;
    let width = 1;
    if (byte === PERCENT) {
      width = escapeBytes(bytes, at, end, true);
      if (width === 0) width = 1;
      else byte = escapeValue(bytes, at, width);
    }
    at += width;
    if (byte === BACKSLASH) byte = SLASH;
    if (byte !== SLASH) wasSlash = false;
    else if (wasSlash) continue;
    else wasSlash = true;
    target[to++] = byte;
  }
  return to;
}

/** UTF-8, also overlong, to single bytes in place; each broken sequence becomes one question mark. */
export function fitUtf8(bytes: Uint8Array, length: number): number {
  let first = 0;
  while (first < length && bytes[first]! < 0x80) first++;
  let to = first;
  for (let at = first; at < length; ) {
    const lead = bytes[at++]!;
    if (lead < 0x80) {
      bytes[to++] = lead;
      continue;
    }
    const more = lead >= 0xf5 || lead < 0xc0 ? 0 : lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (more === 0) {
      bytes[to++] = QUESTION_MARK;
      continue;
    }
    let codepoint = lead & (0x3f >> more);
    let seen = 0;
    while (seen < more && at < length && (bytes[at]! & 0xc0) === 0x80) {
      codepoint = codepoint * 64 + (bytes[at++]! & 0x3f);
      seen++;
    }
    if (seen === more) bytes[to++] = bestFit(codepoint);
    else if (at < length) bytes[to++] = QUESTION_MARK;
  }
  return to;
}

/** RFC 3986 §5.2.4 in place. */
function removeDotSegments(bytes: Uint8Array, length: number): number {
  let dot = 0;
  while (dot < length && bytes[dot] !== DOT) dot++;
  if (dot === length) return length;

  let at = 0;
  let to = 0;
  // Dot segments at the beginning of a path without slash.
  for (;;) {
    const dots = dotsAt(bytes, at, length);
    if (dots === 0) break;
    at = Math.min(length, at + dots + 1);
  }
  while (at < length) {
    if (bytes[at] === SLASH) {
      const dots = dotsAt(bytes, at + 1, length);
      if (dots > 0) {
        at += dots + 1;
        if (dots === 2) {
          while (to > 0 && bytes[to - 1] !== SLASH) to--;
          if (to > 0) to--;
        }
        if (at === length) bytes[to++] = SLASH;
        continue;
      }
    }
    bytes[to++] = bytes[at++]!;
    while (at < length && bytes[at] !== SLASH) bytes[to++] = bytes[at++]!;
  }
  return to;
}

/** 1 or 2 if the segment that begins here is exactly "." or "..", else 0. */
function dotsAt(bytes: Uint8Array, at: number, length: number): 0 | 1 | 2 {
  if (at >= length || bytes[at] !== DOT) return 0;
  if (at + 1 === length || bytes[at + 1] === SLASH) return 1;
  if (bytes[at + 1] !== DOT) return 0;
  return at + 2 === length || bytes[at + 2] === SLASH ? 2 : 0;
}
