import { latin1 } from '../base/bytes.ts';

/** The value of a structured field before its parameters, in lower case: `multipart/mixed`. */
export const mainValue = (field: string): string => /^[^;]*/.exec(field)![0].trim().toLowerCase();

/**
 * A parameter of a structured field, RFC 2045 §5.1: quoted or not; in pieces (`name*0`) or percent-encoded (`name*`) as
 * in RFC 2231. Null without one. One character per byte, as the field's text has.
 */
export function parameter(field: string, name: string): string | null {
  const pieces: string[] = [];
  PARAMETER.lastIndex = 0;
  for (let match = PARAMETER.exec(field); match !== null; match = PARAMETER.exec(field)) {
    const [, found = '', index, star = '', quoted, plain = ''] = match;
    if (found.toLowerCase() !== name) continue;
    const value = quoted === undefined ? plain : quoted.replace(/\\(.)/gs, '$1');
    const text = star === '' ? value : decoded(value);
    if (index === undefined) return text;
    if (Number(index) === pieces.length) pieces.push(text);
  }
  return pieces.length === 0 ? null : pieces.join('');
}

/** Each value of a parameter that is there several times, in whole. */
export function parameters(field: string, name: string): string[] {
  const values: string[] = [];
  PARAMETER.lastIndex = 0;
  for (let match = PARAMETER.exec(field); match !== null; match = PARAMETER.exec(field)) {
    const [, found = '', index, star = '', quoted, plain = ''] = match;
    if (found.toLowerCase() !== name || index !== undefined || star !== '') continue;
    values.push(quoted === undefined ? plain : quoted.replace(/\\(.)/gs, '$1'));
  }
  return values;
}

/** Without charset and language, RFC 2231 §4. */
function decoded(value: string): string {
  const text = value.replace(/^[^']*'[^']*'/, '');
  return text.replace(/%([0-9a-f]{2})/gi, (_, digits: string) => latin1(Buffer.from(digits, 'hex')));
}

const PARAMETER = /;\s*([^\s=;*"]+)(?:\*(\d{1,3}))?(\*)?\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^\s;]*))/gs;
