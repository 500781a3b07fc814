import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { logicalLines } from '../../src/rules/lexer.ts';

const linesOf = (text: string) => logicalLines(text).map(({ line, text }) => [line, text]);

describe('logicalLines', () => {
  test('leaves out comments and blank lines and counts them', () => {
    expect(linesOf('# a\n\nfirst\n  \n;b\n  # c\nsecond')).toEqual([
      [3, 'first'],
      [7, 'second'],
    ]);
  });

  test('takes CRLF, and no newline at the end', () => {
    expect(linesOf('first\r\nsecond\r\n\r\nthird')).toEqual([
      [1, 'first'],
      [2, 'second'],
      [4, 'third'],
    ]);
  });

  test('skips a byte order mark', () => {
    expect(linesOf('\ufefffirst')).toEqual([[1, 'first']]);
    expect(linesOf('\ufeff# comment\nfirst')).toEqual([[2, 'first']]);
  });

  test('joins lines that end in a backslash', () => {
    expect(linesOf('first \\\n  and \\\r\nlast\nnext')).toEqual([
      [1, 'first   and last'],
      [4, 'next'],
    ]);
  });

  test('a comment cannot be continued', () => {
    expect(linesOf('# comment \\\nrule')).toEqual([[2, 'rule']]);
  });

  test('a backslash before a blank line or the end joins nothing more', () => {
    expect(linesOf('first \\\n\nsecond')).toEqual([
      [1, 'first '],
      [3, 'second'],
    ]);
    expect(linesOf('first \\')).toEqual([[1, 'first ']]);
    expect(linesOf('\\\n')).toEqual([]);
  });

  test('a comment sign within a continued rule is text', () => {
    expect(linesOf('first \\\n# not a comment')).toEqual([[1, 'first # not a comment']]);
  });

  test('an indented rule is a rule', () => {
    const [line] = logicalLines('  rule');
    expect(line!.text).toBe('rule');
    expect(line!.place(0)).toEqual({ line: 1, column: 3 });
  });

  test('finds the place of each character, whatever the text', () => {
    const piece = fc.string({ unit: fc.constantFrom('a', ' ', '#', '\\', '\t'), maxLength: 6 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.constantFrom('\n', '\r\n'), (pieces, newline) => {
        const physical = pieces.join(newline).split(newline);
        for (const line of logicalLines(pieces.join(newline))) {
          for (let at = 0; at < line.text.length; at++) {
            const place = line.place(at);
            expect(physical[place.line - 1]![place.column - 1]).toBe(line.text[at]);
          }
        }
      }),
    );
  });
});
