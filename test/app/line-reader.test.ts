import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineReader } from '../../src/app/line-reader.ts';
import { fromLatin1, latin1 } from '../../src/base/bytes.ts';

/** Every line of the pieces; `!` before one that was cut. */
function linesOf(pieces: readonly string[], limitBytes = 100): string[] {
  const reader = new LineReader(limitBytes);
  const lines: string[] = [];
  for (const piece of pieces) {
    const lent = fromLatin1(`\n${piece}\n`);
    for (let at = 1; at >= 0 && at < lent.length - 1; ) {
      at = reader.read(lent, at, lent.length - 1);
      if (at >= 0) lines.push(`${reader.isCut ? '!' : ''}${latin1(reader.bytes, reader.start, reader.end)}`);
    }
    lent.fill(0x58);
  }
  return lines;
}

test('a line ends at LF, and a CR before it belongs to its end', () => {
  expect(linesOf(['a\r\nb\n\r\n\nc\rd\r\r\nrest'])).toEqual(['a', 'b', '', '', 'c\rd\r']);
});

test('a line over the limit is cut there', () => {
  expect(linesOf(['1234\r\n12345\r\n123456\r\nx\r\n'], 5)).toEqual(['1234', '!12345', '!12345', 'x']);
});

test('the same lines, whatever pieces they come in', () => {
  const piece = fc.string({ unit: fc.constantFrom('a', 'b', '\r', '\n'), maxLength: 12 });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      expect(linesOf(pieces, 5)).toEqual(linesOf([pieces.join('')], 5));
    }),
  );
});

test('what has begun can be forgotten', () => {
  const reader = new LineReader(10);
  reader.read(fromLatin1('lost'), 0, 4);
  expect(reader.pendingBytes).toBe(4);
  reader.forget();
  expect(reader.read(fromLatin1('b\n'), 0, 2)).toBe(2);
  expect(latin1(reader.bytes, reader.start, reader.end)).toBe('b');
});
