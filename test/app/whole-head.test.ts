import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Head } from '../../src/app/http/head.ts';
import { HeadScanner, SCAN } from '../../src/app/http/head-scanner.ts';
import { takeWholeHead } from '../../src/app/http/whole-head.ts';
import { fromLatin1, latin1 } from '../../src/base/bytes.ts';

const MAX_BYTES = 100;
const MAX_FIELDS = 3;

const take = (head: Head, text: string, needsVersion = true): number =>
  takeWholeHead(head, fromLatin1(text), 0, text.length, MAX_BYTES, MAX_FIELDS, needsVersion);

/** All that is known of a head. */
function contents(head: Head): unknown {
  const { length, lineEnd, fieldsStart, fieldCount, isCanonical } = head;
  const fields = Array.from({ length: fieldCount }, (_, field) => [
    head.nameStart(field),
    head.nameEnd(field),
    head.valueText(field),
  ]);
  return { bytes: latin1(head.bytes, 0, length), lineEnd, fieldsStart, isCanonical, fields };
}

/** The same, found bit by bit; null where there is a fault. */
function parsed(text: string): unknown {
  const head = new Head(0);
  const scanner = new HeadScanner(false);
  const bytes = fromLatin1(text);
  if (scanner.scan(bytes, 0, bytes.length, head, MAX_BYTES, true) !== SCAN.complete) return null;
  const faults = head.parseStartLine(false) | head.parseFields(head.fieldsStart, true, MAX_FIELDS);
  return faults === 0 ? { at: scanner.at, ...(contents(head) as object) } : null;
}

describe('a whole head', () => {
  test.each([
    'GET / HTTP/1.1\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\n\r\nbody',
    'GET / HTTP/1.1\r\nHost:a\r\nX: \r\nY:\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: \t a b\t \r\n\r\n',
    `GET / HTTP/1.1\r\nA: ${'x'.repeat(MAX_BYTES - 23)}\r\n\r\n`,
  ])('%j is taken', (text) => {
    const head = new Head(0);
    const at = take(head, text);
    expect(at).toBeGreaterThan(0);
    expect({ at, ...(contents(head) as object) }).toEqual(parsed(text));
  });

  test.each([
    ['no end', 'GET / HTTP/1.1\r\nHost: a\r\n\r'],
    ['no version', 'GET /\r\nHost: a\r\n\r\n'],
    ['a line end of LF', 'GET / HTTP/1.1\r\nHost: a\n\r\n'],
    ['a bare CR', 'GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n'],
    ['a NUL', 'GET / HTTP/1.1\r\nHost: a\0\r\n\r\n'],
    ['a folded line', 'GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n'],
    ['a line without colon', 'GET / HTTP/1.1\r\nHost\r\n\r\n'],
    ['a field without name', 'GET / HTTP/1.1\r\n: a\r\n\r\n'],
    ['a blank before a colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n'],
    ['too many fields', `GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(MAX_FIELDS + 1)}\r\n`],
    ['too many bytes', `GET / HTTP/1.1\r\nA: ${'x'.repeat(MAX_BYTES - 22)}\r\n\r\n`],
  ])('with %s is left as it is', (_name, text) => {
    const head = new Head(0);
    const before = contents(head);
    expect(take(head, text)).toBe(-1);
    expect(contents(head)).toEqual(before);
  });

  test('needs a version only where it is asked for', () => {
    expect(take(new Head(0), 'HTTP/1.1 200 OK\r\n\r\n')).toBe(-1);
    expect(take(new Head(0), 'HTTP/1.1 200 OK\r\n\r\n', false)).toBe(19);
  });

  test('of any lines is what is found bit by bit', () => {
    const line = fc.constantFrom('A: b', 'C:', 'Host:\t x ', ' y', 'Z', 'q\0: 1', 'A: b\rc', '', 'Long-Name: value');
    const lines = fc.array(fc.tuple(line, fc.constantFrom('\r\n', '\r\n', '\r\n', '\n')), { maxLength: 6 });
    fc.assert(
      fc.property(lines, (parts) => {
        const text = `GET / HTTP/1.1\r\n${parts.map(([line, end]) => line + end).join('')}\r\n`;
        const head = new Head(0);
        const at = take(head, text);
        const expected = parsed(text);
        expect(at < 0 ? null : { at, ...(contents(head) as object) }).toEqual(expected);
      }),
    );
  });
});
