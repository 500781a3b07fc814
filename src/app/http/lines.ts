import { CR, SPACE } from '../../base/ascii.ts';
import { IS_TOKEN, isAnySpace, isSpace } from './chars.ts';
import type { HttpEvent } from './events.ts';
import type { Head } from './head.ts';
import { type HttpMessage, type HttpTransaction, parseVersion } from './transaction.ts';

type Raise = (event: HttpEvent) => void;

/**
 * Method, target and version of a request line, as leniently as libhtp: any white space separates, the target ends at
 * the first space, and all behind it is the version. The head's start line has been found.
 */
export function parseRequestLine(head: Head, tx: HttpTransaction, raise: Raise): void {
  const { bytes, lineEnd } = head;
  const message = tx.request;
  let at = 0;
  while (at < lineEnd && isSpace(bytes[at]!)) at++;
  if (at > 0) raise('http.request_line_leading_whitespace');

  message.firstStart = at;
  let isToken = 1;
  for (; at < lineEnd && !isSpace(bytes[at]!); at++) isToken &= IS_TOKEN[bytes[at]!]!;
  if (isToken === 0) raise('http.request_method_invalid');
  message.firstEnd = at;
  const methodEnd = at;
  while (at < lineEnd && isSpace(bytes[at]!)) at++;
  if (at < lineEnd && (at - methodEnd !== 1 || bytes[methodEnd] !== SPACE)) raise('http.method_delim_non_compliant');
  tx.isHead = tx.hasMethod('HEAD');
  tx.isConnect = tx.hasMethod('CONNECT');
  if (at === lineEnd) {
    tx.isOldStyle = true;
    raise('http.request_line_missing_protocol');
    return;
  }

  const targetStart = at;
  let blankAt = -1;
  while (at < lineEnd && bytes[at] !== SPACE) {
    if (blankAt < 0 && isSpace(bytes[at]!)) blankAt = at;
    at++;
  }
  if (at === lineEnd && blankAt >= 0) at = blankAt;
  message.secondStart = targetStart;
  message.secondEnd = at;
  const targetEnd = at;
  while (at < lineEnd && isSpace(bytes[at]!)) at++;
  const isOdd = at - targetEnd !== 1 || bytes[targetEnd] !== SPACE || isAnySpace(bytes[targetEnd - 1]!);
  if (at < lineEnd && isOdd) raise('http.uri_delim_non_compliant');
  if (at === lineEnd) {
    // "GET HTTP/1.1" lacks the target: fields follow.
    tx.isOldStyle = parseVersion(bytes, targetStart, targetEnd) === null;
    raise('http.request_line_missing_protocol');
    const versionStart = targetEnd - VERSION_BYTES;
    const hasOddSpace = versionStart > targetStart && isAnySpace(bytes[versionStart - 1]!);
    if (hasOddSpace && parseVersion(bytes, versionStart, targetEnd) !== null) raise('http.uri_space');
    return;
  }
  message.thirdStart = at;
  message.thirdEnd = lineEnd;
  let versionEnd = lineEnd;
  while (versionEnd > at && isSpace(bytes[versionEnd - 1]!)) versionEnd--;
  let versionStart = versionEnd;
  while (versionStart > at && !isSpace(bytes[versionStart - 1]!)) versionStart--;
  message.version = parseVersion(bytes, versionStart, versionEnd);
  if (versionStart > at) raise('http.uri_space');
  if (methodEnd === message.firstStart || message.version === null) raise('http.request_line_invalid');
}

/** HTTP/1.1 */
const VERSION_BYTES = 8;

/** Version, status and reason of a status line. */
export function parseStatusLine(head: Head, tx: HttpTransaction, raise: Raise): void {
  const { bytes, lineEnd } = head;
  const message: HttpMessage = tx.response;
  let at = 0;
  message.firstStart = at;
  while (at < lineEnd && !isSpace(bytes[at]!)) at++;
  message.firstEnd = at;
  message.version = parseVersion(bytes, message.firstStart, at);
  if (message.version === null) raise('http.response_invalid_protocol');
  while (at < lineEnd && isSpace(bytes[at]!)) at++;
  tx.status = 0;
  if (at === lineEnd) {
    raise('http.response_invalid_status');
    return;
  }
  message.secondStart = at;
  while (at < lineEnd && !isSpace(bytes[at]!)) at++;
  message.secondEnd = at;
  tx.status = statusNumber(bytes, message.secondStart, at);
  if (tx.status === 0) raise('http.response_invalid_status');
  while (at < lineEnd && isSpace(bytes[at]!)) at++;
  if (at === lineEnd) return;
  message.thirdStart = at;
  message.thirdEnd = bytes[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd;
}

/** 100 to 999, else 0. */
export function statusNumber(bytes: Uint8Array, start: number, end: number): number {
  if (end - start !== 3) return 0;
  let status = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return 0;
    status = status * 10 + digit;
  }
  return status >= 100 ? status : 0;
}
