import { COLON, CR, LF, NUL } from '../../base/ascii.ts';
import { isBlank, isSpace } from './chars.ts';
import { type Head, LINE_FAULT } from './head.ts';

/** Faults behind which a browser may read other fields than a strict parser. */
export const ODD_FAULTS =
  LINE_FAULT.bareCr |
  LINE_FAULT.nul |
  LINE_FAULT.folded |
  LINE_FAULT.foldedFirst |
  LINE_FAULT.invalidName |
  LINE_FAULT.missingColon;

/**
 * Rewrites an odd response head into the lines that browsers read, as far as they agree and libhtp follows them: a bare
 * CR ends a line; a line that begins with a blank or NUL goes on with the one before, unless both have a colon; NULs
 * and white space in and behind names are dropped. What an attacker's server sends is then inspected as its victim sees
 * it. Start lines keep their place; the raw fields stay readable as `rawFields`.
 */
export function makeLenient(head: Head, isHttp11: boolean): void {
  const lines = fieldLines(head);
  const fields: number[][] = [];
  for (const line of lines) {
    const last = fields[fields.length - 1];
    if (last === undefined || !(isBlank(line[0]!) || line[0] === NUL)) {
      fields.push(line);
      continue;
    }
    let from = 0;
    while (from < line.length && (isBlank(line[from]!) || line[from] === NUL)) from++;
    const content = line.slice(from);
    if (isHttp11 && content.includes(COLON) && last.includes(COLON)) fields.push(content);
    else for (const byte of line) if (byte !== NUL) last.push(byte);
  }
  const out: number[] = [...head.bytes.subarray(0, head.lineEnd), CR, LF];
  for (const field of fields) {
    const colonAt = field.indexOf(COLON);
    if (colonAt < 0) {
      for (const byte of field) out.push(byte);
    } else {
      for (let i = 0; i < colonAt; i++) if (field[i] !== NUL && !isSpace(field[i]!)) out.push(field[i]!);
      for (let i = colonAt; i < field.length; i++) out.push(field[i]!);
    }
    out.push(CR, LF);
  }
  out.push(CR, LF);
  head.rewrite(Uint8Array.from(out), head.lineEnd + 2);
}

/** The lines behind the start line without their ends; empty ones are left out. */
function fieldLines(head: Head): number[][] {
  const { bytes, length } = head;
  const lines: number[][] = [];
  let line: number[] = [];
  for (let at = head.fieldsStart; at < length; at++) {
    const byte = bytes[at]!;
    if (byte !== CR && byte !== LF) {
      line.push(byte);
      continue;
    }
    if (line.length > 0) lines.push(line);
    line = [];
  }
  if (line.length > 0) lines.push(line);
  return lines;
}
