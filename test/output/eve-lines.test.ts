import fc from 'fast-check';
import { expect, test } from 'vitest';
import { countLines, EveLine, EveLines } from '../../src/output/eve-lines.ts';

test('each line comes with its type, whatever traffic wrote into it', () => {
  const forged = JSON.stringify({ event_type: 'http', http: { url: '/"event_type":"alert"' } });
  const text = `{"timestamp":"","event_type":"alert"}\n${forged}\n{}\n`;
  expect(Array.from(new EveLines(text), (line) => [line.type, line.text])).toEqual([
    ['alert', '{"timestamp":"","event_type":"alert"}'],
    ['http', forged],
    ['', '{}'],
  ]);
});

test('no line is lost, split or joined', () => {
  fc.assert(
    fc.property(fc.array(fc.string().map((text) => text.replaceAll('\n', ''))), (lines) => {
      const text = lines.map((line) => `${line}\n`).join('');
      expect(Array.from(new EveLines(text), (line) => line.text)).toEqual(lines);
      expect(countLines(text)).toBe(lines.length);
    }),
  );
});

test('lines are taken apart once, and parsed once', () => {
  const lines = new EveLines('{"timestamp":"x"}\n');
  const [first] = lines;
  const [again] = lines;
  expect(again).toBe(first);
  expect(again!.event).toBe(first!.event);
  expect(first!.event.timestamp).toBe('x');
});

test('what is no JSON says so when it is read', () => {
  expect(() => new EveLine('{').event).toThrow(SyntaxError);
});
