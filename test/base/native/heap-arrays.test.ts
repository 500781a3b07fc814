import { expect, test } from 'vitest';
import { fromLatin1 } from '../../../src/base/bytes.ts';
import { forNative } from '../../../src/base/native/heap-arrays.ts';
import { Matcher } from '../../../src/base/native/matcher.ts';
import { Regex } from '../../../src/base/native/regex.ts';
import { usedMemory } from '../../support/heap.ts';

test.each([
  ['a search', (matcher: Matcher, _: Regex, bytes: Uint8Array) => matcher.scan(bytes, 0, bytes.length) === 1],
  ['an expression', (_: Matcher, regex: Regex, bytes: Uint8Array) => regex.match(bytes, 0, bytes.length, 0) > 0],
])('%s of short arrays gives them no memory of their own', (_, finds) => {
  const matcher = Matcher.compile([{ bytes: fromLatin1('example'), flags: 0 }]);
  const regex = new Regex('ex[a]mple', 0, { matchLimit: 1000, depthLimit: 1000 });
  const before = usedMemory().bufferBytes;
  const names = Array.from({ length: 10_000 }, () =>
    Uint8Array.from([...'www.example.com'].map((c) => c.charCodeAt(0))),
  );
  expect(names.every((name) => finds(matcher, regex, name))).toBe(true);
  expect(usedMemory().bufferBytes - before).toBeLessThan(names.length);
});

test.each([1, 16, 64, 65, 1000])('of %d bytes, those that are asked for are at their place', (length) => {
  const bytes = Uint8Array.from({ length }, (_, i) => i + 1);
  const [start, end] = [length >> 2, length - (length >> 3)];
  const given = forNative(bytes, start, end);
  expect(given.slice(start, end)).toEqual(bytes.slice(start, end));
});

test('what need not be copied is not', () => {
  const long = new Uint8Array(65);
  const view = new Uint8Array(100).subarray(10, 20);
  const buffer = Buffer.from('pooled');
  for (const bytes of [long, view, buffer]) expect(forNative(bytes, 0, bytes.length)).toBe(bytes);
  const short = new Uint8Array(4);
  expect(forNative(short, 0, 5)).toBe(short);
});
