import { ASTERISK, AT_SIGN, COLON, CR, LF, NUL, SLASH } from '../../base/ascii.ts';
import { fromLatin1, LOWER_CASE } from '../../base/bytes.ts';
import { type Direction, TO_CLIENT } from '../../base/direction.ts';
import { IS_TOKEN, isBlank } from '../http/chars.ts';
import type { HttpEvent } from '../http/events.ts';
import { isAuthority, isSameName } from '../http/host-checks.ts';
import { hostNameEnd } from '../http/uri.ts';
import type { Http2Event } from './events.ts';
import type { FieldList } from './field-list.ts';
import { PSEUDO } from './pseudo-fields.ts';

type Raise = (event: Http2Event | HttpEvent) => void;

/**
 * What RFC 9113 §8.2 and §8.3 forbid. A proxy that turns such a request into HTTP/1 makes another one of it, or two.
 * `isTrailer`: the fields come behind the content.
 */
export function checkFields(fields: FieldList, direction: Direction, isTrailer: boolean, raise: Raise): void {
  const faults = faultsOf(fields, isTrailer ? NO_PSEUDO_HEADERS : PSEUDO_HEADERS[direction]!);
  if (direction === TO_CLIENT) {
    const isComplete = isTrailer || fields.find(PSEUDO.status) >= 0;
    if ((faults & ~FAULT.whitespace) !== 0 || !isComplete) raise('http2.response_malformed');
    return;
  }
  for (const [fault, event] of REQUEST_EVENTS) if ((faults & fault) !== 0) raise(event);
  if (!isTrailer) checkRequest(fields, raise);
}

const FAULT = { name: 1, value: 2, whitespace: 4, connection: 8, repeated: 16, pseudo: 32 } as const;

const REQUEST_EVENTS: readonly (readonly [number, Http2Event])[] = [
  [FAULT.name, 'http2.request_field_name_invalid'],
  [FAULT.value, 'http2.request_field_value_invalid'],
  [FAULT.whitespace, 'http2.request_field_value_whitespace'],
  [FAULT.connection, 'http2.request_connection_field'],
  [FAULT.repeated, 'http2.request_pseudo_header_repeated'],
  [FAULT.pseudo, 'http2.request_pseudo_header_invalid'],
];

function faultsOf(fields: FieldList, pseudoHeaders: readonly Uint8Array[]): number {
  const { bytes } = fields;
  let faults = 0;
  let isBehind = false;
  let seen = 0;
  for (let field = 0; field < fields.count; field++) {
    const nameStart = fields.nameStart(field);
    const nameEnd = fields.nameEnd(field);
    if (nameEnd > nameStart && bytes[nameStart] === COLON) {
      const known = pseudoHeaders.findIndex((name) => fields.isNamed(field, name));
      if (known < 0 || isBehind) faults |= FAULT.pseudo;
      else if ((seen & (1 << known)) !== 0) faults |= FAULT.repeated;
      else seen |= 1 << known;
    } else {
      isBehind = true;
      if (!isLowerCaseToken(bytes, nameStart, nameEnd)) faults |= FAULT.name;
      else if (isOfConnection(fields, field)) faults |= FAULT.connection;
    }
    const valueStart = fields.valueStart(field);
    const valueEnd = fields.valueEnd(field);
    if (valueEnd === valueStart) continue;
    if (isBlank(bytes[valueStart]!) || isBlank(bytes[valueEnd - 1]!)) faults |= FAULT.whitespace;
    for (let at = valueStart; at < valueEnd; at++) {
      const byte = bytes[at]!;
      if (byte === CR || byte === LF || byte === NUL) faults |= FAULT.value;
    }
  }
  return faults;
}

/** RFC 9113 §8.3.1; RFC 8441 §4 for `:protocol`, with which CONNECT has scheme and path. */
function checkRequest(fields: FieldList, raise: Raise): void {
  const method = fields.find(PSEUDO.method);
  const path = fields.find(PSEUDO.path);
  const scheme = fields.find(PSEUDO.scheme);
  const authority = fields.find(PSEUDO.authority);
  const isConnect = method >= 0 && isValue(fields, method, CONNECT);
  const isTunnel = isConnect && fields.find(PSEUDO.protocol) < 0;
  if (method < 0 || (isTunnel ? authority < 0 : path < 0 || scheme < 0)) raise('http2.request_pseudo_header_missing');
  const isBad =
    (method >= 0 && !isToken(fields, method)) ||
    (scheme >= 0 && !isScheme(fields, scheme)) ||
    (path >= 0 && (isTunnel || !isPath(fields, path)));
  if (isBad) raise('http2.request_pseudo_header_invalid');

  const host = fields.find(HOST);
  if (host >= 0 && fields.find(HOST, host + 1) >= 0) raise('http.request_host_repeated');
  if (authority < 0) {
    if (host >= 0 && !isAuthority(fields.bytes, fields.valueStart(host), fields.valueEnd(host))) {
      raise('http.request_header_host_invalid');
    }
    return;
  }
  const { bytes } = fields;
  const start = fields.valueStart(authority);
  const end = fields.valueEnd(authority);
  for (let at = start; at < end; at++) {
    if (bytes[at] !== AT_SIGN) continue;
    raise('http2.userinfo_in_uri');
    break;
  }
  if (!isAuthority(bytes, start, end)) raise('http.request_header_host_invalid');
  for (let host = fields.find(HOST); host >= 0; host = fields.find(HOST, host + 1)) {
    const hostStart = fields.valueStart(host);
    const hostEnd = hostNameEnd(bytes, hostStart, fields.valueEnd(host));
    if (isSameName(bytes, start, hostNameEnd(bytes, start, end), bytes, hostStart, hostEnd)) continue;
    raise('http2.authority_host_mismatch');
    break;
  }
}

/** RFC 9113 §8.2.2. `te` may say `trailers`. */
function isOfConnection(fields: FieldList, field: number): boolean {
  if (fields.isNamed(field, TE)) return !isValue(fields, field, TRAILERS);
  return CONNECTION_FIELDS.some((name) => fields.isNamed(field, name));
}

function isLowerCaseToken(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (IS_TOKEN[byte] === 0 || LOWER_CASE[byte] !== byte) return false;
  }
  return end > start;
}

function isToken(fields: FieldList, field: number): boolean {
  const start = fields.valueStart(field);
  const end = fields.valueEnd(field);
  for (let at = start; at < end; at++) if (IS_TOKEN[fields.bytes[at]!] === 0) return false;
  return end > start;
}

/** RFC 3986 §3.1. */
function isScheme(fields: FieldList, field: number): boolean {
  const text = Buffer.from(fields.bytes.subarray(fields.valueStart(field), fields.valueEnd(field))).toString('latin1');
  return /^[a-z][a-z0-9+.-]{0,30}$/i.test(text);
}

/** In origin form, or `*`. */
function isPath(fields: FieldList, field: number): boolean {
  const start = fields.valueStart(field);
  const end = fields.valueEnd(field);
  if (end === start) return false;
  return fields.bytes[start] === SLASH || (fields.bytes[start] === ASTERISK && end - start === 1);
}

function isValue(fields: FieldList, field: number, value: Uint8Array): boolean {
  const start = fields.valueStart(field);
  if (fields.valueEnd(field) - start !== value.length) return false;
  for (let i = 0; i < value.length; i++) if (fields.bytes[start + i] !== value[i]) return false;
  return true;
}

const HOST = fromLatin1('host');
const CONNECT = fromLatin1('CONNECT');
const TE = fromLatin1('te');
const TRAILERS = fromLatin1('trailers');
const CONNECTION_FIELDS = ['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade'].map(
  fromLatin1,
);

/** By direction. */
const PSEUDO_HEADERS: readonly (readonly Uint8Array[])[] = [
  [PSEUDO.method, PSEUDO.path, PSEUDO.scheme, PSEUDO.authority, PSEUDO.protocol],
  [PSEUDO.status],
];
const NO_PSEUDO_HEADERS: readonly Uint8Array[] = [];
