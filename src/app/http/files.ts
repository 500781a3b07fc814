import { EMPTY_BYTES } from '../../base/bytes.ts';
import { type Direction, TO_CLIENT } from '../../base/direction.ts';
import type { FileSource } from '../files.ts';
import { parameter } from '../mime-field.ts';
import { fieldName } from './field-name.ts';
import { boundaryOf, MultipartForm } from './multipart.ts';
import type { HttpMessage, HttpTransaction } from './transaction.ts';
import { normalizeTarget, splitTarget, targetParts } from './uri.ts';

/**
 * The files of a request are those of a multipart form, else the body of a POST or PUT; of a response its body. As in
 * Suricata, a body without a name of its own has the path of the request, and where there is none it is no file.
 */
export const HTTP_FILES: FileSource<HttpTransaction> = {
  name(tx, direction, nth) {
    if (uploadedFile(tx, direction, nth) === null) return null;
    const form = direction === TO_CLIENT ? null : formOf(tx);
    return form === null ? bodyName(tx, tx.message(direction)) : form.fileName(nth);
  },
  content: (tx, direction, nth) => uploadedFile(tx, direction, nth) ?? EMPTY_BYTES,
  isTruncated(tx, direction, nth) {
    const { body, isCut } = tx.message(direction);
    if (body === null || body.hasGap) return true;
    return (isCut || body.isCut) && (direction === TO_CLIENT || formOf(tx)?.isOpen(nth) !== false);
  },
  hasGap: (tx, direction) => tx.message(direction).body?.hasGap === true,
};

/** The content of the n-th file, whether or not it has a name. */
export function uploadedFile(tx: HttpTransaction, direction: Direction, nth: number): Uint8Array | null {
  const { head, body } = tx.message(direction);
  if (body === null || body.length === 0) return null;
  if (direction === TO_CLIENT) return nth === 0 ? body.view() : null;
  if (head === null) return null;
  const form = formOf(tx);
  if (form === null) return nth === 0 && (tx.hasMethod('POST') || tx.hasMethod('PUT')) ? body.view() : null;
  form.advance(body, tx.request.isComplete);
  return form.file(body, nth);
}

/** Null where the body of the request is no form. */
function formOf({ request }: HttpTransaction): MultipartForm | null {
  if (request.form === undefined) {
    const { head } = request;
    const field = head === null ? -1 : head.find(CONTENT_TYPE);
    const boundary = field < 0 ? null : boundaryOf(head!.valueText(field));
    request.form = boundary === null ? null : new MultipartForm(boundary);
  }
  return request.form;
}

function bodyName(tx: HttpTransaction, message: HttpMessage): Uint8Array | null {
  if (message.fileName === undefined) {
    const { head } = message;
    const field = head === null || message === tx.request ? -1 : head.find(CONTENT_DISPOSITION);
    const name = field < 0 ? null : parameter(head!.valueText(field), 'filename');
    message.fileName = name === null || name === '' ? path(tx) : Buffer.from(name, 'latin1');
  }
  return message.fileName;
}

/** The path of the request, normalised as in `http.uri`. */
function path({ request, isConnect }: HttpTransaction): Uint8Array | null {
  const { head, secondStart, secondEnd } = request;
  if (head === null || secondStart < 0) return null;
  splitTarget(head.bytes, secondStart, secondEnd, isConnect, parts);
  if (parts.pathStart < 0 || parts.pathEnd === parts.pathStart) return null;
  parts.queryStart = -1;
  parts.fragmentStart = -1;
  const scratch = new Uint8Array(parts.pathEnd - parts.pathStart);
  return scratch.subarray(0, normalizeTarget(head.bytes, parts, scratch));
}

const CONTENT_TYPE = fieldName('content-type');
const CONTENT_DISPOSITION = fieldName('content-disposition');
const parts = targetParts();
