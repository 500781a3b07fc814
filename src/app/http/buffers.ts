import { AT_SIGN, CR, LF, SEMICOLON } from '../../base/ascii.ts';
import { EMPTY_BYTES, fromLatin1 } from '../../base/bytes.ts';
import { type Direction, TO_CLIENT, TO_SERVER } from '../../base/direction.ts';
import { fileBuffers } from '../files.ts';
import { type BufferDefinition, STAGE } from '../protocol.ts';
import { type FieldName, fieldName } from './field-name.ts';
import { HTTP_FILES, uploadedFile } from './files.ts';
import { HOST } from './framing.ts';
import type { Head } from './head.ts';
import type { HttpMessage, HttpTransaction } from './transaction.ts';
import {
  hostNameEnd,
  isNormalTarget,
  lowered,
  normalizedHost,
  normalizeTarget,
  splitTarget,
  targetParts,
} from './uri.ts';

type Buffer = BufferDefinition<HttpTransaction>;
type Reader = (message: HttpMessage, head: Head, tx: HttpTransaction) => Uint8Array | null;

const RESPONSE_BODY = body('http.response_body', ['http_server_body'], 'response body, decoded', TO_CLIENT);

/** Every buffer of HTTP, with the content that Suricata 7 gives it. */
export const HTTP_BUFFERS: readonly Buffer[] = [
  part('http.method', ['http_method'], 'method', TO_SERVER, (message, head) =>
    piece(head, message.firstStart, message.firstEnd),
  ),
  changed(part('http.uri', ['http_uri', 'uricontent'], 'path and query, decoded once and normalised', TO_SERVER, uri)),
  part('http.uri.raw', ['http_raw_uri'], 'request target as sent', TO_SERVER, (message, head) =>
    piece(head, message.secondStart, message.secondEnd),
  ),
  part('http.request_line', ['http_request_line'], 'request line', TO_SERVER, (_message, head) =>
    piece(head, 0, head.lineEnd),
  ),
  part('http.response_line', ['http_response_line'], 'status line', TO_CLIENT, (_message, head) =>
    piece(head, 0, head.lineEnd),
  ),
  part('http.protocol', ['http_protocol'], 'version of the request or status line', null, (message, head, tx) =>
    message === tx.request
      ? piece(head, message.thirdStart, message.thirdEnd)
      : piece(head, message.firstStart, message.firstEnd),
  ),
  part('http.stat_code', ['http_stat_code'], 'status', TO_CLIENT, (message, head) =>
    piece(head, message.secondStart, message.secondEnd),
  ),
  part('http.stat_msg', ['http_stat_msg'], 'reason phrase', TO_CLIENT, (message, head) =>
    piece(head, message.thirdStart, message.thirdEnd),
  ),
  fieldsPart('http.header', ['http_header'], 'fields without cookies, one per line', null, header),
  fieldsPart('http.header.raw', ['http_raw_header'], 'fields as sent, with the empty line', null, (_message, head) =>
    head.fieldsStart < head.length ? head.rawFields : null,
  ),
  fieldsPart('http.header_names', ['http_header_names'], 'names of the fields, one per line', null, headerNames),
  fieldsPart('http.start', ['http_start'], 'start line and fields', null, start),
  single('http.request_header', 'one field of the request', TO_SERVER),
  single('http.response_header', 'one field of the response', TO_CLIENT),
  changed(fieldsPart('http.host', ['http_host'], 'host name, lower case, without port', TO_SERVER, host)),
  changed(fieldsPart('http.host.raw', ['http_raw_host'], 'host as sent', TO_SERVER, rawHost)),
  field('http.user_agent', ['http_user_agent'], 'user-agent', TO_SERVER),
  field('http.referer', ['http_referer'], 'referer', TO_SERVER),
  field('http.accept', ['http_accept'], 'accept', TO_SERVER),
  field('http.accept_lang', ['http_accept_lang'], 'accept-language', TO_SERVER),
  field('http.accept_enc', ['http_accept_enc'], 'accept-encoding', TO_SERVER),
  field('http.connection', ['http_connection'], 'connection', null),
  field('http.content_type', ['http_content_type'], 'content-type', null),
  field('http.content_len', ['http_content_len'], 'content-length', null),
  field('http.server', ['http_server'], 'server', TO_CLIENT),
  field('http.location', ['http_location'], 'location', TO_CLIENT),
  cookie(),
  body('http.request_body', ['http_client_body'], 'request body, decoded; a packed one also as it was sent', TO_SERVER),
  RESPONSE_BODY,
  {
    name: 'file.data',
    aliases: ['file_data'],
    summary: 'content of files: the response body; of uploads the request body, or the files in a form',
    direction: null,
    stage: STAGE.body,
    isRepeated: true,
    sameAs: { direction: TO_CLIENT, buffer: RESPONSE_BODY },
    read: upload,
  },
  ...fileBuffers(null, HTTP_FILES),
];

/** Where fields are repeated, folded or written in an odd way, buffers have them otherwise. */
export function readHead(tx: HttpTransaction, direction: Direction): Uint8Array | null {
  const { head, hasFields } = tx.message(direction);
  return head === null || !hasFields || !head.isCanonical || head.hasRepeats() ? null : head.view(0, head.length);
}

function piece(head: Head, start: number, end: number): Uint8Array | null {
  return start < 0 ? null : head.view(start, end);
}

function part(
  name: string,
  aliases: readonly string[],
  summary: string,
  direction: Direction | null,
  read: Reader,
): Buffer {
  return {
    name,
    aliases,
    summary,
    direction,
    stage: STAGE.head,
    isOfHead: true,
    read: (tx, asked, nth) => {
      const message = tx.message(asked);
      return nth > 0 || message.head === null || message.head.fieldsStart === 0
        ? null
        : read(message, message.head, tx);
    },
  };
}

/** Its bytes are not simply those of the head, however that is written. */
function changed(buffer: Buffer): Buffer {
  return { ...buffer, isOfHead: false };
}

/** A buffer that needs the fields. */
function fieldsPart(
  name: string,
  aliases: readonly string[],
  summary: string,
  direction: Direction | null,
  read: Reader,
): Buffer {
  return part(name, aliases, summary, direction, (message, head, tx) =>
    message.hasFields ? read(message, head, tx) : null,
  );
}

function field(name: string, aliases: readonly string[], header: string, direction: Direction | null): Buffer {
  const wanted = fieldName(header);
  return fieldsPart(name, aliases, `value of ${header}`, direction, (_message, head) => head.joined(wanted));
}

function cookie(): Buffer {
  return fieldsPart('http.cookie', ['http_cookie'], 'value of Cookie or Set-Cookie', null, (message, head, tx) =>
    message === tx.request
      ? head.joined(COOKIE, message.version === HTTP_2 ? SEMICOLON : undefined)
      : head.joined(SET_COOKIE),
  );
}

function body(name: string, aliases: readonly string[], summary: string, direction: Direction): Buffer {
  return {
    name,
    aliases,
    summary,
    direction,
    stage: STAGE.body,
    read: (tx, asked, nth) =>
      asked !== direction
        ? null
        : nth === 0
          ? content(tx.message(direction))
          : nth === 1
            ? undecodedContent(tx.message(direction))
            : null,
  };
}

/** One field each, as `name: value`. */
function single(name: string, summary: string, direction: Direction): Buffer {
  return {
    name,
    summary,
    direction,
    stage: STAGE.head,
    isOfHead: true,
    isRepeated: true,
    read: (tx, asked, nth) => {
      const message = tx.message(asked);
      const { head } = message;
      if (asked !== direction || head === null || !message.hasFields) return null;
      if (message.firstOfName === undefined) message.firstOfName = distinctFields(head);
      const first = message.firstOfName[nth];
      if (first === undefined) return null;
      const value = joinedValue(head, first);
      const name = head.view(head.nameStart(first), head.nameEnd(first));
      const line = new Uint8Array(name.length + 2 + value.length);
      line.set(name);
      line.set(COLON_SPACE, name.length);
      line.set(value, name.length + 2);
      return line;
    },
  };
}

function content(message: HttpMessage): Uint8Array | null {
  return message.body === null || message.body.length === 0 ? null : message.body.view();
}

/**
 * A packed request body as it was sent. What grows is read before what comes behind it, so that this is not there while
 * the decoded one may grow.
 */
function undecodedContent({ body, isComplete }: HttpMessage): Uint8Array | null {
  return body !== null && (isComplete || body.isFull) ? body.undecoded() : null;
}

/** The files, and behind them what they were packed in. */
function upload(tx: HttpTransaction, direction: Direction, nth: number): Uint8Array | null {
  const file = uploadedFile(tx, direction, nth);
  if (file !== null || direction === TO_CLIENT) return file;
  const isBehindLast = nth > 0 && uploadedFile(tx, direction, nth - 1) !== null;
  return isBehindLast ? undecodedContent(tx.request) : null;
}

function uri(message: HttpMessage, head: Head, tx: HttpTransaction): Uint8Array | null {
  if (message.uri === undefined) {
    message.uri = null;
    if (message.secondStart >= 0) {
      splitTarget(head.bytes, message.secondStart, message.secondEnd, tx.isConnect, parts);
      if (isNormalTarget(head.bytes, parts)) message.uri = head.view(parts.pathStart, parts.end);
      else {
        makeRoom(parts.end - parts.pathStart + 1);
        message.uri = head.keep(scratch, normalizeTarget(head.bytes, parts, scratch));
      }
    }
  }
  return message.uri;
}

function rawHost(message: HttpMessage, head: Head, tx: HttpTransaction): Uint8Array | null {
  splitTarget(head.bytes, message.secondStart, message.secondEnd, tx.isConnect, parts);
  if (parts.hostStart < 0) return head.joined(AUTHORITY) ?? head.joined(HOST);
  return normalizedHost(head.bytes, parts.hostStart, hostNameEnd(head.bytes, parts.hostStart, parts.hostEnd));
}

function host(message: HttpMessage, head: Head, tx: HttpTransaction): Uint8Array | null {
  if (message.host === undefined) {
    message.host = null;
    splitTarget(head.bytes, message.secondStart, message.secondEnd, tx.isConnect, parts);
    if (parts.hostStart >= 0) {
      message.host = normalizedHost(
        head.bytes,
        parts.hostStart,
        hostNameEnd(head.bytes, parts.hostStart, parts.hostEnd),
      );
    } else {
      const authority = head.joined(AUTHORITY);
      const value = authority ?? head.joined(HOST);
      // Suricata takes the dots off a host in the target only, and user information off the authority of HTTP/2.
      const start = authority === null ? 0 : authority.indexOf(AT_SIGN) + 1;
      if (value !== null && value.length > 0) {
        message.host = lowered(value, start, hostNameEnd(value, start, value.length));
      }
    }
  }
  return message.host;
}

function header(message: HttpMessage, head: Head, tx: HttpTransaction): Uint8Array | null {
  if (message.fields === undefined) {
    const cookieName = message === tx.request ? COOKIE : SET_COOKIE;
    if (head.isCanonical && !head.hasRepeats() && head.find(cookieName) < 0) {
      const end = head.length - 2;
      message.fields = end > head.fieldsStart ? head.view(head.fieldsStart, end) : null;
    } else message.fields = buildLines(head, 0, cookieName, '');
  }
  return message.fields;
}

function start(message: HttpMessage, head: Head): Uint8Array | null {
  if (message.start === undefined) {
    const isRaw =
      head.isCanonical && head.fieldsStart === head.lineEnd + 2 && head.fieldCount > 0 && !head.hasRepeats();
    message.start = isRaw ? head.view(0, head.length) : buildLines(head, head.lineEnd, null, '\r\n');
  }
  return message.start;
}

function headerNames(message: HttpMessage, head: Head): Uint8Array | null {
  if (message.fieldNames === undefined) {
    message.fieldNames = head.fieldCount === 0 ? null : buildNames(head);
  }
  return message.fieldNames;
}

function buildNames(head: Head): Uint8Array {
  makeRoom(head.length + 4 + 2 * head.fieldCount);
  const hasRepeats = head.hasRepeats();
  const out = scratch;
  let at = 0;
  out[at++] = CR;
  out[at++] = LF;
  for (let i = 0; i < head.fieldCount; i++) {
    if (hasRepeats && !head.isFirstOfName(i)) continue;
    const nameEnd = head.nameEnd(i);
    for (let from = head.nameStart(i); from < nameEnd; from++) out[at++] = head.bytes[from]!;
    out[at++] = CR;
    out[at++] = LF;
  }
  out[at++] = CR;
  out[at++] = LF;
  return head.keep(out, at);
}

/** `name: value` lines: values trimmed and unfolded, repeated fields joined where the first of them is. */
function buildLines(head: Head, lineBytes: number, without: FieldName | null, ending: string): Uint8Array | null {
  const skipped = without === null ? -1 : head.find(without);
  const hasRepeats = head.hasRepeats();
  makeRoom(lineBytes + 4 + head.length + 6 * head.fieldCount);
  const out = scratch;
  let at = 0;
  if (lineBytes > 0) {
    for (; at < lineBytes; at++) out[at] = head.bytes[at]!;
    out[at++] = CR;
    out[at++] = LF;
  }
  const start = at;
  for (let i = 0; i < head.fieldCount; i++) {
    if (skipped >= 0 && i >= skipped && head.isNamed(i, without!)) continue;
    if (hasRepeats && !head.isFirstOfName(i)) continue;
    const nameEnd = head.nameEnd(i);
    for (let from = head.nameStart(i); from < nameEnd; from++) out[at++] = head.bytes[from]!;
    out[at++] = 0x3a;
    out[at++] = 0x20;
    at = head.copyValue(i, out, at);
    if (hasRepeats) {
      for (let next = head.nextOfName(i); next >= 0; next = head.nextOfName(next)) {
        out[at++] = 0x2c;
        out[at++] = 0x20;
        at = head.copyValue(next, out, at);
      }
    }
    out[at++] = CR;
    out[at++] = LF;
  }
  if (at === start) return null;
  for (let i = 0; i < ending.length; i++) out[at++] = ending.charCodeAt(i);
  return head.keep(out, at);
}

function distinctFields(head: Head): number[] {
  const hasRepeats = head.hasRepeats();
  const first: number[] = [];
  for (let i = 0; i < head.fieldCount; i++) if (!hasRepeats || head.isFirstOfName(i)) first.push(i);
  return first;
}

function joinedValue(head: Head, first: number): Uint8Array {
  if (!head.hasRepeats()) return head.value(first);
  const values: Uint8Array[] = [];
  let size = 0;
  for (let i = first; i >= 0; i = head.nextOfName(i)) {
    const value = head.value(i);
    values.push(value);
    size += value.length + 2;
  }
  const joined = new Uint8Array(size);
  let at = 0;
  for (const value of values) {
    if (at > 0) {
      joined.set(COMMA_SPACE, at);
      at += 2;
    }
    joined.set(value, at);
    at += value.length;
  }
  return joined.subarray(0, at);
}

/** As `HttpVersion` has it: clients may cut Cookie into fields at each "; " (RFC 9113 §8.2.3). */
const HTTP_2 = 20;
const AUTHORITY = fieldName(':authority');
const COOKIE = fieldName('cookie');
const SET_COOKIE = fieldName('set-cookie');
const COLON_SPACE = fromLatin1(': ');
const COMMA_SPACE = fromLatin1(', ');
const parts = targetParts();
let scratch: Uint8Array = EMPTY_BYTES;

function makeRoom(bytes: number): void {
  if (scratch.length < bytes) scratch = new Uint8Array(2 * bytes);
}
