import { COLON } from '../../base/ascii.ts';
import { LOWER_CASE } from '../../base/bytes.ts';
import type { HttpEvent } from './events.ts';
import { HOST } from './framing.ts';
import type { Head } from './head.ts';
import { type HttpTransaction, startsWithHttp } from './transaction.ts';
import { hostNameEnd, type TargetParts } from './uri.ts';

/** RFC 9112 §3.2 and §3.3: who the request is for must be said, once, and alike in target and Host field. */
export function checkHost(
  head: Head,
  tx: HttpTransaction,
  parts: TargetParts,
  field: number,
  raise: (event: HttpEvent) => void,
): void {
  const { version } = tx.request;
  const isInTarget = parts.hostStart >= 0;
  if (isInTarget ? !isAuthority(head.bytes, parts.hostStart, parts.hostEnd) : lacksHost(head, tx)) {
    raise('http.request_uri_host_invalid');
  }
  if (field < 0) {
    if (version !== null && version >= 11) raise('http.missing_host_header');
    return;
  }
  const isPlain = !head.isFolded(field);
  const value = isPlain ? head.bytes : head.value(field);
  const start = isPlain ? head.valueStart(field) : 0;
  const end = isPlain ? head.valueEnd(field) : value.length;
  if (head.find(HOST, field + 1) >= 0) raise('http.request_host_repeated');
  if (!isAuthority(value, start, end)) raise('http.request_header_host_invalid');
  if (!isInTarget) return;
  const targetEnd = hostNameEnd(head.bytes, parts.hostStart, parts.hostEnd);
  const valueEnd = hostNameEnd(value, start, end);
  const isOtherName = !isSameName(head.bytes, parts.hostStart, targetEnd, value, start, valueEnd);
  const targetPort = portIn(head.bytes, targetEnd, parts.hostEnd);
  const valuePort = portIn(value, valueEnd, end);
  const isOtherPort = targetPort >= 0 && valuePort >= 0 && targetPort !== valuePort;
  if (isOtherName || isOtherPort) raise('http.host_header_ambiguous');
}

/** What stands behind a host name: `:` and a number. -1: nothing, or no port. */
function portIn(bytes: Uint8Array, nameEnd: number, end: number): number {
  if (nameEnd === end || bytes[nameEnd] !== COLON || end - nameEnd > 6) return -1;
  let port = 0;
  for (let at = nameEnd + 1; at < end; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    port = port * 10 + digit;
  }
  return port < 65_536 ? port : -1;
}

/** `http:/a` or `http:///a`: of a target with such a scheme, RFC 9110 §4.2.1 wants a host. */
function lacksHost({ bytes }: Head, { request: { secondStart, secondEnd } }: HttpTransaction): boolean {
  if (secondStart < 0 || !startsWithHttp(bytes, secondStart, secondEnd)) return false;
  const at = LOWER_CASE[bytes[secondStart + 4]!] === LETTER_S ? secondStart + 5 : secondStart + 4;
  return at < secondEnd && bytes[at] === COLON;
}

/** A host name, an address or a bracketed IPv6 address, and perhaps a port. An empty one is allowed. */
export function isAuthority(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return true;
  const nameEnd = hostNameEnd(bytes, start, end);
  const isBracketed = bytes[start] === 0x5b;
  if (nameEnd === start) return false;
  for (let at = start; at < nameEnd; at++) {
    const allowed = isBracketed ? IS_IPV6_CHARACTER : IS_HOST_CHARACTER;
    if (allowed[bytes[at]!] === 0) return false;
  }
  if (nameEnd === end) return !isBracketed || bytes[end - 1] === 0x5d;
  return portIn(bytes, nameEnd, end) >= 0;
}

/** Host names in any case (RFC 9110 §4.2.3). */
export function isSameName(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): boolean {
  if (aEnd - aStart !== bEnd - bStart) return false;
  for (let i = 0; i < aEnd - aStart; i++) {
    if (LOWER_CASE[a[aStart + i]!] !== LOWER_CASE[b[bStart + i]!]) return false;
  }
  return true;
}

const LETTER_S = 0x73;
/** RFC 3986 §3.2.2, and the underscore and raw UTF-8 that names in use have. */
const IS_HOST_CHARACTER = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x80 || /[A-Za-z0-9\-._~%!$&'()*+;=]/.test(String.fromCharCode(byte)) ? 1 : 0,
);
const IS_IPV6_CHARACTER = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[0-9A-Fa-f:.[\]v%]/.test(String.fromCharCode(byte)) ? 1 : 0,
);
