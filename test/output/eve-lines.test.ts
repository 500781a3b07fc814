import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countLines, forEachEveLine } from '../../src/output/eve-lines.ts';

function visited(text: string): [string, string][] {
  const lines: [string, string][] = [];
  forEachEveLine(text, (line, type) => lines.push([type, line]));
  return lines;
}

test('each line comes with its type, whatever traffic wrote into it', () => {
  const forged = JSON.stringify({ event_type: 'http', http: { url: '/"event_type":"alert"' } });
  const text = `{"timestamp":"","event_type":"alert"}\n${forged}\n{}\n`;
  expect(visited(text)).toEqual([
    ['alert', '{"timestamp":"","event_type":"alert"}'],
    ['http', forged],
    ['', '{}'],
  ]);
});

test('no line is lost, split or joined', () => {
  fc.assert(
    fc.property(fc.array(fc.string().map((text) => text.replaceAll('\n', ''))), (lines) => {
      const text = lines.map((line) => `${line}\n`).join('');
      expect(visited(text).map(([, line]) => line)).toEqual(lines);
      expect(countLines(text)).toBe(lines.length);
    }),
  );
});
