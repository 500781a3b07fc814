/**
 * Is the value of a Content-Range one that says something (RFC 9110 §14.4)? As Suricata reads it: bytes alone, a range
 * that is not turned round, and within the size where there is one.
 */
export function isContentRange(value: string): boolean {
  const [, first, last, size] = FORM.exec(value) ?? [];
  if (first === undefined || last === undefined) return FORM.test(value);
  const end = Number(last);
  if (size === undefined || size === '*' || end === 0) return true;
  const isWhole = Number(first) === 0 && end === Number(size) - 1;
  return isWhole || (Number(first) <= end && end < Number(size));
}

const FORM = /^ *bytes *(?:(\d{1,20})-(\d{1,20})\/(\d{1,20}|\*)|\*\/\d{1,20})/;
