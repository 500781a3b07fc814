import { fromLatin1 } from '../../base/bytes.ts';
import { isBlank } from '../http/chars.ts';
import { nameMark } from '../http/field-name.ts';
import { type Head, takeHead } from '../http/head.ts';
import type { HttpMessage } from '../http/transaction.ts';
import type { FieldList } from './field-list.ts';
import { PSEUDO } from './pseudo-fields.ts';

const VERSION = fromLatin1('HTTP/2');
const SPACE = fromLatin1(' ');
const CRLF = fromLatin1('\r\n');
/** As `HttpVersion` has it. */
const HTTP_2 = 20;

/**
 * Puts the fields of a request in the form that HTTP/1 has, so that all that reads heads of HTTP/1 reads them: first a
 * request line, then a line for each field, the pseudo-headers included, as Suricata has it. CONNECT has no path.
 */
export function setRequestHead(message: HttpMessage, fields: FieldList): Head {
  const methodField = fields.find(PSEUDO.method);
  const pathField = fields.find(PSEUDO.path);
  const targetField = pathField >= 0 ? pathField : fields.find(PSEUDO.authority);
  const head = takeHead(fields.length + START_LINE_BYTES);
  if (methodField >= 0) {
    message.firstStart = head.length;
    appendValue(head, fields, methodField);
    message.firstEnd = head.length;
  }
  append(head, SPACE);
  if (targetField >= 0) {
    message.secondStart = head.length;
    appendValue(head, fields, targetField);
    message.secondEnd = head.length;
  }
  append(head, SPACE);
  message.thirdStart = head.length;
  append(head, VERSION);
  message.thirdEnd = head.length;
  return finish(message, head, fields);
}

/** The same for a response. It has no reason phrase. */
export function setResponseHead(message: HttpMessage, fields: FieldList): Head {
  const statusField = fields.find(PSEUDO.status);
  const head = takeHead(fields.length + START_LINE_BYTES);
  message.firstStart = 0;
  append(head, VERSION);
  message.firstEnd = head.length;
  append(head, SPACE);
  if (statusField >= 0) {
    message.secondStart = head.length;
    appendValue(head, fields, statusField);
    message.secondEnd = head.length;
  }
  return finish(message, head, fields);
}

/** Adds the fields to those that the head has: a trailer. */
export function appendFields(head: Head, fields: FieldList): void {
  const offset = head.length;
  const { bytes } = fields;
  head.append(bytes, 0, fields.length);
  for (let field = 0; field < fields.count; field++) {
    const nameStart = fields.nameStart(field);
    const nameEnd = fields.nameEnd(field);
    let start = fields.valueStart(field);
    let end = fields.valueEnd(field);
    while (start < end && isBlank(bytes[start]!)) start++;
    while (end > start && isBlank(bytes[end - 1]!)) end--;
    const mark = nameEnd > nameStart ? nameMark(bytes, nameStart, nameEnd) : 0;
    head.add(nameStart + offset, nameEnd + offset, start + offset, end + offset, mark);
  }
}

function finish(message: HttpMessage, head: Head, fields: FieldList): Head {
  head.lineEnd = head.length;
  append(head, CRLF);
  head.fieldsStart = head.length;
  head.isCanonical = false;
  head.keepsRepeats = true;
  appendFields(head, fields);
  message.head = head;
  message.hasFields = true;
  message.version = HTTP_2;
  return head;
}

const append = (head: Head, bytes: Uint8Array): void => head.append(bytes, 0, bytes.length);

const appendValue = (head: Head, fields: FieldList, field: number): void =>
  head.append(fields.bytes, fields.valueStart(field), fields.valueEnd(field));

/** What stands in the request line, without its target, or in the status line; the method may make it longer. */
const START_LINE_BYTES = 32;
