import { fromLatin1, LOWER_CASE } from '../../base/bytes.ts';
import { fieldName } from '../http/field-name.ts';
import type { Head } from '../http/head.ts';
import type { HttpOptions } from '../http/options.ts';
import type { HttpTransaction } from '../http/transaction.ts';
import { FieldList } from './field-list.ts';
import { settingsIn } from './side-reader.ts';

/** A request of HTTP/1.1 that asked for HTTP/2, as its first stream has it (RFC 7540 §3.2). */
export interface Upgrade {
  readonly fields: FieldList;
  /** Of `HTTP2-Settings`; null where it cannot be read. */
  readonly settings: readonly number[] | null;
}

/** Header fields as those of HTTP/2: names in lower case, and without those that belong to the connection. */
export function readUpgrade({ request }: HttpTransaction, { maxHeadBytes, maxFields }: HttpOptions): Upgrade {
  // It has a few bytes more for each field than it had.
  const fields = new FieldList(2 * maxHeadBytes, maxFields + PSEUDO_HEADERS);
  const { head } = request;
  if (head === null) return { fields, settings: null };
  fields.addText(':method', head.view(request.firstStart, request.firstEnd));
  fields.addText(':scheme', fromLatin1('http'));
  if (request.secondStart >= 0) fields.addText(':path', head.view(request.secondStart, request.secondEnd));
  const host = head.joined(HOST);
  if (host !== null) fields.addText(':authority', host);
  for (let field = 0; field < head.fieldCount; field++) {
    if (LEFT_OUT.some((name) => head.isNamed(field, name))) continue;
    const name = head.bytes.slice(head.nameStart(field), head.nameEnd(field));
    for (let i = 0; i < name.length; i++) name[i] = LOWER_CASE[name[i]!]!;
    const value = head.value(field);
    fields.add(name, 0, name.length, value, 0, value.length);
  }
  return { fields, settings: readSettings(head) };
}

function readSettings(head: Head): readonly number[] | null {
  const field = head.find(SETTINGS);
  const text = field < 0 ? '' : head.valueText(field);
  const bytes = Buffer.from(text, 'base64url');
  if (field < 0 || !/^[\w-]*={0,2}$/.test(text) || bytes.length % 6 !== 0) return null;
  return settingsIn(bytes, 0, bytes.length);
}

const PSEUDO_HEADERS = 4;
const HOST = fieldName('host');
const SETTINGS = fieldName('http2-settings');
const LEFT_OUT = [HOST, SETTINGS, fieldName('connection'), fieldName('upgrade')];
