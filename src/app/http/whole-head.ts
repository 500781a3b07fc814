import { COLON, CR, LF, SPACE, TAB } from '../../base/ascii.ts';
import { IS_TOKEN, isBlank } from './chars.ts';
import { nameMark } from './field-name.ts';
import type { Head } from './head.ts';
import { endsInVersion } from './head-scanner.ts';
import { MAX_LINE_BYTES } from './options.ts';

/**
 * Takes a head that lies whole and without any fault in `bytes[start, end)`, as nearly all do: it is copied, its start
 * line is found and its fields are parsed in one pass. Returns where it ends, or -1 with nothing taken: then it has to
 * be scanned and parsed bit by bit, which takes twice as long for a small request (test/bench/http.ts, Node 20).
 * `needsVersion`: a start line that does not end in one is a fault.
 */
export function takeWholeHead(
  head: Head,
  bytes: Uint8Array,
  start: number,
  end: number,
  maxBytes: number,
  maxFields: number,
  needsVersion: boolean,
): number {
  let at = start;
  while (at < end && bytes[at]! > CR) at++;
  if (at + 1 >= end || bytes[at] !== CR || bytes[at + 1] !== LF) return -1;
  if (needsVersion && !endsInVersion(bytes, start, at + 1)) return -1;
  const lineEnd = at;
  at += 2;

  let isCanonical = true;
  for (;;) {
    const nameStart = at;
    while (at < end && IS_TOKEN[bytes[at]!] === 1) at++;
    if (at + 1 >= end) return giveUp(head);
    const nameEnd = at;
    if (bytes[at] !== COLON || nameEnd === nameStart) {
      if (nameEnd > nameStart || bytes[at] !== CR || bytes[at + 1] !== LF) return giveUp(head);
      break;
    }
    at++;
    let valueStart = at;
    while (valueStart < end && isBlank(bytes[valueStart]!)) valueStart++;
    at = valueStart;
    while (at < end && (bytes[at]! > CR || bytes[at] === TAB)) at++;
    if (at + 1 >= end || bytes[at] !== CR || bytes[at + 1] !== LF) return giveUp(head);
    let valueEnd = at;
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1]!)) valueEnd--;
    if (valueStart !== nameEnd + 2 || bytes[nameEnd + 1] !== SPACE || valueEnd !== at) isCanonical = false;
    if (head.fieldCount >= maxFields) return giveUp(head);
    head.add(
      nameStart - start,
      nameEnd - start,
      valueStart - start,
      valueEnd - start,
      nameMark(bytes, nameStart, nameEnd),
    );
    at += 2;
  }
  at += 2;
  if (at - start > maxBytes || at - start > MAX_LINE_BYTES) return giveUp(head);
  head.append(bytes, start, at);
  head.lineEnd = lineEnd - start;
  head.fieldsStart = lineEnd + 2 - start;
  head.isCanonical = isCanonical;
  head.isParsed = true;
  return at;
}

function giveUp(head: Head): -1 {
  head.clearFields();
  return -1;
}
