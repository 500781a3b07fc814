import type { HttpEvent } from './events.ts';
import { fieldName } from './field-name.ts';
import type { Head } from './head.ts';
import type { HttpTransaction } from './transaction.ts';

/** How the end of a message's body is found. */
export const FRAMING = { none: 0, length: 1, chunked: 2, untilClose: 3 } as const;
export type FramingKind = (typeof FRAMING)[keyof typeof FRAMING];

/** Reused by its owner. */
export interface Framing {
  kind: FramingKind;
  lengthBytes: number;
}

type Raise = (event: HttpEvent) => void;

/**
 * RFC 9112 §6.3 for requests. What a server must refuse is an event; the framing is then the one that lenient servers
 * (and libhtp) use: chunked if the word is in Transfer-Encoding, else the first Content-Length.
 */
export function requestFraming(head: Head, tx: HttpTransaction, framing: Framing, raise: Raise): void {
  framing.kind = FRAMING.none;
  const lengthField = head.find(CONTENT_LENGTH);
  const codingField = head.find(TRANSFER_ENCODING);
  if (lengthField < 0 && codingField < 0) return;
  const { firstBroken } = head;
  if (firstBroken >= 0) {
    const isBehind = head.find(CONTENT_LENGTH, firstBroken) >= 0 || head.find(TRANSFER_ENCODING, firstBroken) >= 0;
    if (isBehind) raise('http.request_framing_behind_broken_line');
  }

  if (codingField >= 0) {
    if (lengthField >= 0) raise('http.request_content_length_and_transfer_encoding');
    const isOldVersion = tx.request.version === null || tx.request.version < 11;
    if (isOldVersion) raise('http.request_transfer_encoding_old_proto');
    const value = valuesText(head, TRANSFER_ENCODING, codingField);
    if (isOldVersion || value.toLowerCase() !== 'chunked') raise('http.invalid_transfer_encoding_value_in_request');
    if (isAnyFolded(head, TRANSFER_ENCODING, codingField)) raise('http.request_framing_field_folded');
    if (hasChunked(value)) framing.kind = FRAMING.chunked;
  }
  if (lengthField >= 0) {
    if (isAnyFolded(head, CONTENT_LENGTH, lengthField)) raise('http.request_framing_field_folded');
    const lengths = contentLengths(head, lengthField);
    if (lengths.isInvalid) raise('http.invalid_content_length_field_in_request');
    if (lengths.count > 1 && (lengths.isDifferent || lengths.isInvalid)) {
      raise('http.duplicate_content_length_field_in_request');
    }
    if (lengths.isDifferent) raise('http.request_content_length_differs');
    if (framing.kind === FRAMING.none) {
      framing.kind = FRAMING.length;
      framing.lengthBytes = lengths.first;
    }
  }
}

/** RFC 9112 §6.3 for responses that may have a body. */
export function responseFraming(head: Head, tx: HttpTransaction, framing: Framing, raise: Raise): void {
  framing.kind = FRAMING.untilClose;
  const lengthField = head.find(CONTENT_LENGTH);
  const codingField = head.find(TRANSFER_ENCODING);
  if (codingField >= 0) {
    const value = valuesText(head, TRANSFER_ENCODING, codingField);
    if (hasChunked(value)) {
      framing.kind = FRAMING.chunked;
      if (value.toLowerCase() !== 'chunked') raise('http.response_abnormal_transfer_encoding');
      if (tx.response.version === null || tx.response.version < 11) raise('http.response_chunked_old_proto');
      if (lengthField >= 0) raise('http.response_content_length_and_transfer_encoding');
    }
  }
  if (lengthField < 0) {
    const type = framing.kind === FRAMING.untilClose ? head.find(CONTENT_TYPE) : -1;
    if (type >= 0 && MULTIPART_RANGES.test(head.valueText(type))) raise('http.response_multipart_byteranges');
    return;
  }
  const lengths = contentLengths(head, lengthField);
  if (lengths.isDifferent) raise('http.duplicate_content_length_field_in_response');
  if (lengths.isInvalid) raise('http.invalid_content_length_field_in_response');
  else if (framing.kind === FRAMING.untilClose) {
    framing.kind = FRAMING.length;
    framing.lengthBytes = lengths.first;
  }
}

/** Fields that must not be in a trailer: they would change how the message was read (RFC 9110 §6.5.1). */
export const hasFramingField = (head: Head, fromField: number): boolean =>
  head.find(CONTENT_LENGTH, fromField) >= 0 ||
  head.find(TRANSFER_ENCODING, fromField) >= 0 ||
  head.find(HOST, fromField) >= 0;

export const CONTENT_LENGTH = fieldName('content-length');
const TRANSFER_ENCODING = fieldName('transfer-encoding');
export const CONTENT_ENCODING = fieldName('content-encoding');
export const HOST = fieldName('host');
export const UPGRADE = fieldName('upgrade');
const CONTENT_TYPE = fieldName('content-type');
const MULTIPART_RANGES = /multipart\/byteranges/i;

const hasChunked = (value: string): boolean => value.toLowerCase().replaceAll('\0', '').includes('chunked');

function valuesText(head: Head, name: typeof CONTENT_LENGTH, first: number): string {
  let text = head.valueText(first);
  for (let field = head.find(name, first + 1); field >= 0; field = head.find(name, field + 1)) {
    text += `,${head.valueText(field)}`;
  }
  return text;
}

function isAnyFolded(head: Head, name: typeof CONTENT_LENGTH, first: number): boolean {
  for (let field = first; field >= 0; field = head.find(name, field + 1)) if (head.isFolded(field)) return true;
  return false;
}

/** Reused: valid until the next call. */
interface ContentLengths {
  first: number;
  count: number;
  isInvalid: boolean;
  isDifferent: boolean;
}

const found: ContentLengths = { first: 0, count: 0, isInvalid: false, isDifferent: false };

function contentLengths(head: Head, firstField: number): ContentLengths {
  found.first = 0;
  found.count = 0;
  found.isInvalid = false;
  found.isDifferent = false;
  const value = head.decimal(firstField);
  if (value >= 0 && head.find(CONTENT_LENGTH, firstField + 1) < 0) {
    found.first = value;
    found.count = 1;
    return found;
  }
  for (let field = firstField; field >= 0; field = head.find(CONTENT_LENGTH, field + 1)) {
    for (const part of head.valueText(field).split(',')) {
      const digits = trimBlanks(part);
      const value = Number.parseInt(digits.replace(/^[^0-9]*/, ''), 10);
      if (!/^[0-9]+$/.test(digits) || value > Number.MAX_SAFE_INTEGER) found.isInvalid = true;
      const known = Number.isNaN(value) ? 0 : Math.min(value, Number.MAX_SAFE_INTEGER);
      if (found.count === 0) found.first = known;
      else if (known !== found.first) found.isDifferent = true;
      found.count++;
    }
  }
  return found;
}

/** Not String.trim, which takes more than OWS, and no pattern: `[ ]+$` is quadratic on runs of blanks. */
function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && (text[start] === ' ' || text[start] === '\t')) start++;
  while (end > start && (text[end - 1] === ' ' || text[end - 1] === '\t')) end--;
  return text.slice(start, end);
}
